"""Gates: what must hold before a shop's bills of a month may be issued.

Belongs here: the checks and their limits. Storing them, and who overrode one, belongs to
`services.operations.billing`. A failing gate holds that shop only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Any

from domain.bill_inputs import BillRunInputs, ContractInput
from domain.bill_lines.line import days_in_force
from domain.bill_lines.turnover import is_complete, is_settled, sales_of, sales_periods
from domain.bill_lines.usage import tariff_spans, usage_of
from domain.bill_run import Bill
from domain.clauses import Metered, Percentage
from domain.money import ZERO
from domain.pricing import adjustment, metered
from domain.pricing.priced import text


class Gate(StrEnum):
    CLAUSES = "CLAUSES"  # every clause can be read
    TARIFF = "TARIFF"  # a price for every day of metered use
    METER_COMPLETENESS = "METER_COMPLETENESS"
    METER_ANOMALY = "METER_ANOMALY"  # no register ran backwards or faster than it can
    USAGE_DISAPPEARED = "USAGE_DISAPPEARED"  # usage billed last month is still there
    POS_DAYS = "POS_DAYS"  # no sales day of a turnover lease is missing
    LINE_EXISTS = "LINE_EXISTS"  # nothing is charged a second time
    LINES_PER_DAY = "LINES_PER_DAY"
    AMOUNT = "AMOUNT"  # not far above what the shop is used to


LEAST_COMPLETENESS = Decimal("0.95")
MOST_LINES_PER_DAY = 15
MOST_TIMES_MEDIAN = 3
# Fewer bills than this have no median worth comparing with: the first is often a part month.
LEAST_BILLS = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """A gate that does not hold; `detail` is JSON and says what is missing or too much."""

    gate: Gate
    detail: Mapping[str, Any]


def check_gates(
    contract: ContractInput, bill: Bill | None, inputs: BillRunInputs
) -> tuple[Failure, ...]:
    """The gates that do not hold for one lease, in the order of `Gate`; empty when all do."""
    failures: list[Failure] = []
    if contract.problems:
        failures.append(Failure(Gate.CLAUSES, {"problems": list(contract.problems)}))
    failures += _check_metered(contract, inputs)
    if contract.missing_usage:
        failures.append(Failure(Gate.USAGE_DISAPPEARED, {"meters": list(contract.missing_usage)}))
    failures += _check_sales(contract, inputs)
    if bill is not None:
        failures += _check_bill(contract, bill)
    return tuple(failures)


def _check_metered(contract: ContractInput, inputs: BillRunInputs) -> list[Failure]:
    unpriced: list[str] = []
    incomplete: list[dict[str, Any]] = []
    odd: list[dict[str, Any]] = []
    for clause in contract.clauses:
        if not isinstance(clause.pricing, Metered):
            continue
        days = days_in_force(contract, clause, inputs.month)
        if days is None:
            continue
        spans, is_covered = tariff_spans(inputs.tariffs.get(clause.pricing.tariff, ()), days)
        if not is_covered:
            unpriced.append(clause.pricing.tariff)
        usages = usage_of(contract, clause)
        if not usages:
            incomplete.append({"charge": clause.charge_type.value, "problem": "no meter"})
        for usage in usages:
            if usage.anomalies or (usage.consumption or ZERO) < 0:
                odd.append({"device": usage.device_code, "steps": usage.anomalies})
            problem = _meter_problem(usage)
            if not problem and any(
                not metered.is_known(usage, tariff, span, inputs.month) for span, tariff in spans
            ):
                problem = "no hours of use"
            if problem:
                incomplete.append(
                    {
                        "charge": clause.charge_type.value,
                        "device": usage.device_code,
                        "problem": problem,
                        "received": usage.hours_received,
                        "expected": usage.hours_expected,
                    }
                )
    failures = []
    if unpriced:
        failures.append(Failure(Gate.TARIFF, {"tariffs": unpriced}))
    if incomplete:
        failures.append(Failure(Gate.METER_COMPLETENESS, {"meters": incomplete}))
    if odd:
        failures.append(Failure(Gate.METER_ANOMALY, {"meters": odd}))
    return failures


def _meter_problem(usage: metered.MeterUsage) -> str:
    if usage.has_dial and usage.opening_register is None:
        return "no opening register"
    if usage.has_dial and usage.closing_register is None:
        return "no closing register"
    if usage.consumption is None:
        return "no consumption"
    if usage.hours_received < usage.hours_expected * LEAST_COMPLETENESS:
        return "missing readings"
    return ""


def _check_sales(contract: ContractInput, inputs: BillRunInputs) -> list[Failure]:
    missing: list[dict[str, Any]] = []
    if any(isinstance(clause.pricing, Percentage) for clause in contract.clauses):
        for period in sales_periods(contract, inputs.month):
            sales = sales_of(contract, period)
            complete = sales.days_complete if sales else 0
            if not is_complete(sales) and not is_settled(contract, period):
                missing.append(
                    {
                        "first": period.first.isoformat(),
                        "last": period.last.isoformat(),
                        "days_complete": complete,
                        "days_expected": sales.days_expected if sales else period.days,
                    }
                )
    return [Failure(Gate.POS_DAYS, {"periods": missing})] if missing else []


def _check_bill(contract: ContractInput, bill: Bill) -> list[Failure]:
    failures: list[Failure] = []
    if contract.billed:
        # A true-up and an adjustment take what was billed into account; every other charge is
        # owed once.
        settled = {
            clause.clause_id
            for clause in contract.clauses
            if isinstance(clause.pricing, Percentage)
        }
        again = sorted(
            {
                earlier.bill_number
                for line in bill.lines
                for earlier in contract.billed
                if earlier.clause_id == line.clause_id
                and line.clause_id not in settled
                and line.derivation["formula"] != adjustment.FORMULA
                and earlier.period.overlap(line.period)
            }
        )
        if again:
            failures.append(Failure(Gate.LINE_EXISTS, {"bills": again}))
    if len(bill.lines) > MOST_LINES_PER_DAY:
        most = max(
            sum(
                other.period.first <= line.period.first <= other.period.last for other in bill.lines
            )
            for line in bill.lines
        )
        if most > MOST_LINES_PER_DAY:
            failures.append(Failure(Gate.LINES_PER_DAY, {"lines": most}))
    if len(contract.previous_totals) >= LEAST_BILLS:
        usual = median(contract.previous_totals)
        if bill.total > max(usual, ZERO) * MOST_TIMES_MEDIAN:
            failures.append(
                Failure(Gate.AMOUNT, {"total": text(bill.total), "median": text(usual)})
            )
    return failures
