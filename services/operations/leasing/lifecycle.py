"""A signed lease begins and ends by the calendar of its mall.

Belongs here: the steps that come with a day.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState
from services.operations.leasing.errors import NotYetEnded, NotYetStarted
from services.operations.leasing.machine import locked, take


def activate_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = ""
) -> ContractState:
    """SIGNED → ACTIVE, on its start date or later in the mall's zone. Raises NotYetStarted."""
    contract = locked(session, contract_id)
    if contract.mall.clock.local(now).date() < contract.start_date:
        raise NotYetStarted(f"{contract.number} starts on {contract.start_date}")
    return take(session, contract, Event.ACTIVATE, actor=actor, role=role, now=now)


def expire_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = ""
) -> ContractState:
    """ACTIVE → EXPIRED, the day after its end date or later. Raises NotYetEnded."""
    contract = locked(session, contract_id)
    if contract.mall.clock.local(now).date() <= contract.end_date:
        raise NotYetEnded(f"{contract.number} runs until {contract.end_date}")
    return take(session, contract, Event.EXPIRE, actor=actor, role=role, now=now)
