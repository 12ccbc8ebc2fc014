"""When leases are looked at, and what the assets do as the pipelines' own login."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from running_mall import CASHIER, CLERK, OFFICER, RunningMall, at, rent
from sqlalchemy.orm import Session

from domain.contracts import ContractState
from domain.deposits import DepositKind
from domain.malls import MallClock
from pipelines.assets.leasing import day_in, lease_states, renewal_reminders
from pipelines.resources import Database, FixedClock, Malls
from pipelines.schedules import leasing_schedule
from services.operations import leasing
from services.operations.malls import register_mall
from services.queries.deposits import deposit_balance
from services.queries.malls import MallView
from storage.database import create_engine
from storage.logins import Login, login_url
from storage.models import Contract, OutboxMessage
from storage.roles import Group
from storage.settings import Settings

# A year gone by: partitions reach to the day on which the test runs.
FIRST, LAST, NEW_YEAR = date(2025, 1, 1), date(2025, 12, 31), date(2026, 1, 1)


@pytest.fixture
def pipelines(settings: Settings, database_url: str) -> Iterator[Database]:
    """The database as the pipelines enter it."""
    url = login_url(settings, Login.PIPELINES)
    engine = create_engine(url, role=Group.PIPELINES)
    yield Database(url, engine)
    engine.dispose()


def ask(database: Database, instant: datetime) -> list[Any]:
    context = dg.build_schedule_context(
        scheduled_execution_time=instant, resources={"database": database}
    )
    return list(leasing_schedule(context))


def make(
    assets: list[Any], database: Database, day: date, *, today: date | None = None
) -> dict[str, dict[str, Any]]:
    """Figures by asset of a day's run, on that day or later, at four in the morning UTC."""
    result = dg.materialize(
        [dg.AssetSpec("mall_records"), *assets],
        partition_key=day.isoformat(),
        resources={"database": database, "clock": FixedClock(at(today or day)), "malls": Malls("")},
        selection=assets,
    )
    assert result.success
    return {
        event.asset_key.to_user_string(): dict(
            event.step_materialization_data.materialization.metadata["figures"].value
        )
        for event in result.get_asset_materialization_events()
    }


@pytest.mark.parametrize(
    ("hour_utc", "is_asked"),
    [(16, True), (17, False), (8, False)],
)
def test_leases_are_looked_at_when_the_mall_s_day_begins(
    engine: sa.Engine, pipelines: Database, hour_utc: int, is_asked: bool
) -> None:
    with Session(engine) as session, session.begin():
        register_mall(session, code="DAY", name="Day mall")
    (answer,) = ask(pipelines, datetime(2026, 4, 1, hour_utc, 5, tzinfo=UTC))
    assert isinstance(answer, dg.RunRequest if is_asked else dg.SkipReason)
    if is_asked:
        assert answer.partition_key == "2026-04-02"


def test_lease_that_waits_for_its_step_is_taken_at_any_hour(
    engine: sa.Engine, pipelines: Database
) -> None:
    with Session(engine) as session, session.begin():
        mall = RunningMall(session)
        mall.sign(mall.draft(start=FIRST, end=LAST, clauses=[rent("10000.00", FIRST)]))
    noon = datetime(2025, 1, 3, 4, 5, tzinfo=UTC)
    (answer,) = ask(pipelines, noon)
    assert isinstance(answer, dg.RunRequest)
    make([lease_states], pipelines, date(2025, 1, 3))
    (answer,) = ask(pipelines, noon)
    assert isinstance(answer, dg.SkipReason)


def test_pipelines_carry_leases_and_deposits_over_the_year_s_end(
    engine: sa.Engine, pipelines: Database
) -> None:
    with Session(engine) as session, session.begin():
        mall = RunningMall(session)
        contract_id = mall.sign(
            mall.draft(start=FIRST, end=LAST, clauses=[rent("10000.00", FIRST)])
        )
    assert make([lease_states], pipelines, FIRST)["lease_states"]["activated"] == 1
    ending = LAST - timedelta(days=30)
    made = make([lease_states, renewal_reminders], pipelines, ending)
    assert made["renewal_reminders"] == {"created": 2, "existing": 0}
    with Session(engine) as session, session.begin():
        mall.session = session
        given = {"contract_id": contract_id, "now": at(ending)}
        entry = leasing.enter_deposit(
            session,
            kind=DepositKind.RECEIVED,
            amount=Decimal("20000.00"),
            entry_date=FIRST,
            actor=CLERK,
            **given,
        )
        leasing.confirm_deposit(session, entry_id=entry, actor=CASHIER, now=at(ending))
        following = leasing.offer_renewal(
            session, number="C-2", end_date=date(2026, 12, 31), actor=OFFICER, **given
        )
        mall.sign(following, at(ending))

    made = make([lease_states], pipelines, NEW_YEAR)["lease_states"]

    assert made == {"activated": 1, "expired": 0, "terminated": 0, "renewed": 1, "transferred": 1}
    again = make([lease_states, renewal_reminders], pipelines, NEW_YEAR)
    assert not any(again["lease_states"].values())
    assert again["renewal_reminders"] == {"created": 0, "existing": 0}
    with Session(engine) as session:
        states = dict(session.execute(sa.select(Contract.number, Contract.state)).all())
        assert states == {"C-1": ContractState.RENEWED, "C-2": ContractState.ACTIVE}
        assert deposit_balance(session, contract_id=following) == Decimal("20000.00")
        ended = session.scalars(
            sa.select(OutboxMessage.contract_id).where(OutboxMessage.template == "CONTRACT_ENDED")
        ).all()
        assert ended == [contract_id]


def test_reminders_of_a_day_gone_by_say_what_today_s_would(
    engine: sa.Engine, pipelines: Database
) -> None:
    with Session(engine) as session, session.begin():
        mall = RunningMall(session)
        mall.sign(mall.draft(start=FIRST, end=LAST, clauses=[rent("10000.00", FIRST)]))
    make([lease_states], pipelines, FIRST)
    today = LAST - timedelta(days=20)
    gone_by = LAST - timedelta(days=90)
    make([renewal_reminders], pipelines, gone_by, today=today)
    with Session(engine) as session:
        told = session.execute(
            sa.select(OutboxMessage.cause, OutboxMessage.parameters).where(
                OutboxMessage.template == "RENEWAL_REMINDER"
            )
        ).all()
    assert told == [("30 DAYS BEFORE THE END", {"days": 20})] * 2
    made = make([renewal_reminders], pipelines, today)
    assert made["renewal_reminders"] == {"created": 0, "existing": 2}


@pytest.mark.parametrize(
    ("zone", "instant", "partition", "expected"),
    [
        ("Asia/Shanghai", "2026-03-31T16:05Z", "2026-04-01", "2026-04-01"),
        ("Europe/Berlin", "2026-03-31T16:05Z", "2026-04-01", "2026-03-31"),
        ("Pacific/Auckland", "2026-03-31T13:05Z", "2026-03-31", "2026-04-01"),
        # A day gone by that is made again.
        ("Asia/Shanghai", "2026-03-31T16:05Z", "2026-02-01", "2026-02-01"),
    ],
)
def test_mall_s_day_is_that_of_its_own_clock(
    zone: str, instant: str, partition: str, expected: str
) -> None:
    mall = MallView(1, "M", "Mall", MallClock(zone))
    found = day_in(mall, date.fromisoformat(partition), datetime.fromisoformat(instant))
    assert found == date.fromisoformat(expected)
