"""Bills as they are listed and looked at.

Belongs here: reads that return frozen values. Papers are read in bulk by
`services.queries.bill_papers`; writing is `services.operations.billing`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from domain.bills import OWED, BillState, is_overdue
from domain.calendar import month_of
from domain.charges import ChargeType
from storage.models import (
    Allocation,
    Bill,
    BillEvent,
    BillLine,
    Contract,
    ContractUnit,
    Mall,
    Shop,
    Unit,
)


class BillNotFound(Exception):
    """No such bill."""


@dataclass(frozen=True, slots=True)
class BillSummary:
    """A bill in a list. Amounts in `currency`; `paid_amount` is what was allocated to it."""

    bill_id: int
    number: str
    state: BillState
    mall_id: int
    shop_id: int
    shop_code: str
    shop_name: str
    contract_id: int
    contract_number: str
    period_start: date
    period_end: date
    due_date: date
    currency: str
    net_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    paid_amount: Decimal
    issued_at: datetime | None

    @property
    def open_amount(self) -> Decimal:
        """What is still owed; a draft or a void bill owes nothing."""
        return self.total_amount - self.paid_amount if self.state in OWED else Decimal(0)

    def is_overdue(self, on: date) -> bool:
        return is_overdue(self.state, self.due_date, on)


@dataclass(frozen=True, slots=True)
class BillLineView:
    """One charge; `derivation` as in `domain.derivations`."""

    line_number: int
    charge_type: ChargeType
    clause_id: int | None
    period_start: date
    period_end: date
    quantity: Decimal
    unit: str
    net_amount: Decimal
    tax_rate: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    derivation: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BillEventView:
    event: str
    from_state: BillState
    to_state: BillState
    actor: str
    comment: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class BillView:
    """A bill with all that is shown with it."""

    summary: BillSummary
    mall_code: str
    mall_name: str
    mall_time_zone: str
    unit_codes: tuple[str, ...]
    area_m2: Decimal
    lines: tuple[BillLineView, ...]
    events: tuple[BillEventView, ...]

    @property
    def number(self) -> str:
        return self.summary.number

    @property
    def state(self) -> BillState:
        return self.summary.state

    @property
    def total_amount(self) -> Decimal:
        return self.summary.total_amount


def bill_summaries() -> sa.Select[*tuple[Any, ...]]:
    """Bills with the columns of `BillSummary`, of every mall and state: the caller limits them."""
    paid = (
        sa.select(sa.func.coalesce(sa.func.sum(Allocation.amount), 0))
        .where(Allocation.bill_id == Bill.id)
        .scalar_subquery()
    )
    return (
        sa.select(
            Bill.id.label("bill_id"),
            Bill.number,
            Bill.state,
            Bill.mall_id,
            Bill.shop_id,
            Shop.code.label("shop_code"),
            Shop.name.label("shop_name"),
            Bill.contract_id,
            Contract.number.label("contract_number"),
            Bill.period_start,
            Bill.period_end,
            Bill.due_date,
            Bill.currency,
            Bill.net_amount,
            Bill.tax_amount,
            Bill.total_amount,
            paid.label("paid_amount"),
            Bill.issued_at,
        )
        .join(Shop, Shop.id == Bill.shop_id)
        .join(Contract, Contract.id == Bill.contract_id)
    )


def list_bills(
    session: Session,
    *,
    mall_id: int,
    month: date | None = None,
    shop_id: int | None = None,
    states: frozenset[BillState] | None = None,
    limit: int | None = None,
) -> tuple[BillSummary, ...]:
    """Bills of a mall, newest month first and then by number; `month` is any day of it.

    Void bills are listed only when `states` asks for them.
    """
    statement = bill_summaries().where(Bill.mall_id == mall_id)
    if month is not None:
        statement = statement.where(Bill.period_start == month_of(month).first)
    if shop_id is not None:
        statement = statement.where(Bill.shop_id == shop_id)
    if states is None:
        statement = statement.where(Bill.state != BillState.VOID)
    else:
        statement = statement.where(Bill.state.in_(states))
    statement = statement.order_by(Bill.period_start.desc(), Bill.number).limit(limit)
    return tuple(BillSummary(**row._mapping) for row in session.execute(statement))


def get_bill(session: Session, *, bill_id: int) -> BillView:
    """One bill with its lines, units and events. Raises BillNotFound."""
    row = session.execute(bill_summaries().where(Bill.id == bill_id)).one_or_none()
    if row is None:
        raise BillNotFound(f"there is no bill {bill_id}")
    summary = BillSummary(**row._mapping)
    mall = session.get_one(Mall, summary.mall_id)
    codes, area_m2 = session.execute(
        sa.select(
            sa.func.array_agg(aggregate_order_by(Unit.code, Unit.code)),
            sa.func.coalesce(sa.func.sum(Unit.area_m2), 0),
        )
        .join(ContractUnit, ContractUnit.unit_id == Unit.id)
        .where(
            ContractUnit.contract_id == summary.contract_id,
            ContractUnit.period.op("&&")(
                sa.func.daterange(summary.period_start, summary.period_end, "[]")
            ),
        )
    ).one()
    return BillView(
        summary,
        mall.code,
        mall.name,
        mall.time_zone,
        tuple(codes or ()),
        area_m2,
        bill_lines(session, bill_id=bill_id),
        _events(session, bill_id),
    )


def bill_lines(session: Session, *, bill_id: int) -> tuple[BillLineView, ...]:
    """The lines of a bill that the caller may show, by line number."""
    return tuple(
        BillLineView(
            line.line_number,
            line.charge_type,
            line.clause_id,
            line.period_start,
            line.period_end,
            line.quantity,
            line.unit,
            line.net_amount,
            line.tax_rate,
            line.tax_amount,
            line.total_amount,
            line.derivation,
        )
        for line in session.scalars(
            sa.select(BillLine).where(BillLine.bill_id == bill_id).order_by(BillLine.line_number)
        )
    )


def _events(session: Session, bill_id: int) -> tuple[BillEventView, ...]:
    return tuple(
        BillEventView(
            event.event,
            event.from_state,
            event.to_state,
            event.actor,
            event.comment,
            event.occurred_at,
        )
        for event in session.scalars(
            sa.select(BillEvent).where(BillEvent.bill_id == bill_id).order_by(BillEvent.id)
        )
    )
