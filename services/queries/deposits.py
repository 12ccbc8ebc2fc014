"""The deposit of a lease: its balance, and the movements it is made of.

What is not confirmed yet stands in the ledger and counts for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.deposits import DepositKind, balance
from storage.models import Contract, DepositEntry


@dataclass(frozen=True, slots=True)
class DepositMovement:
    """`amount` is signed: above 0 raises what the mall owes back. `balance` is that of the lease
    once this and every earlier confirmed movement counted; None while it is not confirmed.
    `other_number` is the lease on the other side of a transfer.
    """

    entry_id: int
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
    other_number: str | None
    balance: Decimal | None


def deposit_balance(session: Session, *, contract_id: int) -> Decimal:
    """What the mall owes back of a lease's deposit, from its confirmed movements."""
    return balance(
        session.scalars(
            sa.select(DepositEntry.amount).where(
                DepositEntry.contract_id == contract_id, DepositEntry.confirmed_at.is_not(None)
            )
        )
    )


def list_deposit_movements(session: Session, *, contract_id: int) -> tuple[DepositMovement, ...]:
    """A lease's ledger in the order of confirmation, with what waits to be confirmed at the end."""
    rows = session.scalars(
        sa.select(DepositEntry)
        .where(DepositEntry.contract_id == contract_id)
        .order_by(DepositEntry.confirmed_at.asc().nulls_last(), DepositEntry.id)
    ).all()
    numbers = _other_numbers(session, rows)
    amounts: list[Decimal] = []
    found = []
    for row in rows:
        if row.confirmed_at is not None:
            amounts.append(row.amount)
        found.append(
            DepositMovement(
                entry_id=row.id,
                kind=row.kind,
                amount=row.amount,
                currency=row.currency,
                entry_date=row.entry_date,
                reference=row.reference,
                comment=row.comment,
                entered_by=row.entered_by,
                entered_at=row.entered_at,
                confirmed_by=row.confirmed_by,
                confirmed_at=row.confirmed_at,
                other_number=numbers.get(_other_side(row)),
                balance=balance(amounts) if row.confirmed_at is not None else None,
            )
        )
    return tuple(found)


def _other_side(entry: DepositEntry) -> int:
    """The id of the lease on the other side of a transfer; 0 without one."""
    if entry.transfer is None:
        return 0
    giver, taker = entry.transfer.split("-")[:2]
    return int(taker if entry.amount < 0 else giver)


def _other_numbers(session: Session, entries: Sequence[DepositEntry]) -> dict[int, str]:
    ids = {_other_side(entry) for entry in entries} - {0}
    if not ids:
        return {}
    rows = session.execute(sa.select(Contract.id, Contract.number).where(Contract.id.in_(ids)))
    return {row[0]: row[1] for row in rows}
