"""What was answered 200 is there, whoever was killed meanwhile; and the check can fail."""

import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from bench.ledger import Report, compare, run_killed

AT = datetime(2026, 3, 5, tzinfo=UTC)


def test_no_acknowledged_reading_is_lost_or_doubled_by_kills() -> None:
    # With this seed Postgres is killed first, then a backend or a worker.
    report = run_killed(15, seed=3)
    assert report.kills.get("Postgres", 0) >= 1
    assert report.acknowledged > 100
    assert (report.lost, report.doubled) == (0, 0), str(report)


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
