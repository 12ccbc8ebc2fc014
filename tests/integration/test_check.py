"""`atrium check`: each unsafe setting is found, and a sound installation passes."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from cli import check as module
from cli.check import Weight, command, findings
from cli.messenger import HEARTBEAT
from domain.people import Role
from services.operations.malls import register_mall
from services.operations.passwords import hash_password
from services.operations.people import create_user
from storage.backup.keys import IDENTITY
from storage.database import create_engine, transaction
from storage.logins import Login, login_name, prepare_logins
from storage.models import MessageTemplate
from storage.settings import Settings

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
SOUND = {
    "public_url": "https://mall.example.org",
    "trusted_proxies": "127.0.0.1",
    "email_server": "smtps://atrium:secret@mail.example.org",
    "email_sender": "atrium@mall.example.org",
    "security_contact": "mailto:security@example.org",
    "backup_recipients": RECIPIENT,
    "object_store": "s3://bucket/atrium",
    "sms_provider": "http",
    "sms_endpoint": "https://sms.example.org/cgi-bin/sendsms",
    "sms_key_id": "mall",
    "sms_key_secret": "secret",
}
ALIYUN = {"sms_provider": "aliyun", "sms_endpoint": "", "sms_sign_name": "Mall"}


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The developer's own environment has no say."""
    for name in module.DEBUG_SWITCHES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "REPOSITORY", tmp_path)


def of(tmp_path: Path, **changed: object) -> Settings:
    return Settings(state_dir=tmp_path / "var", _env_file=None, **{**SOUND, **changed})  # type: ignore[arg-type]


