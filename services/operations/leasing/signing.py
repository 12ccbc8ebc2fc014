"""An approved lease goes to the shop, who signs or declines.

Belongs here: the steps. Not here: the paper that is signed (services.operations.papers).
"""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState
from services.operations.leasing.machine import locked, release_units, require_comment, take


def send_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = "OPERATION"
) -> ContractState:
    """APPROVED → SENT: to the shop, for its signature."""
    contract = locked(session, contract_id)
    return take(session, contract, Event.SEND, actor=actor, role=role, now=now)


def sign_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = "SHOP"
) -> ContractState:
    """SENT → SIGNED."""
    contract = locked(session, contract_id)
    return take(session, contract, Event.SIGN, actor=actor, role=role, now=now)


def decline_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    comment: str,
    role: str = "SHOP",
) -> ContractState:
    """SENT → DECLINED; its units are free again. Raises CommentRequired."""
    contract = locked(session, contract_id)
    require_comment(contract, comment)
    state = take(session, contract, Event.DECLINE, actor=actor, role=role, now=now, comment=comment)
    release_units(contract)
    session.flush()
    return state
