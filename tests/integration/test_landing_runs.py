"""Landing as a run: batches judged before they are loaded, files kept when they are not."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import DeviceKind, FeedKind
from pipelines.assets import landing as landing_run
from pipelines.assets.landing import landing_devices
from pipelines.checks import CHECK_NAME
from pipelines.resources import Database, FixedClock, Progress
from pipelines.runs import PROCESS_TAG, fail_dead_runs, process_name
from pipelines.sensors import INBOX_TAG, RETRY_AFTER, TRIES, inbox_sensor, landing_request
from services.operations import inbox as inbox_files
from services.operations.devices import install_device, register_device
from services.operations.landing import find_ready_files
from services.operations.malls import register_mall
from storage.models import InboxFile, Quarantined, Reading
from storage.objects import FolderStore
from storage.settings import Settings

NOW = datetime(2026, 4, 1, tzinfo=UTC)
HEADER = "device_code,interval_start,interval_end,in,out"
FOOTFALL = "landing_devices__footfall_hours"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def counter(engine: sa.Engine) -> None:
    with Session(engine) as session, session.begin():
        mall_id = register_mall(session, code="M1", name="Mall")
        device_id = register_device(
            session,
            mall_id=mall_id,
            code="CNT-01",
            kind=DeviceKind.FOOTFALL,
            feed_kind=FeedKind.INTERVAL,
        )
        install_device(
            session,
            device_id=device_id,
            installed_date=date(2026, 1, 1),
            zone="ENTRANCE-N",
            now=NOW,
        )


def hours(device: str, count: int, *, first: int = 0) -> list[str]:
    start = datetime(2026, 3, 30, tzinfo=UTC) + timedelta(hours=first)
    return [
        f"{device},{(start + timedelta(hours=n)).isoformat()},"
        f"{(start + timedelta(hours=n + 1)).isoformat()},5,4"
        for n in range(count)
    ]


def drop(store: FolderStore, name: str, rows: list[str], feed: str = "footfall_hours") -> str:
    key = f"inbox/M1/{feed}/{name}"
    store.put(key, "\n".join([HEADER, *rows, ""]).encode())
    return key


def land(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    **tags: str,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [landing_devices],
        instance=instance,
        resources={
            "settings": settings,
            "database": Database(settings.database_url, engine),
            "store": store,
            "clock": FixedClock(NOW),
            "progress": Progress(),
        },
        tags={name.replace("_", "/"): value for name, value in tags.items()},
        raise_on_error=False,
    )


def inbox(store: FolderStore) -> list[str]:
    return [info.key for info in store.list("inbox/")]


def counts(engine: sa.Engine) -> tuple[int, int, int]:
    """Readings, registered files, quarantined rows."""
    with Session(engine) as session:
        return tuple(
            session.scalar(sa.select(sa.func.count()).select_from(model)) or 0
            for model in (Reading, InboxFile, Quarantined)
        )  # type: ignore[return-value]


def test_good_batch_is_loaded_and_says_so(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
) -> None:
    drop(store, "a.csv", hours("CNT-01", 20))
    drop(store, "b.csv", [*hours("CNT-01", 3, first=20), *hours("CNT-XX", 1)])

    result = land(engine, store, settings, instance)

    assert result.success
    assert inbox(store) == []
    assert counts(engine) == (46, 2, 1)
    [made] = result.asset_materializations_for_node("landing_devices")
    figures = made.metadata["figures"].value
    assert made.asset_key == dg.AssetKey(FOOTFALL)
    assert (figures["files"], figures["rows_total"]) == (2, 24)
    assert (figures["accepted"], figures["refused"]) == (23, 1)
    assert all(check.passed for check in result.get_asset_check_evaluations())


@pytest.mark.parametrize("most_rows_held", [0, 10])
def test_batch_too_large_for_memory_is_judged_and_then_read_again(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
    monkeypatch: pytest.MonkeyPatch,
    most_rows_held: int,
) -> None:
    read: list[str] = []

    def parse_files(store, found, **given):
        found = list(found)
        read.extend(each.name for each in found)
        return inbox_files.parse_files(store, found, **given)

    monkeypatch.setattr(landing_run, "MOST_ROWS_HELD", most_rows_held)
    monkeypatch.setattr(landing_run, "parse_files", parse_files)
    drop(store, "a.csv", hours("CNT-01", 3))
    drop(store, "b.csv", [*hours("CNT-01", 3, first=3), *hours("CNT-XX", 1)])
    drop(store, "c.csv", hours("CNT-01", 3, first=6))

    result = land(engine, store, settings, instance)

    assert result.success
    again = "abc" if most_rows_held == 0 else "bc"
    assert read == [f"{name}.csv" for name in f"abc{again}"]
    assert inbox(store) == []
    assert counts(engine) == (18, 3, 1)
    [made] = result.asset_materializations_for_node("landing_devices")
    figures = made.metadata["figures"].value
    assert (figures["files"], figures["accepted"], figures["refused"]) == (3, 9, 1)


def test_result_page_is_kept_and_named_by_the_check(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
) -> None:
    drop(store, "a.csv", hours("CNT-01", 20))

    result = land(engine, store, settings, instance)

    [check] = [
        each
        for each in result.get_asset_check_evaluations()
        if each.asset_key == dg.AssetKey(FOOTFALL)
    ]
    page = store.get(check.metadata["result_page_key"].value).decode()
    assert "Valid 合格" in page
    assert Path(check.metadata["result_page"].value).read_text() == page


def test_red_check_loads_nothing_and_keeps_the_files(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
) -> None:
    """A supplier renames its counters: most rows of the batch name devices nobody knows."""
    keys = [
        drop(store, "a.csv", [*hours("CNT-01", 2), *hours("DOOR-7", 40)]),
        drop(store, "b.csv", hours("CNT-01", 5, first=2)),
    ]

    result = land(engine, store, settings, instance)

    assert not result.success
    [red] = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert (red.asset_key, red.check_name, red.blocking) == (
        dg.AssetKey(FOOTFALL),
        CHECK_NAME,
        True,
    )
    assert red.description == "At most half of the rows were refused"
    assert inbox(store) == sorted(keys)
    assert counts(engine) == (0, 0, 0)
    assert not result.asset_materializations_for_node("landing_devices")


def test_held_batch_lands_when_its_devices_are_registered(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
) -> None:
    drop(store, "a.csv", [*hours("CNT-01", 2), *hours("DOOR-7", 40)])
    assert not land(engine, store, settings, instance).success
    with Session(engine) as session, session.begin():
        device_id = register_device(
            session,
            mall_id=session.scalar(sa.text("SELECT id FROM app.malls")) or 0,
            code="DOOR-7",
            kind=DeviceKind.FOOTFALL,
            feed_kind=FeedKind.INTERVAL,
        )
        install_device(
            session, device_id=device_id, installed_date=date(2026, 1, 1), zone="Z", now=NOW
        )

    assert land(engine, store, settings, instance).success
    assert counts(engine) == (84, 1, 0)


def test_one_feed_held_back_does_not_stop_another(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
) -> None:
    held = drop(store, "a.csv", [*hours("CNT-01", 2), *hours("DOOR-7", 40)])
    drop(store, "m.csv", ["nothing,of,the,kind"], feed="meter_registers")

    result = land(engine, store, settings, instance)

    assert not result.success
    assert inbox(store) == [held]


def test_file_refused_whole_does_not_hold_back_good_ones(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
) -> None:
    drop(store, "a.csv", hours("NOBODY", 500))
    drop(store, "b.csv", hours("CNT-01", 4))
    store.put("inbox/stray.txt", b"hello")

    result = land(engine, store, settings, instance)

    assert result.success
    assert inbox(store) == []
    with Session(engine) as session:
        states = dict(session.execute(sa.select(InboxFile.inbox_key, InboxFile.state)).all())
    assert states == {
        "inbox/M1/footfall_hours/a.csv": "REFUSED",
        "inbox/M1/footfall_hours/b.csv": "LANDED",
        "inbox/stray.txt": "REFUSED",
    }


def test_empty_inbox_lands_nothing_and_is_no_failure(
    engine: sa.Engine, store: FolderStore, settings: Settings, instance: dg.DagsterInstance
) -> None:
    result = land(engine, store, settings, instance)

    assert result.success
    assert not result.asset_materializations_for_node("landing_devices")


def test_failing_asset_is_red(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
) -> None:
    """The database goes away between parsing and loading: nothing is swallowed."""
    key = drop(store, "a.csv", hours("CNT-01", 20))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE ingest.quarantine, ingest.files CASCADE"))

    result = land(engine, store, settings, instance)

    assert not result.success
    assert inbox(store) == [key]


def test_thousand_files_are_one_run(store: FolderStore, instance: dg.DagsterInstance) -> None:
    for number in range(1000):
        drop(store, f"{number:04}.csv", ["x"])
    found = find_ready_files(store, now=datetime.now(UTC))
    request = landing_request(store, instance, now=datetime.now(UTC) + timedelta(minutes=1))

    assert len(found) == 1000
    assert isinstance(request, dg.RunRequest)
    assert request.tags["atrium/files"] == "1000"
    again = landing_request(store, instance, now=datetime.now(UTC) + timedelta(minutes=2))
    assert isinstance(again, dg.RunRequest)
    assert again.run_key == request.run_key


def test_file_that_may_still_grow_waits(store: FolderStore, instance: dg.DagsterInstance) -> None:
    drop(store, "a.csv", ["x"])
    now = datetime.now(UTC)

    young = landing_request(store, instance, now=now, settle_seconds=3600)
    rested = landing_request(store, instance, now=now + timedelta(hours=2), settle_seconds=3600)

    assert isinstance(young, dg.SkipReason)
    assert isinstance(rested, dg.RunRequest)


def test_empty_inbox_asks_for_no_run(store: FolderStore, instance: dg.DagsterInstance) -> None:
    with dg.build_sensor_context(instance=instance, resources={"store": store}) as context:
        tick = inbox_sensor.evaluate_tick(context)

    assert not tick.run_requests
    assert tick.skip_message == "The inbox is empty."


def test_failed_landing_is_tried_again_slowly_and_not_for_ever(
    engine: sa.Engine,
    store: FolderStore,
    settings: Settings,
    instance: dg.DagsterInstance,
    counter: None,
) -> None:
    drop(store, "a.csv", [*hours("CNT-01", 2), *hours("DOOR-7", 40)])
    keys = []
    for attempt in range(TRIES):
        later = datetime.now(UTC) + timedelta(seconds=1) + RETRY_AFTER * (attempt + 1)
        request = landing_request(store, instance, now=later)
        assert isinstance(request, dg.RunRequest)
        keys.append(request.run_key)
        land(engine, store, settings, instance, atrium_inbox=request.tags[INBOX_TAG])
        assert isinstance(landing_request(store, instance, now=datetime.now(UTC)), dg.SkipReason)

    much_later = datetime.now(UTC) + timedelta(days=1)
    assert len(set(keys)) == TRIES
    assert isinstance(landing_request(store, instance, now=much_later), dg.SkipReason)
    impatient = landing_request(store, instance, now=much_later, is_patient=False)
    assert isinstance(impatient, dg.RunRequest)


def test_run_of_a_process_that_is_gone_is_marked_failed(instance: dg.DagsterInstance) -> None:
    @dg.job
    def nothing() -> None: ...

    def left(process: str, status: dg.DagsterRunStatus) -> str:
        return instance.create_run_for_job(
            nothing, status=status, tags={PROCESS_TAG: process}
        ).run_id

    gone = "999999999:1"
    dead = {
        left(gone, dg.DagsterRunStatus.STARTED),
        left(gone, dg.DagsterRunStatus.NOT_STARTED),
        # Its number was given to another process since.
        left(f"{os.getpid()}:1", dg.DagsterRunStatus.STARTED),
    }
    alive = left(process_name(os.getpid()), dg.DagsterRunStatus.STARTED)

    assert fail_dead_runs(instance) == len(dead)
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert {run.run_id for run in failed} == dead
    assert instance.get_run_by_id(alive).status is dg.DagsterRunStatus.STARTED
