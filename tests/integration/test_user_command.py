"""`atrium user` over a real database and a real mail server; letters by the pipelines' login."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from mail_server import Mailbox, mail_server
from sqlalchemy.orm import Session

from cli.user import command
from domain.notifications import Channel
from services.gateways.email.smtp import SmtpEmail
from services.operations.malls import register_mall
from services.operations.outbox import deliver_notifications
from services.operations.passwords import verify_password
from storage.database import create_engine, transaction
from storage.logins import Login, login_url
from storage.models import Notification, User
from storage.roles import Group
from storage.settings import Settings

GOOD = "seven lamps by the river"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def run(
    settings: Settings,
    database_url: str,
    engine: sa.Engine,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
):
    """`run("invite", …)`: a command over a mall M1."""
    monkeypatch.setenv("ATRIUM_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("ATRIUM_DATABASE_URL", database_url)
    monkeypatch.setenv("ATRIUM_EMAIL_SERVER", mailbox.url)
    monkeypatch.setenv("ATRIUM_PUBLIC_URL", "https://mall.example.org/")
    monkeypatch.setenv("ATRIUM_DEFAULT_LOCALE", "en")
    with transaction(engine) as session:
        register_mall(session, code="M1", name="Mall")

    def call(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(command, list(arguments), input=typed)

    return call


def account(engine: sa.Engine, email: str) -> User:
    with Session(engine, expire_on_commit=False) as session:
        return session.scalars(sa.select(User).where(User.email == email)).one()


def test_invited_person_gets_a_letter_with_a_link_to_the_public_address(
    run, engine: sa.Engine, mailbox: Mailbox
) -> None:  # type: ignore[no-untyped-def]
    done = run("invite", "--email", "Fang@example.org", "--name", "Fang", "--role", "FINANCE")
    assert done.exit_code == 0, done.output
    (letter,) = mailbox.to("fang@example.org")
    assert re.search(r"https://mall\.example\.org/link/[\w-]{43}\b", letter.get_content())
    assert account(engine, "fang@example.org").password is None
    (line,) = json.loads(run("list", "--json").output)
    assert (line["role"], line["malls"], line["has_password"]) == ("FINANCE", ["M1"], False)


def test_weak_password_makes_no_account(run, engine: sa.Engine, settings: Settings) -> None:  # type: ignore[no-untyped-def]
    arguments = ("create", "--email", "lin@example.org", "--role", "MANAGEMENT")
    refused = run(*arguments, typed="password12345678\n")
    assert refused.exit_code == 1
    assert "many people use" in refused.output
    assert run(*arguments, typed=f"{GOOD}\n").exit_code == 0
    salt = settings.secret("password_salt")
    assert verify_password(GOOD, account(engine, "lin@example.org").password, salt)


def test_password_set_here_unlocks(run, engine: sa.Engine, settings: Settings) -> None:  # type: ignore[no-untyped-def]
    run("create", "--email", "lin@example.org", "--role", "SUPER_ADMIN", typed=f"{GOOD}\n")
    with transaction(engine) as session:
        locked = datetime(2099, 1, 1, tzinfo=UTC)
        session.execute(sa.update(User).values(locked_until=locked, lockouts=3))
    new = "nine lifts above the lake"
    done = run("reset-password", "lin@example.org", "--here", typed=f"{new}\n")
    assert done.exit_code == 0, done.output
    found = account(engine, "lin@example.org")
    assert (found.locked_until, found.lockouts) == (None, 0)
    assert verify_password(new, found.password, settings.secret("password_salt"))
    assert "was not locked" in run("unlock", "lin@example.org").output
    assert "has no authenticator" in run("reset-totp", "lin@example.org").output


def test_unknown_address_is_named(run) -> None:  # type: ignore[no-untyped-def]
    for name in ("unlock", "reset-totp", "reset-password"):
        done = run(name, "nobody@example.org")
        assert done.exit_code == 1
        assert "no account has the address nobody@example.org" in done.output


def test_pipelines_send_letters_about_accounts_and_leave_no_link(
    run, engine: sa.Engine, settings: Settings, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("ATRIUM_EMAIL_SERVER", "smtp://127.0.0.1:1")
    done = run("invite", "--email", "fang@example.org", "--role", "FINANCE")
    assert "it is tried again" in done.output
    with transaction(engine) as session:
        session.execute(sa.update(Notification).values(send_after=datetime(2020, 1, 1, tzinfo=UTC)))
    pipelines = create_engine(login_url(settings, Login.PIPELINES), role=Group.PIPELINES)
    gateway = SmtpEmail.from_url(mailbox.url, sender="atrium@mall.example.org")
    result = deliver_notifications(
        pipelines, gateways={Channel.EMAIL: gateway}, clock=lambda: datetime.now(UTC)
    )
    pipelines.dispose()
    assert result.sent == 1
    assert len(mailbox.to("fang@example.org")) == 1
    with Session(engine) as session:
        assert session.scalars(sa.select(Notification.secret_body)).all() == [""]
        assert "/link/" not in session.scalars(sa.select(Notification.body)).one()
