"""Turnover rent: which settlements end in a month, on which sales, over which rent."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from domain.bill_inputs import ContractInput, SalesTotal
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
    else the days of the month itself, so that a gap shows when it arises.
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
    return tuple(dict.fromkeys(periods))


def turnover_lines(
    contract: ContractInput,
    clause: Clause,
    terms: Percentage,
    month: Period,
    lines: Sequence[Line],
) -> Iterator[Line]:
    for days, whole in settlement_periods(contract, clause, terms, month):
        sales = sales_of(contract, days)
        if sales is None or sales.amount is None:
            continue
        base = ZERO
        if terms.breakpoint is Breakpoint.NATURAL:
            base = _rent_of(contract, days, month, lines, clause.is_tax_inclusive)
        billed = [
            line
            for line in contract.billed
            if line.clause_id == clause.clause_id and days.contains(line.period)
        ]
        priced = percentage.price(
            terms,
            sales=sales.amount,
            base=base,
            billed=sum(
                (line.total if clause.is_tax_inclusive else line.net for line in billed), ZERO
            ),
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
        yield make_line(clause, days, priced, sources)


def sales_of(contract: ContractInput, period: Period) -> SalesTotal | None:
    for sales in contract.sales:
        if sales.period == period:
            return sales
    return None


def _rent_of(
    contract: ContractInput, days: Period, month: Period, lines: Sequence[Line], is_inclusive: bool
) -> Decimal:
    """Base rent of a settlement, net or with tax as the percentage is.

    This month's rent lines where they lie within the settlement; else the rent of its days
    month by month, by the same rules.
    """
    rent = [line for line in lines if line.charge_type is ChargeType.RENT]
    if not (month.contains(days) and all(days.contains(line.period) for line in rent)):
        rent = [
            line
            for clause in contract.clauses
            if clause.charge_type is ChargeType.RENT
            for part in days.months()
            if (in_force := days_in_force(contract, clause, part)) is not None
            for line in recurring_lines(contract, clause, in_force)
        ]
    return sum([line.total if is_inclusive else line.net for line in rent], ZERO)


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
