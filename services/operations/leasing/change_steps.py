"""What every step of a change shares: the locks, who may decide, what is told.

Not here: the steps (changes, change_signing).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from domain.contract_changes import RecordedEvent
from domain.contracts import ContractState
from domain.notifications import Audience, Template
from domain.people import Role
from services.operations.leasing.machine import locked
from services.operations.leasing.running_errors import (
    ChangeNotFound,
    NotRunning,
    ProposerMayNotDecide,
    ReasonRequired,
)
from services.operations.messages import post_message
from storage.models import Contract, ContractChange

RUNNING = frozenset({ContractState.SIGNED, ContractState.ACTIVE})


def locked_change(session: Session, change_id: int) -> tuple[Contract, ContractChange]:
    """Change and lease, locked in this order by every step: the shop's steps cannot lock the lease
    before they have locked what waits for them.
    """
    change = session.get(ContractChange, change_id, with_for_update=True, populate_existing=True)
    if change is None:
        raise ChangeNotFound(change_id)
    return locked(session, change.contract_id), change


def shown_change(session: Session, change_id: int) -> tuple[Contract, ContractChange]:
    """Lease and change for the shop's steps: it may lock what waits for it, and not the lease.

    A change that no longer waits is found without its lock, so that its state can be said.
    """
    change = session.get(ContractChange, change_id, with_for_update=True, populate_existing=True)
    if change is None:
        change = session.get(ContractChange, change_id)
    if change is None:
        raise ChangeNotFound(change_id)
    return session.get_one(Contract, change.contract_id), change


def running(session: Session, contract_id: int) -> Contract:
    contract = locked(session, contract_id)
    require_running(contract)
    return contract


def require_running(contract: Contract) -> None:
    if contract.state not in RUNNING:
        raise NotRunning(contract.number, contract.state)


def require_reason(contract: Contract, reason: str) -> None:
    if not reason.strip():
        raise ReasonRequired(contract.number)


def require_decider(contract: Contract, change: ContractChange, actor: str) -> None:
    if actor == change.proposed_by:
        raise ProposerMayNotDecide(contract.number, change.number, actor)


def tell(
    session: Session,
    contract: Contract,
    change: ContractChange,
    template: Template,
    audience: Audience,
    *,
    event: RecordedEvent,
    actor: str,
    now: datetime,
    parameters: Mapping[str, Any],
) -> None:
    """Post a message of this change, once for each template and audience."""
    post_message(
        session,
        template=template,
        audience=audience,
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        role=Role.MANAGEMENT if audience is Audience.ROLE else None,
        parameters=parameters,
        dedupe_key=f"{template.lower()}/{change.id}/{audience.lower()}",
        cause=f"CHANGE {event}",
        actor=actor,
        now=now,
    )
