"""The code location as a whole: what stands in it, and how it hangs together."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from domain.devices import Feed
from pipelines.build import build_definitions
from pipelines.instance import URL_VARIABLE, prepare_instance
from pipelines.jobs import JOBS, MAX_RUNTIME
from pipelines.partitions import MALL_ZONE, days, month_before, months, next_month
from pipelines.schedules import SCHEDULES, reminders_schedule, reports_schedule
from pipelines.sensors import SENSORS
from storage.settings import REPOSITORY, Settings

STAGES = [
    "inbox",
    "landing",
    "cleaning",
    "staging",
    "intermediate",
    "marts",
    "leasing",
    "billing",
    "messages",
    "reports",
    "backup",
]
LIFE_OF_A_READING = [
    "inbox_files",
    "landing_devices__pos_days",
    "cleaned_readings",
    "stg_ingest__reading_hours",
    "shop_days",
    "issued_bills",
    "report_files",
    "database_backup",
    "restore_drill",
]


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions()


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> AssetGraph:
    return definitions.resolve_asset_graph()


def names(keys: object) -> set[str]:
    return {key.to_user_string() for key in keys}  # type: ignore[attr-defined]


def upstream(graph: AssetGraph, name: str) -> Iterator[str]:
    seen: set[dg.AssetKey] = set()
    waiting = [dg.AssetKey(name)]
    while waiting:
        key = waiting.pop()
        for parent in graph.get(key).parent_keys - seen:
            seen.add(parent)
            waiting.append(parent)
            yield parent.to_user_string()


def test_every_asset_has_an_owner_a_description_a_stage_and_a_kind(graph: AssetGraph) -> None:
    bare = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if not (
            (node := graph.get(key)).owners
            and node.description
            and node.group_name in STAGES
            and node.kinds
        )
    }

    assert not bare


@pytest.mark.parametrize("name", ["cleaned_readings", "issued_bills", "restore_drill"])
def test_lineage_runs_unbroken_from_the_inbox(graph: AssetGraph, name: str) -> None:
    assert "inbox_files" in set(upstream(graph, name))


def test_the_life_of_a_reading_is_one_path(graph: AssetGraph) -> None:
    for earlier, later in pairwise(LIFE_OF_A_READING):
        assert earlier in set(upstream(graph, later)), f"{later} does not come from {earlier}"


def test_nothing_hangs_in_the_air(graph: AssetGraph) -> None:
    """Only the inbox, the API and the people's records come from outside."""
    assert names(graph.external_asset_keys) == {"inbox_files", "api_readings", "mall_records"}


def test_each_feed_has_a_blocking_check(graph: AssetGraph) -> None:
    blocking = {
        spec.asset_key.to_user_string()
        for key in graph.asset_check_keys
        if (spec := graph.get_check_spec(key)).blocking and "landing" in key.asset_key.path[0]
    }

    assert blocking == {f"landing_devices__{feed}" for feed in Feed}


def test_tests_of_models_are_asset_checks(graph: AssetGraph) -> None:
    checked = {key.asset_key.to_user_string() for key in graph.asset_check_keys}

    assert "shop_days" in checked


def test_no_job_may_run_for_ever() -> None:
    assert all(int(job.tags[MAX_RUNTIME]) > 0 for job in JOBS)


def test_schedules_and_sensors_run_without_being_switched_on() -> None:
    assert all(
        schedule.default_status is dg.DefaultScheduleStatus.RUNNING for schedule in SCHEDULES
    )
    assert all(sensor.default_status is dg.DefaultSensorStatus.RUNNING for sensor in SENSORS)


def test_schedules_keep_the_clock_of_the_malls() -> None:
    assert {schedule.execution_timezone for schedule in SCHEDULES} == {MALL_ZONE}
    assert {schedule.name: schedule.cron_schedule for schedule in SCHEDULES} == {
        "marts_schedule": "*/5 * * * *",
        "leasing_schedule": "5 * * * *",
        "billing_schedule": "5 0-12 1 * *",
        "reminders_schedule": "0 9 * * *",
        "reports_schedule": "0 13 1 * *",
        "backup_schedule": "30 2 * * *",
        "drill_schedule": "30 4 * * 0",
    }


def asked_for(
    definitions: dg.Definitions, schedule: dg.ScheduleDefinition, at: datetime
) -> list[str | None]:
    context = dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=definitions.get_repository_def()
    )
    return [request.partition_key for request in schedule.evaluate_tick(context).run_requests or ()]


def test_reports_of_a_month_are_asked_for_when_it_is_over(definitions: dg.Definitions) -> None:
    at = datetime(2026, 1, 1, 13, tzinfo=ZoneInfo(MALL_ZONE))

    assert asked_for(definitions, reports_schedule, at) == ["2025-12"]


def test_reminders_are_asked_for_on_their_own_day(definitions: dg.Definitions) -> None:
    """09:00 in Shanghai is 01:00 UTC of the same day."""
    at = datetime(2026, 4, 15, 1, tzinfo=UTC)

    assert asked_for(definitions, reminders_schedule, at) == ["2026-04-15"]


@pytest.mark.parametrize(
    ("instant", "month"),
    [
        (datetime(2026, 3, 31, 15, 59, tzinfo=UTC), "2026-02"),
        (datetime(2026, 3, 31, 16, 0, tzinfo=UTC), "2026-03"),
        (datetime(2026, 1, 15, tzinfo=UTC), "2025-12"),
    ],
)
def test_the_month_before_is_told_by_the_zone_of_the_malls(instant: datetime, month: str) -> None:
    assert month_before(instant) == month
    assert month in months.get_partition_keys()


def test_a_month_follows_december() -> None:
    assert next_month(datetime(2025, 12, 1).date()) == datetime(2026, 1, 1).date()


def test_the_day_in_progress_can_be_reminded_of() -> None:
    today = datetime.now(ZoneInfo(MALL_ZONE)).date()

    assert days.get_last_partition_key() == today.isoformat()


def test_definitions_load_without_a_database(tmp_path: Path) -> None:
    """Nothing is opened at load: an address that leads nowhere does no harm."""
    result = subprocess.run(
        [sys.executable, "-c", "import sys; import pipelines.definitions;"
         "print('great_expectations' in sys.modules)"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "ATRIUM_STATE_DIR": str(tmp_path),
            "ATRIUM_DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none",
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip() == "False"


def test_dagsters_home_keeps_telemetry_off_and_no_password(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "it's 商场", _env_file=None)

    home = prepare_instance(settings)

    text = (home / "dagster.yaml").read_text(encoding="utf-8")
    written = yaml.safe_load(text)
    assert written["telemetry"] == {"enabled": False}
    assert written["storage"]["postgres"]["postgres_url"] == {"env": URL_VARIABLE}
    assert written["compute_logs"]["config"]["base_dir"].startswith(str(settings.state_dir))
    assert written["run_monitoring"]["max_runtime_seconds"] > 0
    assert "postgresql://" not in text


def test_the_workspace_names_the_code_location() -> None:
    workspace = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())

    [location] = workspace["load_from"]
    assert location["python_module"]["module_name"] == "pipelines.definitions"
