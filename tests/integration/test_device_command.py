"""`atrium device` over a real database: make, replace, revoke, list, and a new sealing secret."""

import json
from datetime import UTC, datetime, timedelta

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
