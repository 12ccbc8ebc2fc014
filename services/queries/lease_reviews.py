"""What of leases waits for whom: for management to decide, for the desk to go on with.

Belongs here: the queue of reviews, and the counts of the home page. Not here: lists of leases
(contract_lists).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contract_changes import ChangeKind, ChangeState
from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState
from domain.renewals import RenewalState
from storage.models import Contract, ContractChange, ContractEvent, RenewalRequest, Shop


@dataclass(frozen=True, slots=True)
class WaitingReview:
    """A lease, or a change of one, that management decides on. `change_id`, `kind` and
    `effective_date` (an early end: its last day) belong to a change; `version` to a lease.
    `handed_in_by` is the e-mail address of who must not decide.
    """

    contract_id: int
    number: str
    shop_code: str
    shop_name: str
    start_date: date
    end_date: date
    version: int
    handed_in_at: datetime
    handed_in_by: str
    change_id: int | None = None
    kind: ChangeKind | None = None
    effective_date: date | None = None


def list_waiting_reviews(session: Session, *, mall_id: int) -> tuple[WaitingReview, ...]:
    """What waits for management, the longest first."""
    handed_in = (
        sa.select(
            ContractEvent.contract_id,
            sa.func.max(ContractEvent.id).label("event_id"),
        )
        .where(ContractEvent.event == Event.SUBMIT)
        .group_by(ContractEvent.contract_id)
        .subquery()
    )
    lease = (
        Contract.id.label("contract_id"),
        Contract.number,
        Shop.code.label("shop_code"),
        Shop.name.label("shop_name"),
        Contract.start_date,
        Contract.end_date,
        Contract.version,
    )
    leases = session.execute(
        sa.select(
            *lease,
            ContractEvent.occurred_at.label("handed_in_at"),
            ContractEvent.actor.label("handed_in_by"),
        )
        .join(Shop, Shop.id == Contract.shop_id)
        .join(handed_in, handed_in.c.contract_id == Contract.id)
        .join(ContractEvent, ContractEvent.id == handed_in.c.event_id)
        .where(Contract.mall_id == mall_id, Contract.state == ContractState.IN_REVIEW)
    )
    changes = session.execute(
        sa.select(
            *lease,
            ContractChange.proposed_at.label("handed_in_at"),
            ContractChange.proposed_by.label("handed_in_by"),
            ContractChange.id.label("change_id"),
            ContractChange.kind,
            ContractChange.effective_date,
        )
        .join(Contract, Contract.id == ContractChange.contract_id)
        .join(Shop, Shop.id == Contract.shop_id)
        .where(Contract.mall_id == mall_id, ContractChange.state == ChangeState.IN_REVIEW)
    )
    found = [WaitingReview(**row._mapping) for rows in (leases, changes) for row in rows]
    return tuple(sorted(found, key=lambda one: (one.handed_in_at, one.contract_id)))


def count_waiting_reviews(session: Session, *, mall_id: int) -> int:
    """How many leases and changes wait for management."""
    leases = sa.select(sa.func.count()).where(
        Contract.mall_id == mall_id, Contract.state == ContractState.IN_REVIEW
    )
    changes = (
        sa.select(sa.func.count())
        .select_from(ContractChange)
        .join(Contract, Contract.id == ContractChange.contract_id)
        .where(Contract.mall_id == mall_id, ContractChange.state == ChangeState.IN_REVIEW)
    )
    return (session.scalar(leases) or 0) + (session.scalar(changes) or 0)


def count_waiting_leases(session: Session, *, mall_id: int) -> Mapping[ContractState, int]:
    """How many leases wait for the desk to go on with them, by state."""
    states = (ContractState.APPROVED, ContractState.REJECTED, ContractState.DECLINED)
    rows = session.execute(
        sa.select(Contract.state, sa.func.count())
        .where(Contract.mall_id == mall_id, Contract.state.in_(states))
        .group_by(Contract.state)
    )
    found = {row[0]: row[1] for row in rows}
    return {state: found.get(state, 0) for state in states}


def list_open_renewals(session: Session, *, mall_id: int) -> tuple[tuple[int, str], ...]:
    """(contract, number) of the leases whose shop asks for a renewal, the longest waiting first."""
    rows = session.execute(
        sa.select(Contract.id, Contract.number)
        .join(RenewalRequest, RenewalRequest.contract_id == Contract.id)
        .where(RenewalRequest.mall_id == mall_id, RenewalRequest.state == RenewalState.OPEN)
        .order_by(RenewalRequest.id)
    )
    return tuple((contract_id, number) for contract_id, number in rows)
