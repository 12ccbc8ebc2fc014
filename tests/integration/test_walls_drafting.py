"""Drafts and reviews, taken as the roles of Postgres that take them on the site."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from running_mall import END, MANAGER, NOW, OFFICER, START, RunningMall, rent
from sqlalchemy.orm import Session

from domain.contracts import ContractState
from domain.scopes import Actor, ActorKind, Scope
from services.operations import leasing
from services.operations.leasing import ContractNotFound
from services.operations.malls import register_unit
from services.operations.unit_changes import NewUnit, merge_units, split_unit
from services.queries.contracts import get_contract_terms, list_versions, terms_as_believed
from services.queries.units import get_unit_history
from storage.context import context_key, set_context
from storage.database import create_engine, transaction
from storage.logins import Login, login_url
from storage.models import OutboxMessage
from storage.roles import Group
from storage.settings import Settings

Acting = Callable[[Group, str, int], AbstractContextManager[Session]]


@pytest.fixture
def mall(engine: sa.Engine) -> RunningMall:
    with transaction(engine) as session:
        return RunningMall(session)


@pytest.fixture
def acting(engine: sa.Engine, settings: Settings) -> Iterator[Acting]:
    """`acting(role, name, mall)`: a transaction of somebody of the mall, as the site begins it."""
    staff = create_engine(login_url(settings, Login.STAFF))

    @contextmanager
    def begin(group: Group, name: str, mall_id: int) -> Iterator[Session]:
        with Session(staff, expire_on_commit=False) as session, session.begin():
            set_context(
                session.connection().connection.driver_connection,  # type: ignore[arg-type]
                key=context_key(settings),
                role=group,
                scope=Scope(mall_ids=frozenset({mall_id})),
                actor=Actor(ActorKind.PERSON, name, 1, group.name),
                now=datetime.now(UTC),
            )
            yield session

    yield begin
    staff.dispose()


def _draft(session: Session, mall: RunningMall, unit_ids: list[int]) -> int:
    return leasing.draft_contract(
        session,
        mall_id=mall.mall_id,
        shop_id=mall.shop_id,
        number="C-1",
        unit_ids=unit_ids,
        start_date=START,
        end_date=END,
        clauses=[rent("10000.00")],
        actor=OFFICER,
        now=NOW,
    )


def test_draft_goes_to_and_fro_between_two_desks(mall: RunningMall, acting: Acting) -> None:
    def officer() -> AbstractContextManager[Session]:
        return acting(Group.OPERATION, OFFICER, mall.mall_id)

    def manager() -> AbstractContextManager[Session]:
        return acting(Group.MANAGEMENT, MANAGER, mall.mall_id)

    with officer() as session:
        other = register_unit(
            session,
            mall_id=mall.mall_id,
            code="L2-01",
            floor="L2",
            area_m2=Decimal(40),
            opened_date=date(2020, 1, 1),
        )
        contract_id = _draft(session, mall, [mall.unit_id, other])
    done = {"contract_id": contract_id, "now": NOW}
    with officer() as session:
        leasing.change_draft(session, unit_ids=[other], actor=OFFICER, **done)
        leasing.put_clauses(session, clauses=[rent("11000.00")], actor=OFFICER, **done)
        leasing.submit_contract(session, actor=OFFICER, **done)
    with manager() as session:
        leasing.reject_contract(session, actor=MANAGER, comment="too cheap", **done)
    with officer() as session:
        leasing.revise_contract(session, actor=OFFICER, **done)
        leasing.put_clauses(session, clauses=[rent("12000.00")], actor=OFFICER, **done)
        leasing.submit_contract(session, actor=OFFICER, **done)
    with manager() as session:
        state = leasing.approve_contract(session, actor=MANAGER, **done)
        assert state is ContractState.APPROVED
        assert [unit.code for unit in get_contract_terms(session, contract_id).units] == ["L2-01"]
        assert len(list_versions(session, contract_id)) == 2
        believed = terms_as_believed(session, contract_id=contract_id, at=NOW)
        assert believed is not None
        assert believed.clauses == (rent("12000.00"),)
    with officer() as session:
        leasing.send_contract(session, actor=OFFICER, **done)
        leasing.revise_contract(session, actor=OFFICER, comment="the area is wrong", **done)
        told = session.scalars(sa.select(OutboxMessage.template).order_by(OutboxMessage.id)).all()
        assert told.count("CONTRACT_SUBMITTED") == 2
        assert told[-1] == "CONTRACT_RECALLED"


def test_desk_of_another_mall_finds_no_draft(mall: RunningMall, acting: Acting) -> None:
    with acting(Group.OPERATION, OFFICER, mall.mall_id) as session:
        contract_id = _draft(session, mall, [mall.unit_id])
    with (
        pytest.raises(ContractNotFound),
        acting(Group.OPERATION, OFFICER, mall.mall_id + 1) as session,
    ):
        leasing.put_clauses(session, contract_id=contract_id, clauses=[], actor=OFFICER, now=NOW)


@pytest.mark.parametrize("group", [Group.OPERATION, Group.SUPER_ADMIN])
def test_whoever_registers_units_splits_and_merges_them(
    mall: RunningMall, acting: Acting, group: Group
) -> None:
    day, later = date(2026, 6, 1), date(2026, 9, 1)
    with acting(group, "lin", mall.mall_id) as session:
        facts = {"reason": "", "actor": "lin", "now": NOW}
        parts = split_unit(
            session,
            unit_id=mall.unit_id,
            parts=[NewUnit("L1-01A", "L1", Decimal(40)), NewUnit("L1-01B", "L1", Decimal("40.5"))],
            effective_date=day,
            **facts,
        )
        merged = merge_units(
            session,
            mall_id=mall.mall_id,
            unit_ids=parts,
            code="L1-01C",
            floor="L1",
            effective_date=later,
            **facts,
        )
        history = get_unit_history(session, merged)
        assert history is not None
        assert [step.effective_date for step in history.before] == [day, later]
