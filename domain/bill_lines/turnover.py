"""Turnover rent: which settlements end in a month, on which sales, over which rent."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from domain.bill_inputs import BilledLine, ContractInput, SalesTotal
from domain.bill_lines.line import Line, days_in_force, make_line
from domain.bill_lines.recurring import recurring_lines
from domain.calendar import ONE_DAY, Period, lease_year_of, month_share, quarter_of
from domain.charges import ChargeType
from domain.clauses import Breakpoint, Clause, Percentage, Settlement
from domain.money import ZERO
from domain.pricing import percentage
from domain.pricing.percentage import WHOLE_PERIOD, Scale

MONTHS_OF = {Settlement.MONTH: 1, Settlement.QUARTER: 3, Settlement.LEASE_YEAR: 12}


def settlement_periods(
    contract: ContractInput, clause: Clause, terms: Percentage, month: Period
) -> tuple[tuple[Period, Period], ...]:
    """(days in force, whole settlement period) of the settlements that end in `month`.

    A settlement ends with its period, with the clause or with the lease, whichever is first.
    """
    days = days_in_force(contract, clause, month)
    found: list[tuple[Period, Period]] = []
    day = days.first if days else month.last + ONE_DAY
    while days and day <= days.last:
        match terms.settlement:
            case Settlement.MONTH:
                whole = month
            case Settlement.QUARTER:
                whole = quarter_of(day)
            case Settlement.LEASE_YEAR:
                whole = lease_year_of(day, contract.start)
        in_force = days_in_force(contract, clause, whole)
        if in_force is not None and in_force.last <= month.last:
            found.append((in_force, whole))
        day = whole.last + ONE_DAY
    return tuple(found)


def sales_periods(contract: ContractInput, month: Period) -> tuple[Period, ...]:
    """The periods whose sales this lease needs in this month: of settlements that end in it,
    else the days of the month itself, so that a gap shows when it arises; and of those that end
    in its recomputed months.
    """
    periods: list[Period] = []
    for clause in contract.clauses:
        if isinstance(clause.pricing, Percentage):
            settled = settlement_periods(contract, clause, clause.pricing, month)
            days = days_in_force(contract, clause, month)
            if settled:
                periods += [in_force for in_force, _ in settled]
            elif days is not None:
                periods.append(days)
    return tuple(dict.fromkeys((*periods, *recomputed_periods(contract))))


def recomputed_periods(contract: ContractInput) -> tuple[Period, ...]:
    """The days of the settlements that end in recomputed months."""
    return tuple(days for _, _, days, _ in _recomputed(contract))


def turnover_lines(
    contract: ContractInput,
    clause: Clause,
    terms: Percentage,
    month: Period,
    lines: Sequence[Line],
) -> Iterator[Line]:
    for days, whole in settlement_periods(contract, clause, terms, month):
        rent = [line for line in lines if line.charge_type is ChargeType.RENT]
        if not (month.contains(days) and all(days.contains(line.period) for line in rent)):
            rent = _rent_of(contract, days)
        line = _line(contract, clause, terms, days, whole, rent)
        if line is not None:
            yield line


def recomputed_lines(contract: ContractInput) -> Iterator[Line]:
    """What the settlements that end in recomputed months come to now, beyond what was billed."""
    for clause, terms, days, whole in _recomputed(contract):
        line = _line(contract, clause, terms, days, whole, _rent_of(contract, days))
        if line is not None and line.total:
            yield line


def is_unsettled(contract: ContractInput) -> bool:
    """Whether a settlement that ends in a recomputed month waits for its sales."""
    return any(
        not is_complete(sales_of(contract, days)) and not is_settled(contract, days)
        for _, _, days, _ in _recomputed(contract)
    )


def is_settled(contract: ContractInput, days: Period) -> bool:
    """Whether a bill settled these days before: what was missing of their sales passed then."""
    return any(line.is_share and line.period == days for line in contract.billed)


def is_complete(sales: SalesTotal | None) -> bool:
    return (
        sales is not None
        and sales.amount is not None
        and sales.days_complete >= sales.days_expected
    )


def _recomputed(contract: ContractInput) -> Iterator[tuple[Clause, Percentage, Period, Period]]:
    """The settlements that end in recomputed months, each with its clause."""
    for billed in contract.recomputed:
        for clause in sorted(contract.clauses, key=lambda one: (one.valid_from, one.clause_id)):
            terms = clause.pricing
            if isinstance(terms, Percentage):
                for days, whole in settlement_periods(contract, clause, terms, billed.month):
                    yield clause, terms, days, whole


def _line(
    contract: ContractInput,
    clause: Clause,
    terms: Percentage,
    days: Period,
    whole: Period,
    rent: Sequence[Line],
) -> Line | None:
    """A settlement over the `rent` of its days, less what was billed; None without its sales."""
    sales = sales_of(contract, days)
    if sales is None or sales.amount is None:
        return None
    base = ZERO
    if terms.breakpoint is Breakpoint.NATURAL:
        base = _sum(rent, clause)
    billed = [
        line
        for line in contract.billed
        if line.is_share
        and (day := _settling_day(contract, line.period.first)) is not None
        and days.first <= day <= days.last
    ]
    priced = percentage.price(
        terms,
        sales=sales.amount,
        base=base,
        billed=_sum(billed, clause),
        scale=scale_of(contract, days, whole, terms.settlement),
        currency=contract.currency,
    )
    sources: dict[str, Any] = {
        "sales": {
            "first": days.first.isoformat(),
            "last": days.last.isoformat(),
            "days": sales.days_complete,
            "days_expected": sales.days_expected,
        }
    }
    if billed:
        sources["billed"] = [line.bill_number for line in billed]
    return make_line(clause, days, priced, sources)


def _settling_day(contract: ContractInput, day: date) -> date | None:
    """The day whose settlement takes into account a share of sales billed from `day` on: that
    day, or the last before it on which a share of sales is due.

    An amendment gives clauses new ids and an early end cuts their days: what was billed by the
    clause before, or for days on which nothing is due any more, is found by its first day.
    """
    found = None
    for clause in contract.clauses:
        if isinstance(clause.pricing, Percentage):
            days = days_in_force(contract, clause, Period(contract.start, day))
            if days is not None and (found is None or days.last > found):
                found = days.last
    return found


def sales_of(contract: ContractInput, period: Period) -> SalesTotal | None:
    for sales in contract.sales:
        if sales.period == period:
            return sales
    return None


def _rent_of(contract: ContractInput, days: Period) -> list[Line]:
    """The base rent of a settlement's days month by month, by the rules that bill it."""
    return [
        line
        for clause in contract.clauses
        if clause.charge_type is ChargeType.RENT
        for part in days.months()
        if (in_force := days_in_force(contract, clause, part)) is not None
        for line in recurring_lines(contract, clause, in_force)
    ]


def _sum(lines: Sequence[Line] | Sequence[BilledLine], clause: Clause) -> Decimal:
    """Net, or with tax, as the percentage is."""
    return sum([line.total if clause.is_tax_inclusive else line.net for line in lines], ZERO)


def scale_of(contract: ContractInput, days: Period, whole: Period, settlement: Settlement) -> Scale:
    """Months in force, parts by the lease's proration, over the months of the settlement."""
    if days == whole:
        return WHOLE_PERIOD
    months = Fraction(0)
    for part in days.months():
        share = month_share(part.first, part.first, part.last, contract.proration)
        months += Fraction(int(share.through), int(share.denominator))
    scale = months / MONTHS_OF[settlement]
    return Scale(Decimal(scale.numerator), Decimal(scale.denominator))
