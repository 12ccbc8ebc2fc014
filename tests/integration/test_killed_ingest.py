"""What was answered 200 is there, whoever was killed meanwhile; and the check can fail."""

import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from bench.ingest import BenchMall
from bench.ledger import Report, children_of, compare, run_killed
from bench.web_server import Caller, database, running_web

AT = datetime(2026, 3, 5, tzinfo=UTC)


def test_no_acknowledged_reading_is_lost_or_doubled_by_kills() -> None:
    # With this seed Postgres is killed first, then a backend or a worker.
    report = run_killed(15, seed=3)
    assert report.kills.get("Postgres", 0) >= 1
    assert report.acknowledged > 100
    assert (report.lost, report.doubled) == (0, 0), str(report)


def test_site_is_back_at_once_when_every_worker_was_killed() -> None:
    """A worker that loads the application first takes as long as the site took to start."""
    with database() as (url, folder):
        mall = BenchMall(url)
        began = time.monotonic()
        with running_web(url, folder) as (port, process):
            start = time.monotonic() - began
            began = time.monotonic()
            for kills in range(1, 4):
                while len(workers := children_of(process.pid)) < 2:
                    assert time.monotonic() - began < 60
                    time.sleep(0.01)
                for worker in workers:
                    os.kill(worker, signal.SIGKILL)
                began = time.monotonic()
                with Caller(port) as caller:
                    assert caller.call(mall.request(1))[0] == 200
                assert time.monotonic() - began < start / 3, f"{kills} kills, start {start:.1f} s"
            assert mall.count() == 3
            files = [one.readlink() for one in Path(f"/proc/{process.pid}/fd").iterdir()]
            sockets = [one for one in files if str(one).startswith("socket:")]
            assert len(sockets) == 1, "workers inherit the listening socket and no connection"


@pytest.fixture
def stored(database_url: str) -> str:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO app.malls (code, name) VALUES ('M1', 'M');"
            "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
            "SELECT id, 'POS-1', 'POS', 'EVENT' FROM app.malls;"
            "SELECT ingest.ensure_readings_partition('2026-03-01', '2026-04-01')"
        )
        connection.execute(
            "INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value, "
            "received_at, batch_id) SELECT id, 'sales', %s, %s, 1.50, now(), 1 FROM app.devices",
            (AT, AT),
        )
    return database_url


def line(value: str, hour: int = 0) -> str:
    at = AT.replace(hour=hour).isoformat()
    return json.dumps({"device_id": "POS-1", "timestamp": at, "value": value}) + "\n"


@pytest.mark.parametrize(
    ("ledger", "statement", "lost", "doubled"),
    [
        (line("1.50"), "", 0, 0),
        (line("1.50") + line("2.00", 1), "", 1, 0),
        (line("1.51"), "", 1, 0),
        (line("1.50") * 2, "", 0, 1),
        (
            line("1.50"),
            "INSERT INTO ingest.reading_revisions (device_id, metric, interval_start, value, "
            "quality, received_at) SELECT device_id, metric, interval_start, value, quality, "
            "received_at FROM ingest.readings",
            0,
            1,
        ),
    ],
    ids=["whole", "missing", "other value", "taken twice", "revised"],
)
def test_comparison_finds_what_is_wrong(
    stored: str, tmp_path: Path, ledger: str, statement: str, lost: int, doubled: int
) -> None:
    (tmp_path / "ledger").write_text(ledger)
    with psycopg.connect(stored) as connection:
        if statement:
            connection.execute(statement)  # type: ignore[call-overload]
    report = Report(0)
    compare(stored, tmp_path / "ledger", report)
    assert (report.lost, report.doubled) == (lost, doubled)
