"""An approved amendment goes to the shop, who signs or declines.

Belongs here: the steps. Not here: the paper that is signed (services.operations.papers). The
shop's own role takes its steps: it may lock the change that waits for it, and not the lease.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contract_changes import ChangeEvent, ChangeState, RecordedEvent, advance
from domain.notifications import Audience, Template
from services.operations.leasing.change_steps import (
    locked_change,
    require_reason,
    require_running,
    shown_change,
    tell,
)
from services.operations.leasing.machine import record, require_permission


def send_change(
    session: Session, *, change_id: int, actor: str, now: datetime, role: str = "OPERATION"
) -> ChangeState:
    """APPROVED → SENT: an amendment goes to the shop, for its signature; the shop is told.

    Raises ChangeNotFound, NotRunning, IllegalTransition, RoleMayNot.
    """
    contract, change = locked_change(session, change_id)
    event = RecordedEvent.AMENDMENT_SENT
    require_permission(event, role)
    change.state = advance(change.state, ChangeEvent.SEND)
    require_running(contract)
    record(session, contract, event, actor=actor, role=role, now=now)
    tell(
        session,
        contract,
        change,
        Template.AMENDMENT_SENT,
        Audience.SHOP,
        event=event,
        actor=actor,
        now=now,
        parameters={"effective_date": change.effective_date},
    )
    session.flush()
    return change.state


def sign_change(
    session: Session, *, change_id: int, actor: str, now: datetime, role: str = "SHOP"
) -> ChangeState:
    """SENT → IN_FORCE: the clauses hold as amended, and the version of the lease goes up.

    The database does it by a function of its own: the shop's role writes no clauses.
    Raises ChangeNotFound, NotRunning, IllegalTransition, RoleMayNot.
    """
    contract, change = shown_change(session, change_id)
    event = RecordedEvent.AMENDMENT_SIGNED
    require_permission(event, role)
    state = advance(change.state, ChangeEvent.SIGN)
    require_running(contract)
    session.flush()
    session.execute(sa.select(sa.func.app.apply_amendment(change.id, now)))
    record(session, contract, event, actor=actor, role=role, now=now)
    for audience in (Audience.SHOP, Audience.OFFICER):
        tell(
            session,
            contract,
            change,
            Template.AMENDMENT_SIGNED,
            audience,
            event=event,
            actor=actor,
            now=now,
            parameters={"effective_date": change.effective_date},
        )
    session.flush()
    # The function wrote behind the session's back.
    session.expire(change)
    session.expire(contract)
    return state


def decline_change(
    session: Session,
    *,
    change_id: int,
    comment: str,
    actor: str,
    now: datetime,
    role: str = "SHOP",
) -> ChangeState:
    """SENT → DECLINED; the officer is told why, and the lease stays as it was.

    Raises ChangeNotFound, ReasonRequired, IllegalTransition, RoleMayNot.
    """
    contract, change = shown_change(session, change_id)
    event = RecordedEvent.AMENDMENT_DECLINED
    require_permission(event, role)
    state = advance(change.state, ChangeEvent.DECLINE)
    require_reason(contract, comment)
    change.state = state
    change.comment = comment.strip()
    record(session, contract, event, actor=actor, role=role, now=now, comment=comment)
    tell(
        session,
        contract,
        change,
        Template.AMENDMENT_DECLINED,
        Audience.OFFICER,
        event=event,
        actor=actor,
        now=now,
        parameters={"effective_date": change.effective_date, "reason": comment.strip()},
    )
    session.flush()
    return state
