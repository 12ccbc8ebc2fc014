"""A signed lease begins and ends by the calendar of its mall.

Belongs here: the steps that come with a day, and what they carry along: the deposit goes over to
the lease that follows. Not here: ending a lease early (changes) and drafting the one that follows
(renewing).
"""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState
from domain.notifications import Audience, Template
from services.operations.leasing.deposits import transfer_deposit
from services.operations.leasing.errors import NotYetEnded, NotYetStarted
from services.operations.leasing.machine import SYSTEM, locked, take
from services.operations.messages import post_message
from services.queries.lease_days import ended_early, is_followed, list_due_leases
from storage.models import Contract


@dataclass(frozen=True, slots=True)
class LeaseMoves:
    """Numbers of the leases that began and ended by a run, and of those whose deposit went over."""

    activated: tuple[str, ...]
    expired: tuple[str, ...]
    terminated: tuple[str, ...]
    renewed: tuple[str, ...]
    transferred: tuple[str, ...]


def move_leases(session: Session, *, mall_id: int, day: date, now: datetime) -> LeaseMoves:
    """Take every step of the mall's leases that has come by `day`, its local date.

    A signed lease is ACTIVE from its start date on, with the deposit of the lease before it. The
    day after its last an active one is TERMINATED when it was ended early, RENEWED when another
    follows it, else EXPIRED. Steps missed while nothing ran are taken now; a second run takes
    none. Leases are taken in the order in which they begin, each under its lock.
    """
    moved: dict[Event, list[str]] = {
        event: [] for event in (Event.ACTIVATE, Event.EXPIRE, Event.TERMINATE, Event.RENEW)
    }
    transferred = []
    for contract_id in list_due_leases(session, mall_id=mall_id, day=day):
        contract = locked(session, contract_id)
        if contract.state is ContractState.SIGNED and contract.start_date <= day:
            _step(session, contract, Event.ACTIVATE, now)
            moved[Event.ACTIVATE].append(contract.number)
            if contract.predecessor_id is not None and transfer_deposit(
                session,
                from_contract_id=contract.predecessor_id,
                to_contract_id=contract.id,
                entry_date=contract.start_date,
                now=now,
            ):
                transferred.append(contract.number)
        if contract.state is ContractState.ACTIVE and contract.end_date < day:
            event = _ending(session, contract)
            _step(session, contract, event, now)
            moved[event].append(contract.number)
    return LeaseMoves(
        activated=tuple(moved[Event.ACTIVATE]),
        expired=tuple(moved[Event.EXPIRE]),
        terminated=tuple(moved[Event.TERMINATE]),
        renewed=tuple(moved[Event.RENEW]),
        transferred=tuple(transferred),
    )


def activate_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = ""
) -> ContractState:
    """SIGNED → ACTIVE, on its start date or later in the mall's zone. Raises NotYetStarted."""
    contract = locked(session, contract_id)
    if contract.mall.clock.local(now).date() < contract.start_date:
        raise NotYetStarted(contract.number, contract.start_date)
    return take(session, contract, Event.ACTIVATE, actor=actor, role=role, now=now)


def expire_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = ""
) -> ContractState:
    """ACTIVE → EXPIRED, the day after its end date or later. Raises NotYetEnded."""
    contract = locked(session, contract_id)
    if contract.mall.clock.local(now).date() <= contract.end_date:
        raise NotYetEnded(contract.number, contract.end_date)
    return take(session, contract, Event.EXPIRE, actor=actor, role=role, now=now)


def _ending(session: Session, contract: Contract) -> Event:
    is_early, has_next = session.execute(
        sa.select(ended_early(), is_followed())
        .select_from(Contract)
        .where(Contract.id == contract.id)
    ).one()
    if is_early:
        return Event.TERMINATE
    return Event.RENEW if has_next else Event.EXPIRE


def _step(session: Session, contract: Contract, event: Event, now: datetime) -> None:
    take(session, contract, event, actor=SYSTEM, role="", now=now)
    template = Template.CONTRACT_ACTIVE if event is Event.ACTIVATE else Template.CONTRACT_ENDED
    post_message(
        session,
        template=template,
        audience=Audience.SHOP,
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        dedupe_key=f"{template.lower()}/{contract.id}",
        cause=f"CONTRACT {event}",
        actor=SYSTEM,
        now=now,
    )
