"""Every step of a contract and of its changes is in the table, or refused without a trace."""

from collections.abc import Callable, Mapping
from datetime import date

import pytest
import sqlalchemy as sa
from running_mall import MANAGER, NOW, OFFICER, TENANT, RunningMall, at, rent
from sqlalchemy.orm import Session

from domain import contract_changes, contracts
from domain.contract_changes import ChangeEvent, ChangeKind, ChangeState
from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState
from domain.state_machines import IllegalTransition
from services.operations import leasing
from services.operations.leasing.machine import locked, take
from storage.models import ContractChange, ContractEvent, OutboxMessage

AFTER = at(date(2027, 1, 1))
WHO = {
    Event.SUBMIT: (OFFICER, "OPERATION"),
    Event.APPROVE: (MANAGER, "MANAGEMENT"),
    Event.REJECT: (MANAGER, "MANAGEMENT"),
    Event.SEND: (OFFICER, "OPERATION"),
    Event.SIGN: (TENANT, "SHOP"),
    Event.DECLINE: (TENANT, "SHOP"),
    Event.REVISE: (OFFICER, "OPERATION"),
}
OPERATIONS: Mapping[Event, Callable[..., ContractState]] = {
    Event.SUBMIT: leasing.submit_contract,
    Event.APPROVE: leasing.approve_contract,
    Event.REJECT: leasing.reject_contract,
    Event.SEND: leasing.send_contract,
    Event.SIGN: leasing.sign_contract,
    Event.DECLINE: leasing.decline_contract,
    Event.REVISE: leasing.revise_contract,
    Event.ACTIVATE: leasing.activate_contract,
    Event.EXPIRE: leasing.expire_contract,
}
SAID_WHY = frozenset({Event.REJECT, Event.DECLINE, Event.REVISE})
SIGNED = (Event.SUBMIT, Event.APPROVE, Event.SEND, Event.SIGN)
RUN = (*SIGNED, Event.ACTIVATE)
# The events that lead from a draft to each state.
PATHS: Mapping[ContractState, tuple[Event, ...]] = {
    ContractState.DRAFT: (),
    ContractState.IN_REVIEW: (Event.SUBMIT,),
    ContractState.REJECTED: (Event.SUBMIT, Event.REJECT),
    ContractState.APPROVED: (Event.SUBMIT, Event.APPROVE),
    ContractState.SENT: (Event.SUBMIT, Event.APPROVE, Event.SEND),
    ContractState.DECLINED: (Event.SUBMIT, Event.APPROVE, Event.SEND, Event.DECLINE),
    ContractState.SIGNED: SIGNED,
    ContractState.ACTIVE: RUN,
    ContractState.EXPIRED: (*RUN, Event.EXPIRE),
    ContractState.TERMINATED: (*RUN, Event.TERMINATE),
    ContractState.RENEWED: (*RUN, Event.RENEW),
}


def step(session: Session, contract_id: int, event: Event) -> ContractState:
    """Take a step by its operation; the two that come with other leases, by the machine."""
    if event in (Event.TERMINATE, Event.RENEW):
        contract = locked(session, contract_id)
        return take(session, contract, event, actor="SYSTEM", role="", now=AFTER)
    actor, role = WHO.get(event, ("SYSTEM", ""))
    why = {"comment": "because"} if event in SAID_WHY else {}
    return OPERATIONS[event](
        session, contract_id=contract_id, actor=actor, role=role, now=AFTER, **why
    )


def traces(session: Session) -> tuple[int, ...]:
    return tuple(
        session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in (ContractEvent, OutboxMessage)
    )


@pytest.mark.parametrize("state", list(ContractState))
def test_contract_takes_the_steps_of_the_table_and_no_other(
    session: Session, state: ContractState
) -> None:
    mall = RunningMall(session)
    contract_id = mall.draft()
    for event in PATHS[state]:
        step(session, contract_id, event)
    assert mall.state(contract_id) is state
    for event in Event:
        before = traces(session)
        expected = contracts.TRANSITIONS.get((state, event))
        attempt = session.begin_nested()
        if expected is None:
            with pytest.raises(IllegalTransition):
                step(session, contract_id, event)
            assert mall.state(contract_id) is state
            assert traces(session) == before
        else:
            assert step(session, contract_id, event) is expected
            assert mall.state(contract_id) is expected
            assert traces(session)[0] == before[0] + 1
        attempt.rollback()


