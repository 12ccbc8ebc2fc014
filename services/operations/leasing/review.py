"""A draft is handed in, approved or refused, and taken back to the desk.

Belongs here: the steps between the drafter and the checker, and holding the units. Not here: the
shop's signature (signing).
"""

from datetime import datetime

import sqlalchemy as sa
from psycopg.errors import ExclusionViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState
from services.operations.leasing.errors import InvalidContract, UnitAlreadyLet
from services.operations.leasing.machine import (
    locked,
    release_units,
    require_checker,
    require_comment,
    take,
)
from storage.models import Contract, ContractUnit, Unit


def submit_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = "OPERATION"
) -> ContractState:
    """DRAFT → IN_REVIEW. Raises InvalidContract when it has no clause or no unit."""
    contract = locked(session, contract_id)
    if not contract.clauses or not contract.contract_units:
        raise InvalidContract(f"{contract.number} needs at least one unit and one clause")
    return take(session, contract, Event.SUBMIT, actor=actor, role=role, now=now)


def approve_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    role: str = "MANAGEMENT",
    comment: str = "",
) -> ContractState:
    """IN_REVIEW → APPROVED; from now on its units are held.

    Raises MakerIsChecker, UnitAlreadyLet (naming the other contract; nothing is changed then).
    """
    contract = locked(session, contract_id)
    require_checker(contract, actor)
    try:
        with session.begin_nested():
            state = take(
                session, contract, Event.APPROVE, actor=actor, role=role, now=now, comment=comment
            )
            for row in contract.contract_units:
                row.is_held = True
    except IntegrityError as error:
        if not isinstance(error.orig, ExclusionViolation):
            raise
        raise UnitAlreadyLet(who_holds(session, contract_id)) from None
    return state


def reject_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    comment: str,
    role: str = "MANAGEMENT",
) -> ContractState:
    """IN_REVIEW → REJECTED. Raises MakerIsChecker, CommentRequired."""
    contract = locked(session, contract_id)
    require_checker(contract, actor)
    require_comment(contract, comment)
    return take(session, contract, Event.REJECT, actor=actor, role=role, now=now, comment=comment)


def revise_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
    comment: str = "",
) -> ContractState:
    """REJECTED, DECLINED or SENT → DRAFT; a new version once the shop had seen it."""
    contract = locked(session, contract_id)
    was_sent = contract.state in (ContractState.SENT, ContractState.DECLINED)
    state = take(session, contract, Event.REVISE, actor=actor, role=role, now=now, comment=comment)
    if was_sent:
        contract.version += 1
    release_units(contract)
    session.flush()
    return state


def who_holds(session: Session, contract_id: int) -> str:
    wanted = aliased(ContractUnit)
    row = session.execute(
        sa.select(Unit.code, Contract.number, Contract.start_date, Contract.end_date)
        .join(ContractUnit, ContractUnit.contract_id == Contract.id)
        .join(Unit, Unit.id == ContractUnit.unit_id)
        .join(wanted, wanted.unit_id == ContractUnit.unit_id)
        .where(
            wanted.contract_id == contract_id,
            ContractUnit.contract_id != contract_id,
            ContractUnit.is_held,
            ContractUnit.period.op("&&")(wanted.period),
        )
        .order_by(Unit.code)
        .limit(1)
    ).first()
    if row is None:  # it was let go between the refusal and this look
        return "another contract held a unit on one of these days; try again"
    return f"the unit {row[0]} is let by the contract {row[1]} from {row[2]} to {row[3]}"
