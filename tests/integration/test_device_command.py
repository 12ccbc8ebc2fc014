"""`atrium device` over a real database: make, replace, revoke, list, and a new sealing secret."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from cli.device import command
from domain.signatures import signing_key
from services.operations.device_keys import look_up_device_key
from services.operations.malls import register_mall
from services.operations.signing_vault import NEXT_SECRET_NAME, SECRET_NAME, open_vault
from storage.database import create_engine
from storage.settings import Settings


@pytest.fixture
def run(settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch):
    """`run("key", …)`: a command over a mall M1."""
    monkeypatch.setenv("ATRIUM_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("ATRIUM_DATABASE_URL", database_url)
    engine = create_engine(database_url)
    with Session(engine) as session, session.begin():
        register_mall(session, code="M1", name="Mall")
    engine.dispose()

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(command, list(arguments))

    return call


def opens(url: str, key: str, *, after: timedelta = timedelta(0)) -> bool:
    with psycopg.connect(url) as connection:
        now = datetime.now(UTC) + after
        return look_up_device_key(connection, public_id=key.split("_")[0], now=now) is not None


def made(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[0])["key"]


def test_key_is_made_replaced_and_revoked(run, database_url: str) -> None:
    old = made(run("key", "--mall", "M1", "--name", "gate", "--days", "30", "--json"))
    new = made(run("rotate", old.split("_")[0], "--overlap-hours", "2", "--json"))
    assert opens(database_url, old)
    assert not opens(database_url, old, after=timedelta(hours=2))
    assert opens(database_url, new, after=timedelta(days=29))
    assert not opens(database_url, new, after=timedelta(days=31))
    assert run("revoke", new.split("_")[0]).exit_code == 0
    assert not opens(database_url, new)
    again = run("rotate", new.split("_")[0])
    assert again.exit_code == 1
    assert "is revoked" in again.output
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT action, actor_name FROM audit.events WHERE action LIKE 'DEVICE_KEY%' "
            "ORDER BY seq"
        ).fetchall()
    assert rows == [
        (f"DEVICE_KEY_{what}", "atrium device") for what in ("MADE", "ROTATED", "REVOKED")
    ]


def test_list_names_keys_and_no_secret(run, database_url: str) -> None:
    key = made(run("key", "--mall", "M1", "--name", "gate", "--requires-signature", "--json"))
    listed = run("list", "--mall", "M1", "--json")
    (facts,) = json.loads(listed.stdout)
    assert (facts["public_id"], facts["name"], facts["state"]) == (
        key.split("_")[0],
        "gate",
        "OPEN",
    )
    assert facts["requires_signature"] is True
    assert key.partition("_")[2] not in listed.stdout
    assert json.loads(run("list", "--mall", "M1", "--stale", "--json").stdout) == []
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE app.device_keys SET created_at = now() - interval '31 days'")
    assert len(json.loads(run("list", "--mall", "M1", "--stale", "--json").stdout)) == 1
    table = run("list", "--mall", "M1").stdout
    assert key.split("_")[0] in table
    assert "unused" in table


def test_unknown_names_are_said(run) -> None:
    for arguments, says in (
        (("key", "--mall", "X"), "no mall X"),
        (("key", "--mall", "M1", "--device", "Y"), "no device Y"),
        (("revoke", "nothing"), "no device key"),
        (("rotate", "nothing"), "no device key"),
        (("list", "--mall", "X"), "no mall X"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert says in result.output


def test_new_sealing_secret_is_noticed_by_no_device(
    run, settings: Settings, database_url: str
) -> None:
    key = made(run("key", "--mall", "M1", "--json"))
    old = settings.secret(SECRET_NAME)
    result = run("reseal")
    assert result.exit_code == 0, result.output
    assert "1 signing keys" in result.output
    assert settings.secret(SECRET_NAME) != old
    assert not (settings.secrets_dir / NEXT_SECRET_NAME).exists()
    assert (settings.secrets_dir / SECRET_NAME).stat().st_mode & 0o777 == 0o600
    with psycopg.connect(database_url) as connection:
        found = look_up_device_key(connection, public_id=key.split("_")[0], now=datetime.now(UTC))
    assert found is not None
    sealed = found[0].signing_key_sealed
    assert sealed is not None
    opened = open_vault(settings).open(sealed, public_id=key.split("_")[0])
    assert opened == signing_key(key.partition("_")[2])


def test_resealing_goes_on_where_it_was_interrupted(
    run, settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = made(run("key", "--mall", "M1", "--json"))

    def interrupt(secrets_dir: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cli.device._put_in_place", interrupt)
        assert run("reseal").exit_code != 0

    def is_opened() -> bool:
        with psycopg.connect(database_url) as connection:
            found = look_up_device_key(
                connection, public_id=key.split("_")[0], now=datetime.now(UTC)
            )
        assert found is not None
        assert found[0].signing_key_sealed is not None
        return bool(
            open_vault(settings).open(found[0].signing_key_sealed, public_id=key.split("_")[0])
        )

    assert is_opened()
    assert run("reseal").exit_code == 0
    assert is_opened()


def test_device_is_registered_hung_up_and_replaced(run, database_url: str) -> None:
    of = ("--mall", "M1", "--device", "E-1")
    meter = ("--kind", "METER", "--counts-by", "CUMULATIVE")
    wrong = run("register", *of, *meter, "--adapter", "gateway", "--ratio", "0")
    assert wrong.exit_code == 1
    assert "serial" in wrong.output
    assert "ratio" in wrong.output
    made = run("register", *of, *meter, "--adapter", "gateway", "--serial", "n1", "--ratio", "40")
    assert made.exit_code == 0, made.output
    assert run("install", *of, "--shop", "S9", "--from", "2026-01-01").exit_code == 1
    hung = run("install", *of, "--zone", "PLANT", "--floor", "B1", "--from", "2026-01-01")
    assert hung.exit_code == 0, hung.output
    swap = ("replace", *of, "--from", "2026-02-01", "--final", "1204.7")
    assert "both registers" in run(*swap).output
    done = run(*swap, "--initial", "0.4", "--serial", "n2")
    assert done.exit_code == 0, done.output
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT d.serial, i.floor, i.installed_date::text, i.removed_date::text,"
            " i.initial_register, i.final_register FROM app.device_installations i"
            " JOIN app.devices d ON d.id = i.device_id ORDER BY i.installed_date"
        ).fetchall()
    assert rows == [
        ("n2", "B1", "2026-01-01", "2026-01-31", None, Decimal("1204.7")),
        ("n2", "B1", "2026-02-01", None, Decimal("0.4"), None),
    ]


def test_new_devices_are_listed(run, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO ingest.unknown_devices (mall_id, adapter, serial, channel, labels,"
            " first_seen_at, last_seen_at, state)"
            " SELECT id, 'xovis', s, '1', '{fw}', now(), now(), state"
            " FROM app.malls, (VALUES ('AB-1', 'NEW'), ('AB-2', 'IGNORED')) AS v (s, state)"
        )
    shown = run("list", "--mall", "M1", "--unknown").output
    assert "xovis AB-1 1 (fw): 1 messages" in shown
    assert "AB-2" not in shown
    listed = json.loads(run("list", "--mall", "M1", "--unknown", "--json").output)
    assert [one["serial"] for one in listed] == ["AB-1"]