CHANGE_OPERATIONS: Mapping[ChangeEvent, Callable[..., ChangeState]] = {
    ChangeEvent.APPROVE: leasing.approve_change,
    ChangeEvent.REJECT: leasing.reject_change,
    ChangeEvent.SEND: leasing.send_change,
    ChangeEvent.SIGN: leasing.sign_change,
    ChangeEvent.DECLINE: leasing.decline_change,
    ChangeEvent.WITHDRAW: leasing.withdraw_change,
}
CHANGE_ACTORS = {
    ChangeEvent.APPROVE: MANAGER,
    ChangeEvent.REJECT: MANAGER,
    ChangeEvent.SIGN: TENANT,
    ChangeEvent.DECLINE: TENANT,
}
CHANGE_SAID_WHY = frozenset({ChangeEvent.REJECT, ChangeEvent.DECLINE, ChangeEvent.WITHDRAW})
A = ChangeEvent
CHANGE_PATHS: Mapping[ChangeKind, Mapping[ChangeState, tuple[ChangeEvent, ...]]] = {
    ChangeKind.AMENDMENT: {
        ChangeState.IN_REVIEW: (),
        ChangeState.REJECTED: (A.REJECT,),
        ChangeState.APPROVED: (A.APPROVE,),
        ChangeState.SENT: (A.APPROVE, A.SEND),
        ChangeState.DECLINED: (A.APPROVE, A.SEND, A.DECLINE),
        ChangeState.IN_FORCE: (A.APPROVE, A.SEND, A.SIGN),
        ChangeState.WITHDRAWN: (A.WITHDRAW,),
    },
    ChangeKind.TERMINATION: {
        ChangeState.IN_REVIEW: (),
        ChangeState.REJECTED: (A.REJECT,),
        ChangeState.IN_FORCE: (A.APPROVE,),
        ChangeState.WITHDRAWN: (A.WITHDRAW,),
    },
}


def change_step(session: Session, change_id: int, event: ChangeEvent) -> ChangeState:
    why = {"comment": "because"} if event in CHANGE_SAID_WHY else {}
    actor = CHANGE_ACTORS.get(event, OFFICER)
    return CHANGE_OPERATIONS[event](session, change_id=change_id, actor=actor, now=NOW, **why)


def expected_of(kind: ChangeKind, state: ChangeState, event: ChangeEvent) -> ChangeState | None:
    """By the table; an early end takes effect with its approval, as it needs no signature."""
    following = contract_changes.TRANSITIONS.get((state, event))
    if kind is ChangeKind.TERMINATION and following is ChangeState.APPROVED:
        return contract_changes.TRANSITIONS[following, ChangeEvent.TAKE_EFFECT]
    return following


@pytest.mark.parametrize(
    ("kind", "state"), [(kind, state) for kind, paths in CHANGE_PATHS.items() for state in paths]
)
def test_change_takes_the_steps_of_the_table_and_no_other(
    session: Session, kind: ChangeKind, state: ChangeState
) -> None:
    mall = RunningMall(session)
    contract_id = mall.lease()
    facts = {"contract_id": contract_id, "reason": "why", "actor": OFFICER, "now": NOW}
    if kind is ChangeKind.AMENDMENT:
        day = date(2026, 5, 1)
        change_id = leasing.propose_amendment(
            session, effective_date=day, clauses=[rent("1", day)], **facts
        )
    else:
        change_id = leasing.propose_termination(session, last_day=date(2026, 6, 30), **facts)
    for event in CHANGE_PATHS[kind][state]:
        change_step(session, change_id, event)

    def now_in() -> ChangeState:
        return session.get_one(ContractChange, change_id, populate_existing=True).state

    assert now_in() is state
    for event in CHANGE_OPERATIONS:
        before = traces(session)
        expected = expected_of(kind, state, event)
        attempt = session.begin_nested()
        if expected is None:
            with pytest.raises(IllegalTransition):
                change_step(session, change_id, event)
            assert now_in() is state
            assert traces(session) == before
        else:
            assert change_step(session, change_id, event) is expected
            assert now_in() is expected
            assert traces(session)[0] == before[0] + 1
        attempt.rollback()


def test_paths_reach_every_state_of_a_change() -> None:
    assert set(CHANGE_PATHS[ChangeKind.AMENDMENT]) == set(ChangeState)
    assert set(CHANGE_OPERATIONS) == set(ChangeEvent) - {ChangeEvent.TAKE_EFFECT}
    assert set(PATHS) == set(ContractState)
