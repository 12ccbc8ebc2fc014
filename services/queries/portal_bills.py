"""Bills as a shop sees them: from their issue on, with payments and papers, nothing of the desk.

Belongs here: reads of the bills of given shops. Not here: drafts, gates and who did what, which
are the mall's own affair.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.bills import OWED, SHOWN_TO_SHOP, BillState
from domain.calendar import month_of
from domain.money import ZERO
from domain.payments import PaymentMethod
from services.queries.bills import BillLineView, BillSummary, bill_lines, bill_summaries
from services.queries.keyset import Page, Place, read_page
from services.queries.portal_contracts import ClauseView, clause_views
from storage.models import Allocation, Bill, ContractClause, Document, Payment

MANY = 1000


class BillStanding(StrEnum):
    """How a bill stands with the shop. OVERDUE bills are OPEN too."""

    OPEN = "OPEN"
    OVERDUE = "OVERDUE"
    PAID = "PAID"
    VOID = "VOID"


class BillOrder(StrEnum):
    NUMBER = "number"
    PERIOD = "period"
    DUE = "due"
    TOTAL = "total"


ORDER_COLUMNS: Mapping[BillOrder, Any] = {
    BillOrder.NUMBER: Bill.number,
    BillOrder.PERIOD: Bill.period_start,
    BillOrder.DUE: Bill.due_date,
    BillOrder.TOTAL: Bill.total_amount,
}


@dataclass(frozen=True, slots=True)
class BillFilter:
    """What of the bills is asked for; `month` is any day of it, `today` decides what is overdue."""

    today: date
    search: str = ""
    standing: BillStanding | None = None
    month: date | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """What a shop owes: its open bills, and the sums of what is open of them."""

    bills: tuple[BillSummary, ...]
    open_amount: Decimal
    overdue_amount: Decimal


@dataclass(frozen=True, slots=True)
class PaymentPart:
    """What of a payment went to the bill."""

    allocated_at: datetime
    method: PaymentMethod
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Paper:
    """A bill's PDF in one language."""

    id: int
    locale: str
    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class OwnBill:
    """A bill with its reasons; `clauses` are those that its lines name, by id."""

    summary: BillSummary
    lines: tuple[BillLineView, ...]
    clauses: Mapping[int, ClauseView]
    payments: tuple[PaymentPart, ...]
    papers: tuple[Paper, ...]


def shown_bills(shop_ids: Set[int]) -> tuple[sa.ColumnElement[bool], ...]:
    """What makes a bill one that these shops see."""
    return (
        Bill.shop_id.in_(shop_ids),
        Bill.state.in_(SHOWN_TO_SHOP),
        Bill.issued_at.is_not(None),
    )


def list_own_bills(
    session: Session,
    *,
    shop_ids: Set[int],
    wanted: BillFilter,
    order: BillOrder = BillOrder.PERIOD,
    is_descending: bool = True,
    after: Place | None = None,
    before: Place | None = None,
    size: int = 50,
) -> Page[BillSummary]:
    """One page of the shops' bills; `after` and `before` are places in this very order."""
    return read_page(
        session,
        bill_summaries().where(*shown_bills(shop_ids), *_conditions(wanted)),
        column=ORDER_COLUMNS[order],
        key=Bill.__table__.c.id,
        is_descending=is_descending,
        after=after,
        before=before,
        size=size,
        make=lambda row: BillSummary(**row._mapping),
    )


def count_own_bills(session: Session, *, shop_ids: Set[int], wanted: BillFilter) -> int | None:
    """How many there are; None when they are more than MANY."""
    some = (
        sa.select(Bill.id)
        .where(*shown_bills(shop_ids), *_conditions(wanted))
        .limit(MANY + 1)
        .subquery()
    )
    count = session.scalar(sa.select(sa.func.count()).select_from(some)) or 0
    return count if count <= MANY else None


def list_own_bill_months(session: Session, *, shop_ids: Set[int]) -> tuple[date, ...]:
    """First days of the months that were billed, the newest first."""
    return tuple(
        session.scalars(
            sa.select(Bill.period_start)
            .where(*shown_bills(shop_ids))
            .distinct()
            .order_by(Bill.period_start.desc())
        )
    )


def get_owed(session: Session, *, shop_ids: Set[int], today: date) -> Owed:
    """The open bills, the oldest due first."""
    rows = session.execute(
        bill_summaries()
        .where(*shown_bills(shop_ids), Bill.state.in_(OWED))
        .order_by(Bill.due_date, Bill.id)
    )
    bills = tuple(BillSummary(**row._mapping) for row in rows)
    return Owed(
        bills,
        sum((bill.open_amount for bill in bills), ZERO),
        sum((bill.open_amount for bill in bills if bill.is_overdue(today)), ZERO),
    )


def find_own_bill(session: Session, *, shop_ids: Set[int], bill_id: int) -> OwnBill | None:
    """One bill of the shops, or None."""
    row = session.execute(
        bill_summaries().where(Bill.id == bill_id, *shown_bills(shop_ids))
    ).one_or_none()
    if row is None:
        return None
    summary = BillSummary(**row._mapping)
    lines = bill_lines(session, bill_id=bill_id)
    named = {line.clause_id for line in lines if line.clause_id is not None}
    clauses = clause_views(
        session, ContractClause.id.in_(named), ContractClause.contract_id == summary.contract_id
    )
    payments = session.execute(
        sa.select(Allocation.allocated_at, Payment.method, Allocation.amount)
        .join(Payment, Payment.id == Allocation.payment_id)
        .where(Allocation.bill_id == bill_id, Payment.shop_id.in_(shop_ids))
        .order_by(Allocation.id)
    )
    papers = session.execute(
        sa.select(Document.id, Document.locale, Document.name, Document.bytes)
        .where(Document.bill_id == bill_id, Document.shop_id.in_(shop_ids))
        .order_by(Document.locale, Document.id)
    )
    return OwnBill(
        summary,
        lines,
        {clause.id: clause for clause in clauses},
        tuple(PaymentPart(**row._mapping) for row in payments),
        tuple(Paper(**row._mapping) for row in papers),
    )


def _conditions(wanted: BillFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.search:
        conditions.append(Bill.number.icontains(wanted.search, autoescape=True))
    if wanted.month is not None:
        days = month_of(wanted.month)
        conditions.append(Bill.period_start.between(days.first, days.last))
    match wanted.standing:
        case BillStanding.OPEN:
            conditions.append(Bill.state.in_(OWED))
        case BillStanding.OVERDUE:
            conditions += [Bill.state.in_(OWED), Bill.due_date < wanted.today]
        case BillStanding.PAID:
            conditions.append(Bill.state == BillState.PAID)
        case BillStanding.VOID:
            conditions.append(Bill.state == BillState.VOID)
    return conditions
