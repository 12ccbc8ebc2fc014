"""Metered charges: which meters, on which days, by which version of the tariff."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.bill_inputs import BillRunInputs, ContractInput
from domain.bill_lines.line import Line, days_in_force, make_line
from domain.calendar import Period
from domain.charges import TariffKind
from domain.clauses import Clause, Metered
from domain.pricing import metered
from domain.pricing.metered import MeterUsage
from domain.pricing.priced import text
from domain.tariffs import Tariff


def tariff_spans(
    versions: tuple[Tariff, ...], days: Period
) -> tuple[tuple[tuple[Period, Tariff], ...], bool]:
    """The parts of `days` with the tariff version in force, and whether no day is left over."""
    spans: list[tuple[Period, Tariff]] = []
    covered = 0
    for tariff in sorted(versions, key=lambda version: version.valid_from):
        first = max(tariff.valid_from, days.first)
        last = min(tariff.valid_to or days.last, days.last)
        if first <= last:
            span = days if (first, last) == (days.first, days.last) else Period(first, last)
            spans.append((span, tariff))
            covered += span.days
    return tuple(spans), covered == days.days


def needs_hours(
    contract: ContractInput,
    clause: Clause,
    month: Period,
    tariffs: Mapping[str, tuple[Tariff, ...]],
) -> bool:
    """Whether hours of use matter: for prices by time of use, or a month cut into parts."""
    if not isinstance(clause.pricing, Metered):
        return False
    days = days_in_force(contract, clause, month)
    if days is None:
        return False
    spans, _ = tariff_spans(tariffs.get(clause.pricing.tariff, ()), days)
    return any(span != month or tariff.kind is TariffKind.TIME_OF_USE for span, tariff in spans)


def usage_of(contract: ContractInput, clause: Clause) -> tuple[MeterUsage, ...]:
    return tuple(usage for usage in contract.usage if usage.charge_type is clause.charge_type)


def usage_lines(
    contract: ContractInput, clause: Clause, terms: Metered, inputs: BillRunInputs
) -> Iterator[Line]:
    days = days_in_force(contract, clause, inputs.month)
    if days is None:
        return
    usages = usage_of(contract, clause)
    spans, _ = tariff_spans(inputs.tariffs.get(terms.tariff, ()), days)
    for span, tariff in spans:
        priced = metered.price(
            terms,
            tariff,
            usages,
            span=span,
            month=inputs.month,
            currency=contract.currency,
        )
        if priced is None:
            continue
        sources = {
            "meters": [_meter_source(usage) for usage in usages],
            "tariff": {
                "id": tariff.tariff_id,
                "code": tariff.code,
                "valid_from": tariff.valid_from.isoformat(),
            },
        }
        yield make_line(clause, span, priced, sources)


def _meter_source(usage: MeterUsage) -> dict[str, Any]:
    def reading(register: Decimal | None, at: datetime | None) -> dict[str, str] | None:
        if register is None:
            return None
        return {"register": text(register), "at": at.isoformat() if at else ""}

    source = {
        "device_id": usage.device_id,
        "device": usage.device_code,
        "opening": reading(usage.opening_register, usage.opening_at),
        "closing": reading(usage.closing_register, usage.closing_at),
        "rollovers": usage.rollovers,
        "hours_expected": usage.hours_expected,
        "hours_received": usage.hours_received,
    }
    if usage.estimated:
        source["estimated"] = text(usage.estimated)
    return source
