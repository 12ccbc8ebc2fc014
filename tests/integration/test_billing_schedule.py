"""When bills are asked for: five minutes after a mall's month is over, on its own clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from pipelines.partitions import MALL_ZONE
from pipelines.resources import Database
from pipelines.schedules import billing_schedule
from services.operations.malls import register_mall
from storage.settings import Settings


@pytest.fixture
def malls(engine: sa.Engine) -> None:
    with Session(engine) as session, session.begin():
        register_mall(session, code="DAY", name="Day mall")
        register_mall(session, code="NIGHT", name="Night mall", business_day_cutoff_hour=4)


@pytest.mark.parametrize(("hour", "codes"), [(0, ["DAY"]), (1, []), (4, ["NIGHT"])])
def test_month_is_billed_when_its_last_business_day_is_over(
    engine: sa.Engine, settings: Settings, malls: None, hour: int, codes: list[str]
) -> None:
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 4, 1, hour, 5, tzinfo=ZoneInfo(MALL_ZONE)),
        resources={"database": Database(settings.database_url, engine)},
    )

    answers = list(billing_schedule(context))

    requests = [answer for answer in answers if isinstance(answer, dg.RunRequest)]
    assert [request.run_key for request in requests] == [f"2026-03-{code}" for code in codes]
    assert all(request.partition_key == "2026-03" for request in requests)
    assert [
        request.run_config["resources"]["malls"]["config"]["code"] for request in requests
    ] == codes
    assert codes or isinstance(answers[0], dg.SkipReason)
