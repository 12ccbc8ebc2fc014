"""Charges of time and space: an amount a month, a rate per area, or an amount once."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from domain.bill_inputs import ContractInput, LetUnit
from domain.bill_lines.line import Line, make_line
from domain.calendar import ONE_DAY, Period, day_share, month_of, month_share
from domain.clauses import Clause, FixedMonthly, OneOff, PerAreaDay, PerAreaMonth
from domain.money import ZERO
from domain.pricing import fixed_monthly, one_off, per_area_day, per_area_month
from domain.pricing.priced import text


def recurring_lines(contract: ContractInput, clause: Clause, days: Period) -> Iterator[Line]:
    """Lines of one calendar month or a part of it. A change of area inside it makes two."""
    terms = clause.pricing
    if isinstance(terms, OneOff):
        if days.first == clause.valid_from:
            day = Period(days.first, days.first)
            yield make_line(clause, day, one_off.price(terms, contract.currency), {})
        return
    anchor = days.first
    if anchor.day > 1:
        anchor = max(_running_since(contract, clause), month_of(anchor).first)
    if isinstance(terms, FixedMonthly):
        share = month_share(anchor, days.first, days.last, contract.proration)
        yield make_line(clause, days, fixed_monthly.price(terms, share, contract.currency), {})
        return
    for part, area_m2, units in _let_area(contract, days):
        if isinstance(terms, PerAreaDay):
            share = day_share(anchor, part.first, part.last)
            priced = per_area_day.price(terms, area_m2, share, contract.currency)
        elif isinstance(terms, PerAreaMonth):
            share = month_share(anchor, part.first, part.last, contract.proration)
            priced = per_area_month.price(terms, area_m2, share, contract.currency)
        else:
            raise TypeError(f"{clause.pricing_kind} is not a charge of time and space")
        yield make_line(clause, part, priced, {"units": units})


def _running_since(contract: ContractInput, clause: Clause) -> date:
    """The day since which this charge has run without a break.

    Rent steps are consecutive clauses: a month split between two of them is one whole.
    """
    since = max(clause.valid_from, contract.start)
    month_first = since.replace(day=1)
    while since > month_first:
        before = since - ONE_DAY
        earlier = [
            other.valid_from
            for other in contract.clauses
            if other.charge_type is clause.charge_type
            and other.pricing_kind is clause.pricing_kind
            and other.valid_to == before
            and other.valid_from <= before
        ]
        if not earlier or before < contract.start:
            break
        since = max(min(earlier), contract.start)
    return since


def _let_area(
    contract: ContractInput, days: Period
) -> Iterator[tuple[Period, Decimal, list[dict[str, str]]]]:
    """Parts of `days` with the area let on them, m2, and its units; days without are left out."""
    if all(unit.first <= days.first and days.last <= unit.last for unit in contract.units):
        if contract.units:
            yield days, *_area(contract.units)
        return
    changes = {days.first}
    for unit in contract.units:
        changes.add(unit.first)
        changes.add(unit.last + ONE_DAY)
    firsts = sorted(day for day in changes if days.first <= day <= days.last)
    for at, first in enumerate(firsts):
        last = firsts[at + 1] - ONE_DAY if at + 1 < len(firsts) else days.last
        held = [unit for unit in contract.units if unit.first <= first and last <= unit.last]
        if held:
            yield Period(first, last), *_area(held)


def _area(units: Sequence[LetUnit]) -> tuple[Decimal, list[dict[str, str]]]:
    return (
        sum([unit.area_m2 for unit in units], ZERO),
        [{"code": unit.code, "area_m2": text(unit.area_m2)} for unit in units],
    )
