"""A running lease is changed: amended from a day on, or ended early.

Belongs here: proposing a change and deciding on it, and what an early end does to the lease. Not
here: the shop's signature under an amendment (change_signing), its paper (papers), and what a
change does to earlier bills (the bill run reads `recompute_from`).

An amendment is in force once the shop has signed it, an early end once it is approved. A lease
has one open change at a time.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from domain.calendar import ONE_DAY
from domain.clause_edits import amend
from domain.contract_changes import (
    OPEN,
    ChangeEvent,
    ChangeKind,
    ChangeState,
    RecordedEvent,
    advance,
)
from domain.lease_terms import ClauseDraft, clause_json
from domain.notifications import Audience, Template
from domain.term_checks import check_terms
from services.operations.leasing.change_steps import (
    locked_change,
    require_decider,
    require_reason,
    require_running,
    running,
    tell,
)
from services.operations.leasing.errors import InvalidContract
from services.operations.leasing.machine import record, require_permission
from services.operations.leasing.paper_rows import void_papers
from services.operations.leasing.running_errors import (
    ChangeWaiting,
    DayOutsideLease,
    NothingChanged,
)
from services.queries.contracts import get_contract_terms, list_clauses, tariff_charges
from storage.models import Contract, ContractChange


def propose_amendment(
    session: Session,
    *,
    contract_id: int,
    effective_date: date,
    clauses: Sequence[ClauseDraft],
    reason: str,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
) -> int:
    """A change IN_REVIEW that replaces the terms from `effective_date` on by `clauses`, which lie
    between that day and the end of the lease; returns its id.

    A clause that goes on as it was is given with the days left of it, and keeps its record. The
    day may lie in months that were billed: they are adjusted by the next bill.
    Raises ContractNotFound, NotRunning, DayOutsideLease, InvalidContract, NothingChanged,
    ReasonRequired, ChangeWaiting, RoleMayNot.
    """
    contract = running(session, contract_id)
    first, last = contract.start_date, contract.end_date
    if not first <= effective_date <= last:
        raise DayOutsideLease(contract.number, effective_date, first, last)
    _require_terms(session, contract, effective_date, clauses)
    amendment = amend(
        {one.id: one.clause for one in list_clauses(session, contract.id)},
        clauses,
        effective_date,
        last_day=last,
    )
    if not amendment.ends and not amendment.begins:
        raise NothingChanged(contract.number)
    change = ContractChange(
        kind=ChangeKind.AMENDMENT,
        effective_date=effective_date,
        terms={
            "ends": list(amendment.ends),
            "begins": [clause_json(clause) for clause in amendment.begins],
        },
        reason=reason.strip(),
        proposed_by=actor,
        proposed_at=now,
    )
    return _propose(session, contract, change, RecordedEvent.AMENDMENT_PROPOSED, role)


def propose_termination(
    session: Session,
    *,
    contract_id: int,
    last_day: date,
    reason: str,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
) -> int:
    """A change IN_REVIEW that makes `last_day` the last of the lease; returns its id.

    The day may have gone by: what was billed for the days after it is given back by a final bill.
    Raises ContractNotFound, NotRunning, DayOutsideLease, ReasonRequired, ChangeWaiting,
    RoleMayNot.
    """
    contract = running(session, contract_id)
    latest = contract.end_date - ONE_DAY
    if not contract.start_date <= last_day <= latest:
        raise DayOutsideLease(contract.number, last_day, contract.start_date, latest)
    change = ContractChange(
        kind=ChangeKind.TERMINATION,
        effective_date=last_day,
        terms={"last_day_before": contract.end_date.isoformat()},
        reason=reason.strip(),
        proposed_by=actor,
        proposed_at=now,
    )
    return _propose(session, contract, change, RecordedEvent.TERMINATION_PROPOSED, role)


def approve_change(
    session: Session,
    *,
    change_id: int,
    actor: str,
    now: datetime,
    role: str = "MANAGEMENT",
    comment: str = "",
) -> ChangeState:
    """IN_REVIEW → APPROVED: an amendment may go to the shop. → IN_FORCE: an early end shortens
    the lease and what it holds, and the shop is told.

    Raises ChangeNotFound, ProposerMayNotDecide, NotRunning, IllegalTransition,
    RoleMayNot.
    """
    contract, change = locked_change(session, change_id)
    is_termination = change.kind is ChangeKind.TERMINATION
    event = (
        RecordedEvent.TERMINATION_APPROVED if is_termination else RecordedEvent.AMENDMENT_APPROVED
    )
    require_permission(event, role)
    state = advance(change.state, ChangeEvent.APPROVE)
    require_decider(contract, change, actor)
    require_running(contract)
    if is_termination:
        state = advance(state, ChangeEvent.TAKE_EFFECT)
        _end_early(contract, change.effective_date)
        change.in_force_at = now
    _decide(change, state, actor, comment, now)
    record(session, contract, event, actor=actor, role=role, now=now, comment=comment)
    if is_termination:
        tell(
            session,
            contract,
            change,
            Template.TERMINATION_NOTICE,
            Audience.SHOP,
            event=event,
            actor=actor,
            now=now,
            parameters={"last_day": change.effective_date, "reason": change.reason},
        )
    session.flush()
    return state


def reject_change(
    session: Session,
    *,
    change_id: int,
    comment: str,
    actor: str,
    now: datetime,
    role: str = "MANAGEMENT",
) -> ChangeState:
    """IN_REVIEW → REJECTED; the officer is told why.

    Raises ChangeNotFound, ReasonRequired, ProposerMayNotDecide, IllegalTransition, RoleMayNot.
    """
    contract, change = locked_change(session, change_id)
    require_permission(RecordedEvent.CHANGE_REJECTED, role)
    state = advance(change.state, ChangeEvent.REJECT)
    require_decider(contract, change, actor)
    require_reason(contract, comment)
    _decide(change, state, actor, comment, now)
    event = RecordedEvent.CHANGE_REJECTED
    record(session, contract, event, actor=actor, role=role, now=now, comment=comment)
    tell(
        session,
        contract,
        change,
        Template.CHANGE_REJECTED,
        Audience.OFFICER,
        event=event,
        actor=actor,
        now=now,
        parameters={"effective_date": change.effective_date, "reason": comment.strip()},
    )
    session.flush()
    return state


def withdraw_change(
    session: Session,
    *,
    change_id: int,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
    comment: str = "",
) -> ChangeState:
    """IN_REVIEW, APPROVED or SENT → WITHDRAWN; the paper of one that was sent is void, and the
    shop is told.

    Raises ChangeNotFound, ReasonRequired (once it was sent), IllegalTransition, RoleMayNot.
    """
    contract, change = locked_change(session, change_id)
    require_permission(RecordedEvent.CHANGE_WITHDRAWN, role)
    state = advance(change.state, ChangeEvent.WITHDRAW)
    was_sent = change.state is ChangeState.SENT
    if was_sent:
        require_reason(contract, comment)
    change.state = state
    change.comment = comment.strip()
    event = RecordedEvent.CHANGE_WITHDRAWN
    record(session, contract, event, actor=actor, role=role, now=now, comment=comment)
    if was_sent:
        void_papers(session, contract_id=contract.id, change_id=change.id, reason=comment, now=now)
        tell(
            session,
            contract,
            change,
            Template.CONTRACT_RECALLED,
            Audience.SHOP,
            event=event,
            actor=actor,
            now=now,
            parameters={"reason": comment.strip()},
        )
    session.flush()
    return state


def _propose(
    session: Session, contract: Contract, change: ContractChange, event: RecordedEvent, role: str
) -> int:
    require_permission(event, role)
    require_reason(contract, change.reason)
    numbers = sa.select(ContractChange.number, ContractChange.state).where(
        ContractChange.contract_id == contract.id
    )
    earlier = session.execute(numbers.order_by(ContractChange.number)).all()
    for number, state in earlier:
        if state in OPEN:
            raise ChangeWaiting(contract.number, number)
    change.contract_id = contract.id
    change.number = max([number for number, _ in earlier], default=0) + 1
    change.state = ChangeState.IN_REVIEW
    session.add(change)
    session.flush()
    actor, now = change.proposed_by, change.proposed_at
    record(session, contract, event, actor=actor, role=role, now=now, comment=change.reason)
    tell(
        session,
        contract,
        change,
        Template.CHANGE_SUBMITTED,
        Audience.ROLE,
        event=event,
        actor=actor,
        now=now,
        parameters={"effective_date": change.effective_date},
    )
    session.flush()
    return change.id


def _end_early(contract: Contract, last_day: date) -> None:
    """The lease and what it holds end with `last_day`; clauses are bounded by the lease anyway."""
    following = last_day + ONE_DAY
    for row in contract.contract_units:
        assert row.period.lower is not None and row.period.upper is not None
        if row.period.lower > last_day:
            row.is_held = False
        elif row.period.upper > following:
            row.period = Range(row.period.lower, following, bounds="[)")
    contract.end_date = last_day
    contract.version += 1
    contract.recompute_from = min(contract.recompute_from or following, following)


def _decide(
    change: ContractChange, state: ChangeState, actor: str, comment: str, now: datetime
) -> None:
    change.state = state
    change.decided_by = actor
    change.decided_at = now
    change.comment = comment.strip()


def _require_terms(
    session: Session, contract: Contract, effective_date: date, clauses: Sequence[ClauseDraft]
) -> None:
    """The terms from the day on, seen as a lease of those days: whatever that may be, they may."""
    terms = replace(
        get_contract_terms(session, contract.id), start=effective_date, clauses=tuple(clauses)
    )
    known = tariff_charges(session, mall_id=contract.mall_id)
    problems = [one for one in check_terms(terms, tariffs=known) if not one.is_warning]
    if problems:
        raise InvalidContract(contract.number, problems)