def said(settings: Settings) -> str:
    checks = (one for one in module.BEFORE_OTHERS if one is not module.database_is_walled)
    return "\n".join(f"{f.weight} {f.sentence}" for check in checks for f in check(settings))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"public_url": ""}, "failure ATRIUM_PUBLIC_URL is empty"),
        ({"public_url": "http://mall.example.org"}, "failure ATRIUM_PUBLIC_URL is http://"),
        ({"public_url": "https://localhost"}, "not the loopback"),
        ({"trusted_proxies": ""}, "failure ATRIUM_TRUSTED_PROXIES is empty"),
        ({"trusted_proxies": "0.0.0.0/0"}, "nearly everybody"),
        ({"dagster_host": "0.0.0.0"}, "Dagster's page has no sign-in"),
        ({"host": "10.0.0.5", "trusted_proxies": ""}, "reached without TLS"),
        ({"email_server": ""}, "failure ATRIUM_EMAIL_SERVER is empty"),
        ({"email_sender": "atrium@localhost"}, "warning ATRIUM_EMAIL_SENDER"),
        ({"sms_provider": ""}, "warning ATRIUM_SMS_PROVIDER is empty"),
        ({"sms_key_secret": ""}, "failure ATRIUM_SMS_KEY_SECRET is empty, and"),
        ({"sms_endpoint": "http://sms.lan/send"}, "failure ATRIUM_SMS_ENDPOINT is http://sms.lan"),
        ({**ALIYUN, "sms_templates": "X=1"}, "failure ATRIUM_SMS_TEMPLATES: there is no such"),
        (
            {**ALIYUN, "sms_templates": "SIGNING_CODE=SMS_1"},
            "warning ATRIUM_SMS_TEMPLATES names no template for PAYMENT_REMINDER, ",
        ),
        ({"security_contact": ""}, "warning ATRIUM_SECURITY_CONTACT is empty"),
        ({"backup_recipients": ""}, "failure ATRIUM_BACKUP_RECIPIENTS is empty"),
        ({"object_store": ""}, "warning Backups are kept on this machine"),
        ({"object_store_endpoint": "http://store.lan"}, "failure ATRIUM_OBJECT_STORE_ENDPOINT"),
        ({"log_level": "DEBUG"}, "failure ATRIUM_LOG_LEVEL is DEBUG"),
        ({"clock": "2026-04-01T00:00:00+08:00"}, "failure ATRIUM_CLOCK is set"),
    ],
)
def test_unsafe_setting_is_named(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    assert said(of(tmp_path)) == ""
    assert says in said(of(tmp_path, **changed))


def test_debug_switch_in_the_environment_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert "failure FLASK_DEBUG is set" in said(of(tmp_path))


def test_key_of_the_backups_and_first_password_may_not_lie_there(tmp_path: Path) -> None:
    settings = of(tmp_path)
    (settings.secrets_dir / IDENTITY).write_text("x")
    (settings.secrets_dir / "administrator-password").write_text("x")
    (settings.secrets_dir / "shop-password").write_text("x")
    text = said(settings)
    assert "a key that opens backups, lies beside the data" in text
    assert "The sample administrator's password lies in" in text
    assert "The password of the sample's shop lies in" in text


def test_messenger_that_stopped_is_missed(tmp_path: Path) -> None:
    settings = of(tmp_path)
    heartbeat = settings.secrets_dir.parent / HEARTBEAT
    heartbeat.touch()
    assert said(settings) == ""
    os.utime(heartbeat, (0, 0))
    assert "warning The messenger has not been seen" in said(settings)


def test_secret_that_others_may_read_is_named(tmp_path: Path) -> None:
    settings = of(tmp_path)
    settings.secret("web_secret_key")
    assert list(module.secrets_are_private(settings)) == []
    (settings.secrets_dir / "web_secret_key").chmod(0o640)
    (tmp_path / ".env").write_text("ATRIUM_LOG_LEVEL=INFO\n")
    (tmp_path / ".env").chmod(0o644)
    found = [finding.sentence for finding in module.secrets_are_private(settings)]
    assert len(found) == 2
    assert "web_secret_key has mode 0640" in found[0]
    assert ".env has mode 0644" in found[1]


def test_sound_installation_passes_and_each_wall_that_is_gone_is_found(
    tmp_path: Path, database_url: str
) -> None:
    settings = of(tmp_path, database_url=database_url)
    engine = create_engine(database_url)
    assert "Nobody can administer" in findings(settings, deploy=False)[0].sentence
    with transaction(engine) as session:
        create_user(
            session,
            email="chief@mall.example.org",
            name="",
            role=Role.SUPER_ADMIN,
            mall_codes=[],
            password_hash=hash_password("a long enough phrase", settings.secret("password_salt")),
        )
        mall_id = register_mall(session, code="M01", name="Mall")
        words = MessageTemplate(
            mall_id=mall_id,
            template="CONTRACT_ACTIVE",
            locale="en",
            subject="Hello",
            body="{contract} {tenant}",
            edited_by="chief@mall.example.org",
            edited_at=datetime(2026, 4, 1, tzinfo=UTC),
        )
        session.add(words)
    prepare_logins(settings, database_url)
    (found,) = findings(settings, deploy=True)
    assert "CONTRACT_ACTIVE (en), words of M01: body: unknown tenant" in found.sentence
    with transaction(engine) as session:
        session.delete(session.get_one(MessageTemplate, words.id))
    engine.dispose()
    assert findings(settings, deploy=True) == []
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = login_name(connection.info.dbname, Login.TENANT)
        connection.execute(f'ALTER ROLE "{name}" BYPASSRLS')
        try:
            (found,) = findings(settings, deploy=True)
            assert (found.weight, found.check) == (Weight.FAILURE, "database")
            assert "`tenant` is a superuser, ignores row security" in found.sentence
        finally:
            connection.execute(f'ALTER ROLE "{name}" NOBYPASSRLS')
        connection.execute("UPDATE app.alembic_version SET version_num = '0001'")
        assert "run `atrium database migrate`" in findings(settings, deploy=False)[0].sentence


def test_command_answers_for_people_and_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = of(tmp_path, database_url="postgresql://nobody@127.0.0.1:9/nothing")
    monkeypatch.setattr(module, "load_settings", lambda: settings)
    told = CliRunner().invoke(command, ["--deploy"])
    assert told.exit_code == 1
    assert "The database does not answer" in " ".join(told.output.split())
    answer = CliRunner().invoke(command, ["--deploy", "--json"])
    document = json.loads(answer.output)
    assert (answer.exit_code, document["ok"]) == (1, False)
    assert {"weight", "check", "sentence"} == set(document["findings"][0])
    monkeypatch.setattr(module, "ALWAYS", ())
    monkeypatch.setattr(module, "BEFORE_OTHERS", (module.letters_leave,))
    quiet = CliRunner().invoke(command, ["--deploy"])
    assert (quiet.exit_code, quiet.output) == (0, "Nothing to do.\n")
