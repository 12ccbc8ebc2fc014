"""What a lease comes to, month by month, as its terms say before anything is measured or sold.

Belongs here: the schedule that is shown beside a draft and printed in the contract. Its amounts
come from the functions of the bill run; what depends on sales or meters is named, not guessed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum

from domain.bill_inputs import ContractInput, LetUnit
from domain.bill_lines.line import Line, days_in_force
from domain.bill_lines.recurring import recurring_lines
from domain.bill_lines.turnover import scale_of, settlement_periods
from domain.calendar import Period
from domain.charges import ChargeType
from domain.clauses import Clause, FixedMonthly, Metered, PerAreaDay, PerAreaMonth, Percentage
from domain.lease_terms import LeaseTerms, in_reading_order
from domain.money import MONEY_CONTEXT, ZERO, round_cents


class Basis(StrEnum):
    """Where an amount comes from."""

    AGREED = "AGREED"  # the terms alone
    SALES = "SALES"
    METER = "METER"


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement of turnover rent that ends in the month: its days, and the least and the most
    that is due for them (before tax is added, or with it, as the clause states), where agreed.
    """

    days: Period
    minimum: Decimal | None
    maximum: Decimal | None


@dataclass(frozen=True, slots=True)
class ScheduleCharge:
    """What one charge comes to in a month. Amounts are 0 unless the basis is AGREED. `free_days`
    are days of RENT with factor 0. A charge of which a part is agreed and a part measured has
    an entry for each.
    """

    charge_type: ChargeType
    basis: Basis
    net: Decimal
    tax: Decimal
    total: Decimal
    free_days: int = 0
    settled: tuple[Settled, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduleMonth:
    """The lease's days in a calendar month, and what is agreed for them; the sums hold AGREED
    charges alone.
    """

    days: Period
    charges: tuple[ScheduleCharge, ...]
    net: Decimal
    tax: Decimal
    total: Decimal

    @property
    def is_free(self) -> bool:
        """Whether rent is free on every day of the month."""
        return any(charge.free_days == self.days.days for charge in self.charges)

    def charge(self, charge_type: ChargeType) -> tuple[ScheduleCharge, ...]:
        return tuple(charge for charge in self.charges if charge.charge_type is charge_type)


def rent_schedule(terms: LeaseTerms) -> tuple[ScheduleMonth, ...]:
    """One row for each calendar month of the lease, in order.

    Raises ClauseError for a clause that cannot be read: `domain.term_checks.without` takes the
    faulty ones out. The lease must not end before it starts.
    """
    contract = as_input(terms)
    months = tuple(Period(contract.start, contract.end).months())
    # A long lease in many steps: each month is computed from the few clauses that touch it.
    clauses: dict[Period, list[Clause]] = {month: [] for month in months}
    at = {(month.first.year, month.first.month): month for month in months}
    for clause in contract.clauses:
        in_force = days_in_force(contract, clause, Period(contract.start, contract.end))
        for part in in_force.months() if in_force else ():
            clauses[at[part.first.year, part.first.month]].append(clause)
    with localcontext(MONEY_CONTEXT):
        return tuple(_month(contract, clauses[month], month) for month in months)


def charge_types(schedule: Sequence[ScheduleMonth]) -> tuple[ChargeType, ...]:
    """The charges that occur, in the order of bills: the schedule's columns."""
    found = {charge.charge_type for month in schedule for charge in month.charges}
    return tuple(charge for charge in ChargeType if charge in found)


def as_input(terms: LeaseTerms) -> ContractInput:
    """The terms as the bill run sees a lease, clauses numbered from 1 in reading order."""
    return ContractInput(
        contract_id=0,
        number=terms.number,
        shop_id=0,
        shop_code=terms.shop_code,
        start=terms.start,
        end=terms.end,
        currency=terms.currency,
        proration=terms.proration,
        payment_term_days=terms.payment_term_days,
        units=tuple(
            LetUnit(unit.code, unit.area_m2, terms.start, terms.end) for unit in terms.units
        ),
        clauses=tuple(
            clause.parsed(number)
            for number, clause in enumerate(in_reading_order(terms.clauses), start=1)
        ),
    )


def _month(contract: ContractInput, clauses: Sequence[Clause], days: Period) -> ScheduleMonth:
    charges = tuple(
        entry
        for charge_type in ChargeType
        if (own := [clause for clause in clauses if clause.charge_type is charge_type])
        for entry in _charges(contract, charge_type, own, days)
    )
    return ScheduleMonth(
        days,
        charges,
        sum([charge.net for charge in charges], ZERO),
        sum([charge.tax for charge in charges], ZERO),
        sum([charge.total for charge in charges], ZERO),
    )


def _charges(
    contract: ContractInput, charge_type: ChargeType, clauses: Sequence[Clause], days: Period
) -> Iterator[ScheduleCharge]:
    lines: list[Line] = []
    free_days = 0
    is_metered = False
    settled: list[Settled] | None = None
    for clause in clauses:
        in_force = days_in_force(contract, clause, days)
        assert in_force is not None
        terms = clause.pricing
        if isinstance(terms, Percentage):
            settled = (settled or []) + _settled(contract, clause, terms, days)
        elif isinstance(terms, Metered):
            is_metered = True
        else:
            lines += recurring_lines(contract, clause, in_force)
            if isinstance(terms, FixedMonthly | PerAreaMonth | PerAreaDay) and not terms.factor:
                free_days += in_force.days
    if lines:
        yield ScheduleCharge(
            charge_type,
            Basis.AGREED,
            sum([line.net for line in lines], ZERO),
            sum([line.tax for line in lines], ZERO),
            sum([line.total for line in lines], ZERO),
            free_days,
        )
    if settled is not None:
        yield ScheduleCharge(charge_type, Basis.SALES, ZERO, ZERO, ZERO, settled=tuple(settled))
    if is_metered:
        yield ScheduleCharge(charge_type, Basis.METER, ZERO, ZERO, ZERO)


def _settled(
    contract: ContractInput, clause: Clause, terms: Percentage, days: Period
) -> list[Settled]:
    found = []
    for in_force, whole in settlement_periods(contract, clause, terms, days):
        scale = scale_of(contract, in_force, whole, terms.settlement)
        found.append(
            Settled(
                in_force,
                None if terms.minimum is None else round_cents(scale.of(terms.minimum)),
                None if terms.maximum is None else round_cents(scale.of(terms.maximum)),
            )
        )
    return found
