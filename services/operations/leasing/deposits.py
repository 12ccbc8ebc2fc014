"""The ledger of deposits: entered by one person, confirmed by another, carried on renewal.

Belongs here: movements and what keeps a balance from falling below zero. Not here: bills and
payments, which a deposit is never part of, and what a lease owes in the end (settlements).

Whoever changes a lease's ledger holds its lock of that name until the end of the transaction:
finance, which reads leases and writes none, cannot lock the lease itself.
"""

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import IN_FORCE, ContractState
from domain.deposits import DepositKind, signed
from domain.money import round_cents
from domain.people import Role
from domain.permissions import ROLE_PERMISSIONS, Permission
from services.operations.leasing.errors import ContractNotFound, RoleMayNot
from services.operations.leasing.machine import SYSTEM
from services.operations.leasing.running_errors import (
    DepositAlreadyConfirmed,
    DepositEntryNotFound,
    EntererMayNotConfirm,
    InvalidDeposit,
    NotEnoughDeposit,
)
from services.queries.deposits import deposit_balance
from storage.models import Contract, DepositEntry

TRANSFERS = frozenset({DepositKind.TRANSFERRED_IN, DepositKind.TRANSFERRED_OUT})


def enter_deposit(
    session: Session,
    *,
    contract_id: int,
    kind: DepositKind,
    amount: Decimal,
    entry_date: date,
    actor: str,
    now: datetime,
    role: str = "FINANCE",
    reference: str = "",
    comment: str = "",
) -> int:
    """A movement that counts once another person confirms it; returns its id.

    `amount` is above 0 whichever way it goes; transfers are the calendar's (`transfer_deposit`).
    Raises ContractNotFound, InvalidDeposit, NotEnoughDeposit, RoleMayNot.
    """
    _require_permission("ENTER_DEPOSIT", role)
    contract = session.get(Contract, contract_id)
    if contract is None:
        raise ContractNotFound(contract_id)
    if kind in TRANSFERS or not amount.is_finite() or amount <= 0 or amount != round_cents(amount):
        raise InvalidDeposit(contract.number, amount)
    movement = signed(kind, amount)
    _lock(session, contract_id)
    _require_cover(session, contract, movement)
    entry = DepositEntry(
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        kind=kind,
        amount=movement,
        currency=contract.currency,
        entry_date=entry_date,
        reference=reference.strip(),
        comment=comment.strip(),
        entered_by=actor,
        entered_at=now,
    )
    session.add(entry)
    session.flush()
    return entry.id


def confirm_deposit(
    session: Session, *, entry_id: int, actor: str, now: datetime, role: str = "FINANCE"
) -> Decimal:
    """Let a movement count; returns the balance of the lease's deposit with it.

    A lease that was renewed keeps none: what it has goes on to the one that follows it.
    Raises DepositEntryNotFound, DepositAlreadyConfirmed, EntererMayNotConfirm, NotEnoughDeposit,
    RoleMayNot.
    """
    _require_permission("CONFIRM_DEPOSIT", role)
    contract_id = session.scalar(
        sa.select(DepositEntry.contract_id).where(DepositEntry.id == entry_id)
    )
    if contract_id is None:
        raise DepositEntryNotFound(entry_id)
    _lock(session, contract_id)
    entry = session.get_one(DepositEntry, entry_id, populate_existing=True)
    contract = session.get_one(Contract, contract_id, populate_existing=True)
    if entry.confirmed_by is not None:
        raise DepositAlreadyConfirmed(contract.number, entry.confirmed_by)
    if entry.entered_by == actor:
        raise EntererMayNotConfirm(contract.number, actor)
    _require_cover(session, contract, entry.amount)
    entry.confirmed_by = actor
    entry.confirmed_at = now
    session.flush()
    _carry_on(session, contract, entry, now)
    return deposit_balance(session, contract_id=contract_id)


def transfer_deposit(
    session: Session,
    *,
    from_contract_id: int,
    to_contract_id: int,
    entry_date: date,
    now: datetime,
    entry_id: int | None = None,
) -> Decimal:
    """Carry the whole balance of a lease to the one that follows it; returns what went over.

    Both sides are written at once and need nobody's confirmation. A second time carries nothing,
    unless a movement that was confirmed since, `entry_id`, gave cause to; nor does a lease without
    a deposit, or one of another shop or currency than the one that follows.
    """
    for contract_id in sorted((from_contract_id, to_contract_id)):
        _lock(session, contract_id)
    giver = session.get_one(Contract, from_contract_id)
    taker = session.get_one(Contract, to_contract_id)
    if (giver.shop_id, giver.currency) != (taker.shop_id, taker.currency):
        return Decimal(0)
    transfer = f"{giver.id}-{taker.id}" + ("" if entry_id is None else f"-{entry_id}")
    known = sa.select(DepositEntry.id).where(DepositEntry.transfer == transfer).limit(1)
    amount = deposit_balance(session, contract_id=giver.id)
    if amount <= 0 or session.scalar(known) is not None:
        return Decimal(0)
    sides = ((giver, DepositKind.TRANSFERRED_OUT), (taker, DepositKind.TRANSFERRED_IN))
    for contract, kind in sides:
        session.add(
            DepositEntry(
                mall_id=contract.mall_id,
                shop_id=contract.shop_id,
                contract_id=contract.id,
                kind=kind,
                amount=signed(kind, amount),
                currency=contract.currency,
                entry_date=entry_date,
                transfer=transfer,
                entered_by=SYSTEM,
                entered_at=now,
                confirmed_by=SYSTEM,
                confirmed_at=now,
            )
        )
    session.flush()
    return amount


def _carry_on(session: Session, contract: Contract, entry: DepositEntry, now: datetime) -> None:
    """From lease to lease, as long as one was renewed."""
    while contract.state is ContractState.RENEWED:
        following = session.scalar(
            sa.select(Contract).where(
                Contract.predecessor_id == contract.id, Contract.state.in_(IN_FORCE)
            )
        )
        if following is None:
            return
        transfer_deposit(
            session,
            from_contract_id=contract.id,
            to_contract_id=following.id,
            entry_date=max(entry.entry_date, following.start_date),
            now=now,
            entry_id=entry.id,
        )
        contract = following


def _require_permission(step: str, role: str) -> None:
    needed = Permission.DEPOSITS_ENTER
    if role not in Role.__members__ or needed not in ROLE_PERMISSIONS[Role(role)]:
        raise RoleMayNot(step, role)


def _require_cover(session: Session, contract: Contract, movement: Decimal) -> None:
    balance = deposit_balance(session, contract_id=contract.id)
    if balance + movement < 0:
        raise NotEnoughDeposit(contract.number, balance, -movement)


def _lock(session: Session, contract_id: int) -> None:
    name = sa.func.hashtextextended(f"deposit {contract_id}", 0)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(name)))
