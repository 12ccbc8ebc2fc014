"""People act on leases at the same moment: one of them succeeds, the others are told why not."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from threading import Barrier, Event, Thread
from time import sleep

import pytest
import sqlalchemy as sa
from running_mall import END, MANAGER, NOW, OFFICER, START, TENANT, RunningMall, rent
from sqlalchemy.orm import Session

from domain.contract_changes import ChangeState
from domain.contracts import ContractState
from domain.state_machines import IllegalTransition
from services.operations import leasing
from services.operations.leasing import InvalidContract, UnitAlreadyLet
from services.operations.leasing.change_steps import shown_change
from services.operations.malls import AlreadyRegistered, register_unit
from services.operations.unit_changes import NewUnit, UnitInUse, split_unit
from storage.database import transaction
from storage.models import Contract, ContractUnit, ContractVersion, OutboxMessage, Unit

Deed = Callable[[Session], object]


def at_once(engine: sa.Engine, deeds: Sequence[Deed]) -> list[object]:
    """What came of each deed, all begun together, each in a transaction and a thread of its own:
    what it returned, or the exception that it raised.
    """
    barrier = Barrier(len(deeds))
    outcomes: list[object] = [None] * len(deeds)

    def act(number: int, deed: Deed) -> None:
        try:
            with transaction(engine) as session:
                # The connection is there before the race begins.
                session.execute(sa.text("SELECT 1"))
                barrier.wait()
                outcomes[number] = deed(session)
        except Exception as error:  # noqa: BLE001 - the test looks at each of them
            outcomes[number] = error

    threads = [Thread(target=act, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return outcomes


def draft(session: Session, mall: RunningMall, number: str, unit_ids: Sequence[int]) -> int:
    return leasing.draft_contract(
        session,
        mall_id=mall.mall_id,
        shop_id=mall.shop_id,
        number=number,
        unit_ids=unit_ids,
        start_date=START,
        end_date=END,
        clauses=[rent("1")],
        actor=OFFICER,
        now=NOW,
    )


def submitting(contract_id: int) -> Deed:
    return lambda session: leasing.submit_contract(
        session, contract_id=contract_id, actor=OFFICER, now=NOW
    )


def two_units(session: Session, mall: RunningMall) -> list[int]:
    return [
        register_unit(
            session,
            mall_id=mall.mall_id,
            code=code,
            floor="L2",
            area_m2=Decimal(40),
            opened_date=date(2020, 1, 1),
        )
        for code in ("L2-01", "L2-02")
    ]


def test_of_two_officers_who_race_for_a_unit_one_gets_it_and_the_other_is_told_who(
    engine: sa.Engine,
) -> None:
    with transaction(engine) as session:
        mall = RunningMall(session)
        rivals = {number: draft(session, mall, number, [mall.unit_id]) for number in ("A", "B")}
    outcomes = at_once(engine, [submitting(contract_id) for contract_id in rivals.values()])
    winner = outcomes.index(ContractState.IN_REVIEW)
    refused = outcomes[1 - winner]
    assert isinstance(refused, UnitAlreadyLet)
    assert refused.holder is not None
    names = list(rivals)
    assert (refused.number, refused.holder.number) == (names[1 - winner], names[winner])
    assert (refused.holder.unit, refused.holder.state) == ("L1-01", ContractState.IN_REVIEW)
    assert (refused.holder.first, refused.holder.last) == (START, END)
    with transaction(engine) as session:
        states = dict(session.execute(sa.select(Contract.number, Contract.state)).all())
        assert states[names[1 - winner]] is ContractState.DRAFT
        held = session.scalars(
            sa.select(ContractUnit.contract_id).where(ContractUnit.is_held)
        ).all()
        assert held == [rivals[names[winner]]]
        # The loser left no version and no message behind.
        for table in (ContractVersion, OutboxMessage):
            assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 1


def test_eight_contracts_on_two_units_named_crosswise_do_not_block_each_other(
    engine: sa.Engine,
) -> None:
    with transaction(engine) as session:
        mall = RunningMall(session)
        first, second = two_units(session, mall)
        rivals = [
            draft(session, mall, f"C-{number}", [first, second] if number % 2 else [second, first])
            for number in range(8)
        ]
    outcomes = at_once(engine, [submitting(contract_id) for contract_id in rivals])
    assert outcomes.count(ContractState.IN_REVIEW) == 1
    refused = [one for one in outcomes if isinstance(one, UnitAlreadyLet)]
    assert len(refused) == 7
    assert all(one.holder is not None for one in refused)


def test_contract_is_decided_once(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        mall = RunningMall(session)
        contract_id = mall.draft()
        leasing.submit_contract(session, contract_id=contract_id, actor=OFFICER, now=NOW)
    outcomes = at_once(
        engine,
        [
            lambda session: leasing.approve_contract(
                session, contract_id=contract_id, actor=MANAGER, now=NOW
            ),
            lambda session: leasing.reject_contract(
                session, contract_id=contract_id, actor="ma", comment="no", now=NOW
            ),
        ],
    )
    (refused,) = (one for one in outcomes if isinstance(one, Exception))
    assert isinstance(refused, IllegalTransition)
    (decided,) = (one for one in outcomes if not isinstance(one, Exception))
    with transaction(engine) as session:
        assert session.scalar(sa.select(Contract.state)) is decided
        is_held = session.scalar(sa.select(ContractUnit.is_held))
        assert is_held is (decided is ContractState.APPROVED)


def test_number_chosen_twice_at_once_is_given_once(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        mall = RunningMall(session)
    outcomes = at_once(engine, [lambda session: draft(session, mall, "C-1", [mall.unit_id])] * 2)
    assert [type(one) for one in outcomes if isinstance(one, Exception)] == [AlreadyRegistered]
    with transaction(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Contract)) == 1


@pytest.mark.parametrize("round_", range(3))
def test_unit_is_split_or_let_but_not_both(engine: sa.Engine, round_: int) -> None:
    with transaction(engine) as session:
        mall = RunningMall(session)
        contract_id = mall.draft()

    def split(session: Session) -> object:
        return split_unit(
            session,
            unit_id=mall.unit_id,
            parts=[NewUnit("L1-01A", "L1", Decimal(40)), NewUnit("L1-01B", "L1", Decimal("40.5"))],
            effective_date=date(2026, 7, 1),
            reason="",
            actor="lin",
            now=NOW,
        )

    deeds = [submitting(contract_id), split]
    outcomes = at_once(engine, deeds if round_ % 2 else deeds[::-1])
    refused = [one for one in outcomes if isinstance(one, Exception)]
    assert len(refused) == 1
    with transaction(engine) as session:
        closed = session.scalars(sa.select(Unit.closed_date).where(Unit.code == "L1-01")).one()
        is_held = session.scalar(sa.select(ContractUnit.is_held))
        assert is_held is (closed is None)
        if closed is None:
            assert isinstance(refused[0], UnitInUse)
        else:
            assert isinstance(refused[0], InvalidContract)
            assert closed == date(2026, 6, 30)


def test_amendment_withdrawn_while_the_shop_signs_it_is_signed_and_nobody_is_stuck(
    engine: sa.Engine,
) -> None:
    with transaction(engine) as session:
        mall = RunningMall(session)
        contract_id = mall.lease()
        change_id = leasing.propose_amendment(
            session,
            contract_id=contract_id,
            effective_date=date(2026, 7, 1),
            clauses=[rent("12000.00", date(2026, 7, 1))],
            reason="new terms",
            actor=OFFICER,
            now=NOW,
        )
        leasing.approve_change(session, change_id=change_id, actor=MANAGER, now=NOW)
        leasing.send_change(session, change_id=change_id, actor=OFFICER, now=NOW)
    shop_holds_the_change = Event()

    def sign(session: Session) -> object:
        shown_change(session, change_id)
        shop_holds_the_change.set()
        wait_for_a_lock(engine)
        return leasing.sign_change(session, change_id=change_id, actor=TENANT, now=NOW)

    def withdraw(session: Session) -> object:
        assert shop_holds_the_change.wait(30)
        return leasing.withdraw_change(
            session, change_id=change_id, comment="a mistake", actor=OFFICER, now=NOW
        )

    signed, withdrawn = at_once(engine, [sign, withdraw])
    assert signed is ChangeState.IN_FORCE
    assert isinstance(withdrawn, IllegalTransition)


def wait_for_a_lock(engine: sa.Engine) -> None:
    """Until another transaction of this database waits for a row."""
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with engine.connect() as connection:
        for _attempt in range(600):
            if connection.scalar(waiting):
                return
            connection.rollback()
            sleep(0.05)
    raise AssertionError("nobody waits for a lock")
