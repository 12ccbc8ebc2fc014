"""`atrium month` over a real database: close, open again, decide about what came late."""

from datetime import UTC, datetime

import psycopg
import pytest
from click.testing import CliRunner, Result

from cli.month import command
from storage.settings import Settings


@pytest.fixture
def run(settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ATRIUM_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("ATRIUM_DATABASE_URL", database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO app.malls (code, name) VALUES ('M1', 'Mall')")
        connection.execute(
            "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
            "SELECT id, 'POS-1', 'POS', 'EVENT' FROM app.malls"
        )

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(command, list(arguments))

    return call


def late(url: str, value: int) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "INSERT INTO ingest.late_readings (mall_id, month, device_id, metric, interval_start, "
            "interval_end, value, quality, received_at, batch_id) "
            "SELECT mall_id, '2026-03-01', id, 'sales', %s, %s, %s, 'GOOD', now(), 1 "
            "FROM app.devices RETURNING id",
            (*[datetime(2026, 3, value, tzinfo=UTC)] * 2, value),
        ).fetchone()
    assert row
    return row[0]


def test_month_is_closed_opened_and_its_late_values_decided(run, database_url: str) -> None:
    assert "2026-03 of M1 is closed." in run("close", "--mall", "M1", "2026-03").output
    again = run("close", "--mall", "M1", "2026-03")
    assert (again.exit_code, "is closed already" in again.output) == (1, True)
    first, second = late(database_url, 1), late(database_url, 2)
    listed = run("list", "--mall", "M1").output
    assert "2026-03" in listed and "POS-1" in listed and "atrium month" in listed
    refused = run("apply", str(first))
    assert (refused.exit_code, "is closed; open it again" in refused.output) == (1, True)
    opened = run("reopen", "--mall", "M1", "--reason", "x", "2026-03")
    assert "2 late values wait" in opened.output
    assert run("apply", str(first)).output == f"Late value {first}: accepted.\n"
    assert run("dismiss", "--reason", "wrong", str(second)).exit_code == 0
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT value::int FROM ingest.readings").fetchall()
    assert rows == [(1,)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("close", "--mall", "M1", "2026-13"), "is no month such as 2026-03"),
        (("close", "--mall", "M9", "2026-03"), "there is no mall M9"),
        (("close", "--mall", "M1", "2999-01"), "has not ended"),
        (("dismiss", "--reason", "x", "7"), "there is no late value 7"),
    ],
)
def test_what_cannot_be_done_is_said(run, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert told in result.output
