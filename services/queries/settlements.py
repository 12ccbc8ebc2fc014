"""What a lease comes to in the end: what is open, what no bill says yet, what the deposit covers.

Belongs here: adding that up as far as it is known, by the very functions that bill it. Not here:
the final bill itself, which is the bill run's, and moving the deposit (operations.leasing).
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, localcontext

import psycopg
import sqlalchemy as sa
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from domain.bill_inputs import ContractInput
from domain.bill_lines.adjustments import adjustment_lines
from domain.bill_lines.line import Line, days_in_force
from domain.bill_lines.recurring import recurring_lines
from domain.bill_lines.turnover import is_complete, is_unsettled, recomputed_periods
from domain.bills import BillState
from domain.calendar import ONE_DAY, Period, month_of
from domain.charges import CHARGE_ORDER, ChargeType
from domain.clauses import Metered, Percentage
from domain.money import MONEY_CONTEXT, ZERO
from services.queries.bill_facts import read_sales
from services.queries.bill_history import read_billed, read_recomputed
from services.queries.bill_inputs import read_lease
from services.queries.contracts import NoSuchContract
from services.queries.deposits import deposit_balance
from storage.models import Allocation, Bill, Contract

Connection = psycopg.Connection[TupleRow]

# Every bill lies before it.
AFTER_ALL = month_of(date.max)


@dataclass(frozen=True, slots=True)
class OpenBill:
    """`outstanding` is what is still to be paid; below 0 it is to be paid back. A draft is not
    issued yet, and will be.
    """

    bill_id: int
    number: str
    state: BillState
    period: Period
    due_date: date
    total: Decimal
    outstanding: Decimal


@dataclass(frozen=True, slots=True)
class UnbilledLine:
    """A charge that no bill says yet; one that `is_adjustment` puts a billed month right."""

    charge_type: ChargeType
    period: Period
    total: Decimal
    is_adjustment: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a lease owes for its days up to `as_of`, tax included, beside its deposit.

    `unknown` are charges that only sales or meters will say: of unbilled days, and of billed ones
    whose settlement waits for its sales. They are in no sum.
    `problems` name clauses that could not be read.
    """

    contract_id: int
    number: str
    currency: str
    as_of: date
    bills: tuple[OpenBill, ...]
    unbilled: tuple[UnbilledLine, ...]
    unknown: tuple[ChargeType, ...]
    deposit: Decimal
    problems: tuple[str, ...]

    @property
    def owed(self) -> Decimal:
        """Below 0 when the mall owes it."""
        return sum((bill.outstanding for bill in self.bills), ZERO) + sum(
            (line.total for line in self.unbilled), ZERO
        )

    @property
    def to_pay(self) -> Decimal:
        """What the shop pays beyond its deposit."""
        return max(self.owed - self.deposit, ZERO)

    @property
    def to_refund(self) -> Decimal:
        """What the shop gets back."""
        return max(self.deposit - self.owed, ZERO)


def final_settlement(
    session: Session, *, contract_id: int, as_of: date, now: datetime
) -> Settlement:
    """The settlement of a lease as if `as_of` were its last day, or its last day where that is
    earlier; by the clauses believed at `now`.

    Before an early end is proposed it says what that would come to. Unbilled months count from
    the first that has a bill on, or from the start of a lease without one. Reads bills: for roles
    that may. Raises NoSuchContract.
    """
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    contract = session.get(Contract, contract_id)
    lease = read_lease(connection, contract_id=contract_id, now=now)
    if contract is None or lease is None:
        raise NoSuchContract(contract_id)
    changed = [contract.recompute_from] if contract.recompute_from else []
    if as_of < lease.end:
        changed.append(as_of + ONE_DAY)
        lease = replace(lease, end=as_of)
    if changed:
        months = read_recomputed(connection, month=AFTER_ALL, since={contract_id: min(changed)})
        lease = replace(lease, recomputed=tuple(months.get(contract_id, ())))
        lease = _with_sales(connection, contract.mall_id, lease)
    bills = _bills(session, contract_id)
    billed = {month for month, _ in bills}
    days = [
        part
        for part in _unbilled_days(lease, min(billed, default=lease.start))
        if month_of(part.first).first not in billed
    ]
    return Settlement(
        contract_id=contract_id,
        number=lease.number,
        currency=lease.currency,
        as_of=lease.end,
        bills=tuple(bill for _, bill in bills if bill.outstanding),
        unbilled=(
            *(_unbilled(line, is_adjustment=True) for line in adjustment_lines(lease)),
            *(_unbilled(line, is_adjustment=False) for line in _lines(lease, days)),
        ),
        unknown=_unknown(lease, days),
        deposit=deposit_balance(session, contract_id=contract_id),
        problems=lease.problems,
    )


def _with_sales(connection: Connection, mall_id: int, lease: ContractInput) -> ContractInput:
    """The lease with what settles its sales anew: sales as far as they are complete."""
    periods = recomputed_periods(lease)
    sales = read_sales(
        connection,
        mall_id=mall_id,
        asked=[(lease.contract_id, lease.shop_id, period) for period in periods],
    )
    months = [one.month for one in lease.recomputed]
    billed = read_billed(
        connection, month=AFTER_ALL, periods={lease.contract_id: [*periods, *months]}
    )
    return replace(
        lease,
        sales=tuple(one for one in sales.get(lease.contract_id, ()) if is_complete(one)),
        billed=tuple(billed.get(lease.contract_id, ())),
    )


def _bills(session: Session, contract_id: int) -> list[tuple[date, OpenBill]]:
    """(month, bill) of the lease's bills that are not void, oldest first."""
    paid = (
        sa.select(sa.func.coalesce(sa.func.sum(Allocation.amount), 0))
        .where(Allocation.bill_id == Bill.id)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(
            Bill.id,
            Bill.number,
            Bill.state,
            Bill.period_start,
            Bill.period_end,
            Bill.due_date,
            Bill.total_amount,
            paid,
        )
        .where(Bill.contract_id == contract_id, Bill.state != BillState.VOID)
        .order_by(Bill.period_start, Bill.id)
    )
    return [
        (
            first,
            OpenBill(bill_id, number, state, Period(first, last), due, total, total - allocated),
        )
        for bill_id, number, state, first, last, due, total, allocated in rows
    ]


def _unbilled_days(lease: ContractInput, since: date) -> list[Period]:
    """The lease's days from a day on, month by month."""
    first = max(lease.start, since)
    return list(Period(first, lease.end).months()) if first <= lease.end else []


def _lines(lease: ContractInput, days: list[Period]) -> list[Line]:
    with localcontext(MONEY_CONTEXT):
        return [
            line
            for part in days
            for clause in sorted(
                lease.clauses, key=lambda one: (CHARGE_ORDER[one.charge_type], one.valid_from)
            )
            if not isinstance(clause.pricing, Metered | Percentage)
            and (in_force := days_in_force(lease, clause, part)) is not None
            for line in recurring_lines(lease, clause, in_force)
        ]


def _unknown(lease: ContractInput, days: list[Period]) -> tuple[ChargeType, ...]:
    found = {
        clause.charge_type
        for clause in lease.clauses
        if isinstance(clause.pricing, Metered | Percentage)
        and any(days_in_force(lease, clause, part) for part in days)
    }
    if is_unsettled(lease):
        found.add(ChargeType.TURNOVER_RENT)
    return tuple(sorted(found, key=lambda charge: CHARGE_ORDER[charge]))


def _unbilled(line: Line, *, is_adjustment: bool) -> UnbilledLine:
    return UnbilledLine(line.charge_type, line.period, line.total, is_adjustment)
