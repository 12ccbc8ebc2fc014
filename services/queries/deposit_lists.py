"""The deposits of a mall: every movement, the newest first, and what they come to.

Not here: the ledger of one lease with its running balance (deposits).
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.deposits import DepositKind
from services.queries.keyset import Page, Place, read_page
from storage.models import Contract, DepositEntry, Shop


@dataclass(frozen=True, slots=True)
class DepositFilter:
    """What is looked for; what is empty does not narrow. `search` is part of the contract's
    number, of the shop's code or name, or of the reference.
    """

    search: str = ""
    kind: DepositKind | None = None
    is_waiting: bool = False
    contract_id: int | None = None

    def conditions(self, mall_id: int) -> tuple[sa.ColumnElement[bool], ...]:
        found: list[sa.ColumnElement[bool]] = [DepositEntry.mall_id == mall_id]
        if self.search:
            found.append(
                sa.or_(
                    *(
                        column.icontains(self.search, autoescape=True)
                        for column in (
                            Contract.number,
                            Shop.code,
                            Shop.name,
                            DepositEntry.reference,
                        )
                    )
                )
            )
        if self.kind is not None:
            found.append(DepositEntry.kind == self.kind)
        if self.is_waiting:
            found.append(DepositEntry.confirmed_at.is_(None))
        if self.contract_id is not None:
            found.append(DepositEntry.contract_id == self.contract_id)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ListedMovement:
    """A movement of a lease's deposit; `amount` is signed, above 0 raises what the mall owes."""

    id: int
    contract_id: int
    contract_number: str
    shop_id: int
    shop_code: str
    shop_name: str
    kind: DepositKind
    amount: Decimal
    currency: str
    entry_date: date
    reference: str
    comment: str
    entered_by: str
    entered_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DepositTotals:
    """`held` is what the mall owes back of all deposits; `waiting` movements count for nothing."""

    held: Decimal
    waiting: int


def list_movements(
    session: Session,
    *,
    mall_id: int,
    wanted: DepositFilter,
    after: Place | None = None,
    before: Place | None = None,
    size: int = 50,
) -> Page[ListedMovement]:
    """One page of the movements, by their day."""
    return read_page(
        session,
        _rows().where(*wanted.conditions(mall_id)),
        column=DepositEntry.__table__.c.entry_date,
        key=DepositEntry.__table__.c.id,
        is_descending=True,
        after=after,
        before=before,
        size=size,
        make=lambda row: ListedMovement(**row._mapping),
    )


def find_movement(session: Session, *, mall_id: int, entry_id: int) -> ListedMovement | None:
    """One movement of the mall, or None."""
    row = session.execute(
        _rows().where(DepositEntry.mall_id == mall_id, DepositEntry.id == entry_id)
    ).one_or_none()
    return None if row is None else ListedMovement(**row._mapping)


def deposit_totals(session: Session, *, mall_id: int) -> DepositTotals:
    row = session.execute(
        sa.select(
            sa.func.coalesce(
                sa.func.sum(DepositEntry.amount).filter(DepositEntry.confirmed_at.is_not(None)), 0
            ).label("held"),
            sa.func.count().filter(DepositEntry.confirmed_at.is_(None)).label("waiting"),
        ).where(DepositEntry.mall_id == mall_id)
    ).one()
    return DepositTotals(Decimal(row.held), row.waiting)


def shop_deposit(session: Session, *, shop_id: int) -> Decimal:
    """What the mall owes a shop back, over all of its leases."""
    held = session.scalar(
        sa.select(sa.func.sum(DepositEntry.amount)).where(
            DepositEntry.shop_id == shop_id, DepositEntry.confirmed_at.is_not(None)
        )
    )
    return Decimal(held or 0)


def _rows() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            DepositEntry.id,
            DepositEntry.contract_id,
            Contract.number.label("contract_number"),
            DepositEntry.shop_id,
            Shop.code.label("shop_code"),
            Shop.name.label("shop_name"),
            DepositEntry.kind,
            DepositEntry.amount,
            DepositEntry.currency,
            DepositEntry.entry_date,
            DepositEntry.reference,
            DepositEntry.comment,
            DepositEntry.entered_by,
            DepositEntry.entered_at,
            DepositEntry.confirmed_by,
            DepositEntry.confirmed_at,
        )
        .join(Contract, Contract.id == DepositEntry.contract_id)
        .join(Shop, Shop.id == DepositEntry.shop_id)
    )
