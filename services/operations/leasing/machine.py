"""A lease is locked, its machine advances, the event is appended: in the caller's transaction.

Belongs here: what every step shares: the lock, the permission, the checker, the event, and the
calendar as the one who acts. Not here: the steps.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.contract_changes import RecordedEvent
from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState, advance
from domain.people import Role
from domain.permissions import ROLE_PERMISSIONS, Permission
from services.operations.leasing.errors import (
    CommentRequired,
    ContractNotFound,
    MakerIsChecker,
    RoleMayNot,
)
from storage.models import Contract, ContractEvent

SYSTEM = "SYSTEM"  # who acts where the calendar does
DRAFTED = "DRAFT"  # the event that opens a contract's history; it comes from no state

# Steps that are not listed belong to the calendar, which acts in no role.
_PERMISSIONS: dict[str, Permission] = {
    DRAFTED: Permission.CONTRACTS_DRAFT,
    RecordedEvent.DRAFT_EDITED: Permission.CONTRACTS_DRAFT,
    Event.SUBMIT: Permission.CONTRACTS_DRAFT,
    Event.SEND: Permission.CONTRACTS_DRAFT,
    Event.REVISE: Permission.CONTRACTS_DRAFT,
    Event.APPROVE: Permission.CONTRACTS_APPROVE,
    Event.REJECT: Permission.CONTRACTS_APPROVE,
    Event.SIGN: Permission.OWN_CONTRACTS_SIGN,
    Event.DECLINE: Permission.OWN_CONTRACTS_SIGN,
    RecordedEvent.AMENDMENT_PROPOSED: Permission.CONTRACTS_DRAFT,
    RecordedEvent.AMENDMENT_APPROVED: Permission.CONTRACTS_APPROVE,
    RecordedEvent.AMENDMENT_SENT: Permission.CONTRACTS_DRAFT,
    RecordedEvent.AMENDMENT_SIGNED: Permission.OWN_CONTRACTS_SIGN,
    RecordedEvent.AMENDMENT_DECLINED: Permission.OWN_CONTRACTS_SIGN,
    RecordedEvent.TERMINATION_PROPOSED: Permission.CONTRACTS_DRAFT,
    RecordedEvent.TERMINATION_APPROVED: Permission.CONTRACTS_APPROVE,
    RecordedEvent.CHANGE_REJECTED: Permission.CONTRACTS_APPROVE,
    RecordedEvent.CHANGE_WITHDRAWN: Permission.CONTRACTS_DRAFT,
    RecordedEvent.RENEWAL_ASKED: Permission.OWN_RENEWALS_ASK,
    RecordedEvent.RENEWAL_WITHDRAWN: Permission.OWN_RENEWALS_ASK,
    RecordedEvent.RENEWAL_REFUSED: Permission.CONTRACTS_DRAFT,
    RecordedEvent.RENEWAL_OFFERED: Permission.CONTRACTS_DRAFT,
}

# Whoever took one of these made the contract what it is.
_MADE_BY = frozenset({DRAFTED, RecordedEvent.DRAFT_EDITED, Event.SUBMIT})


def locked(session: Session, contract_id: int) -> Contract:
    contract = session.get(Contract, contract_id, with_for_update=True, populate_existing=True)
    if contract is None:
        raise ContractNotFound(contract_id)
    return contract


def take(
    session: Session,
    contract: Contract,
    event: Event,
    *,
    actor: str,
    role: str,
    now: datetime,
    comment: str = "",
) -> ContractState:
    """Advance a locked contract and append the event. Raises IllegalTransition, RoleMayNot."""
    require_permission(event, role)
    before = contract.state
    contract.state = advance(before, event)
    session.add(
        ContractEvent(
            contract_id=contract.id,
            event=event.value,
            from_state=before,
            to_state=contract.state,
            actor=actor,
            role=role,
            comment=comment.strip(),
            occurred_at=now,
        )
    )
    session.flush()
    return contract.state


def record(
    session: Session,
    contract: Contract,
    event: RecordedEvent,
    *,
    actor: str,
    role: str,
    now: datetime,
    comment: str = "",
) -> None:
    """Append to a lease's history what leaves its state as it is. Raises RoleMayNot."""
    require_permission(event, role)
    session.add(
        ContractEvent(
            contract_id=contract.id,
            event=event.value,
            from_state=contract.state,
            to_state=contract.state,
            actor=actor,
            role=role,
            comment=comment.strip(),
            occurred_at=now,
        )
    )


def require_permission(event: str, role: str) -> None:
    needed = _PERMISSIONS.get(event)
    if needed is None:
        if role:  # it comes with its day
            raise RoleMayNot(event, role)
    elif role not in Role.__members__ or needed not in ROLE_PERMISSIONS[Role(role)]:
        raise RoleMayNot(event, role)


def require_checker(contract: Contract, actor: str) -> None:
    if any(event.actor == actor and event.event in _MADE_BY for event in contract.events):
        raise MakerIsChecker(contract.number, actor)


def require_comment(contract: Contract, comment: str) -> None:
    if not comment.strip():
        raise CommentRequired(contract.number)


def release_units(contract: Contract) -> None:
    for row in contract.contract_units:
        row.is_held = False
