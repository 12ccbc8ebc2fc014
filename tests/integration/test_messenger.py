"""The messenger as it runs: quick, patient with its database, and held up by no provider."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hanging_mail import hanging_mail_server
from mail_server import mail_server
from owed_bills import make_shop
from sqlalchemy.orm import Session

from cli.messenger import HEARTBEAT, LOOK_EVERY, SENDERS, Messenger
from domain.notifications import RETRY_AFTER, Audience, Channel, DeliveryState, Template
from domain.people import Role
from domain.sign_in import TokenPurpose
from services.gateways.email.smtp import SmtpEmail
from services.gateways.in_app.inbox import InAppInbox
from services.gateways.message import Gateway, Message, PermanentError, Receipt
from services.operations.account_letters import write_link_letter, write_signing_code
from services.operations.messages import post_message
from services.operations.outbox import (
    Claimed,
    claim_deliveries,
    deliver_notifications,
    note_outcome,
)
from services.operations.people import create_user
from storage.database import create_engine, ensure_database, migrate, transaction
from storage.logins import Login, login_url, prepare_logins
from storage.models import Contract, Notification, User
from storage.postgres import EmbeddedServer, embedded_server
from storage.settings import REPOSITORY, Clock, Settings

EMAIL = "li@example.org"


class Recorder:
    """Keeps what it is given, and when."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, Message]] = []

    def send(self, message: Message) -> Receipt:
        self.messages.append((time.monotonic(), message))
        return Receipt("recorder")


class Stuck:
    """Holds whoever comes until it is released."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()

    def send(self, message: Message) -> Receipt:
        self.asked.set()
        assert self.released.wait(30)
        return Receipt("stuck")


def until(condition: Callable[[], object], seconds: float = 10) -> float:
    """Seconds until the condition held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it does not come"
        time.sleep(0.02)
    return time.monotonic() - began


def make_lease(engine: sa.Engine) -> Contract:
    with transaction(engine) as session:
        lease = make_shop(session)
        create_user(
            session,
            email=EMAIL,
            name="",
            role=Role.OPERATION,
            mall_codes=["TST"],
            password_hash=None,
        )
    return lease


def post(
    engine: sa.Engine,
    lease: Contract,
    key: str,
    template: Template = Template.CONTRACT_APPROVED,
    audience: Audience = Audience.OFFICER,
) -> None:
    with transaction(engine) as session:
        post_message(
            session,
            template=template,
            audience=audience,
            mall_id=lease.mall_id,
            shop_id=lease.shop_id,
            contract_id=lease.id,
            dedupe_key=key,
            cause="TEST",
            actor="TEST",
            now=datetime.now(UTC),
        )


def states(engine: sa.Engine, channel: Channel) -> list[DeliveryState]:
    with Session(engine) as session:
        return list(
            session.scalars(
                sa.select(Notification.state)
                .where(Notification.channel == channel)
                .order_by(Notification.id)
            )
        )


@contextmanager
def messenger(settings: Settings, gateways: dict[Channel, Gateway]) -> Iterator[Messenger]:
    """A messenger in threads of this process."""
    found = Messenger(
        url=login_url(settings, Login.PIPELINES),
        gateways=gateways,
        settings=settings,
        clock=Clock(),
    )
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield found
    finally:
        found.stop()
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def process(settings: Settings, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The messenger as `atrium serve` starts it; its log is messenger.log in the state folder."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with (settings.state_dir / "messenger.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "cli.messenger"],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "ATRIUM_STATE_DIR": str(settings.state_dir),
                "ATRIUM_DATABASE_URL": settings.database_url,
                **more,
            },
            stderr=log,
        )
    try:
        until(lambda: "the messenger waits" in log_of(settings), 60)
        yield child
    finally:
        child.kill()
        child.wait()


def log_of(settings: Settings) -> str:
    return (settings.state_dir / "messenger.log").read_text()


def test_message_of_any_process_goes_within_seconds_and_sigterm_ends_it(
    engine: sa.Engine, settings: Settings
) -> None:
    lease = make_lease(engine)
    with mail_server() as mailbox, process(settings, ATRIUM_EMAIL_SERVER=mailbox.url) as child:
        for number in range(3):
            post(engine, lease, f"now/{number}")
            assert until(lambda: len(mailbox.to(EMAIL)) == number + 1) < 3  # noqa: B023
        alive = (settings.state_dir / HEARTBEAT).stat()
        assert time.time() - alive.st_mtime < 5
        child.send_signal(signal.SIGTERM)
        assert child.wait(5) == 0
    assert "the messenger ends" in log_of(settings)
    assert states(engine, Channel.EMAIL) == [DeliveryState.SENT] * 3
    assert states(engine, Channel.IN_APP) == [DeliveryState.SENT] * 3
    with Session(engine) as session:
        sent = session.execute(sa.select(Notification.provider, Notification.provider_id))
        assert {row[0] for row in sent} == {"smtp", "inbox"}
    assert EMAIL not in log_of(settings)


def test_provider_that_hangs_holds_no_session_and_no_other_channel(
    engine: sa.Engine, settings: Settings
) -> None:
    lease = make_lease(engine)
    stuck, sms = Stuck(), Recorder()
    gateways: dict[Channel, Gateway] = {
        Channel.EMAIL: stuck,
        Channel.SMS: sms,
        Channel.IN_APP: InAppInbox(),
    }
    with messenger(settings, gateways):
        for number in range(12):  # more letters than there are threads for them
            post(engine, lease, f"letter/{number}")
        assert stuck.asked.wait(10)
        post(engine, lease, "text", Template.CONTRACT_SENT, Audience.SHOP)
        assert until(lambda: sms.messages) < 3
        until(lambda: len(states(engine, Channel.IN_APP)) == 13)
        # What the messenger has open is seen for a while, not at one lucky moment.
        for _ in range(20):
            assert open_transactions(engine) == 0
            time.sleep(0.05)
        stuck.released.set()
        until(lambda: set(states(engine, Channel.EMAIL)) == {DeliveryState.SENT})


def open_transactions(engine: sa.Engine) -> int:
    """Those of others that are older than a statement takes."""
    with engine.connect() as connection:
        return int(
            connection.execute(
                sa.text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid()"
                    " AND xact_start < clock_timestamp() - interval '0.5 seconds'"
                )
            ).scalar_one()
        )


def test_mail_server_that_says_nothing_delays_no_text_message(
    engine: sa.Engine, settings: Settings
) -> None:
    lease = make_lease(engine)
    sms = Recorder()
    with hanging_mail_server() as hanging:
        email = SmtpEmail.from_url(hanging.url, sender="mall@example.org")
        with messenger(settings, {Channel.EMAIL: email, Channel.SMS: sms}) as running:
            for number in range(6):
                post(engine, lease, f"letter/{number}")
            assert hanging.asked.wait(10)
            post(engine, lease, "text", Template.CONTRACT_SENT, Audience.SHOP)
            assert until(lambda: sms.messages) < 3
            began = time.monotonic()
            running.stop()
    assert time.monotonic() - began < 15, "what hangs does not hold the end"


def test_messenger_killed_while_it_sends_has_it_sent_again_with_the_same_reference(
    engine: sa.Engine, settings: Settings
) -> None:
    lease = make_lease(engine)
    with (
        hanging_mail_server() as hanging,
        process(settings, ATRIUM_EMAIL_SERVER=hanging.url) as child,
    ):
        post(engine, lease, "killed")
        assert hanging.asked.wait(10)
        child.send_signal(signal.SIGKILL)
        child.wait()
    with Session(engine) as session:
        letter = session.scalars(
            sa.select(Notification).where(Notification.channel == Channel.EMAIL)
        ).one()
        assert (letter.state, letter.attempts) == (DeliveryState.PENDING, 1)
        reference = f"{letter.mall_id}/{letter.dedupe_key}"
    later = datetime.now(UTC) + RETRY_AFTER[0] + timedelta(seconds=5)
    again = Recorder()
    deliver_notifications(engine, gateways={Channel.EMAIL: again}, clock=lambda: later)
    assert [message.reference for _, message in again.messages] == [reference]


def test_provider_s_odd_answers_end_no_sender(engine: sa.Engine, settings: Settings) -> None:
    class Odd(Recorder):
        def send(self, message: Message) -> Receipt:
            super().send(message)
            if len(self.messages) % 2:
                raise PermanentError("no\0such address")
            return Receipt("odd", "n\0r")

    lease = make_lease(engine)
    for number in range(2 * SENDERS[Channel.EMAIL]):
        post(engine, lease, f"letter/{number}")
    with messenger(settings, {Channel.EMAIL: Odd()}):
        until(
            lambda: (
                sorted(states(engine, Channel.EMAIL))
                == [DeliveryState.FAILED] * 4 + [DeliveryState.SENT] * 4
            )
        )
    with Session(engine) as session:
        kept = set(session.execute(sa.select(Notification.error, Notification.provider)))
        assert {("nosuch address", ""), ("", "odd")} <= {tuple(row) for row in kept}


def test_failure_of_its_own_ends_no_sender(
    engine: sa.Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = list(range(SENDERS[Channel.EMAIL]))

    def note(*arguments: object, **more: object) -> None:
        if failures:
            failures.pop()
            raise ValueError
        note_outcome(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("cli.messenger.note_outcome", note)
    lease = make_lease(engine)
    for number in range(SENDERS[Channel.EMAIL] + 1):
        post(engine, lease, f"letter/{number}")
    email = Recorder()
    with messenger(settings, {Channel.EMAIL: email}):
        until(lambda: DeliveryState.SENT in states(engine, Channel.EMAIL))


def test_what_is_taken_while_it_is_told_to_end_still_goes(
    engine: sa.Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = make_lease(engine)

    def claim(*arguments: object, **more: object) -> list[Claimed]:
        found = claim_deliveries(*arguments, **more)  # type: ignore[arg-type]
        if found:
            running.stop()
            time.sleep(1.5 * LOOK_EVERY)
        return found

    monkeypatch.setattr("cli.messenger.claim_deliveries", claim)
    with messenger(settings, {Channel.EMAIL: Recorder()}) as running:
        post(engine, lease, "last")
        until(lambda: running.is_stopping)
    assert states(engine, Channel.EMAIL) == [DeliveryState.SENT]


def test_message_told_while_nobody_listened_is_found(engine: sa.Engine, settings: Settings) -> None:
    lease = make_lease(engine)
    post(engine, lease, "before")
    email = Recorder()
    with messenger(settings, {Channel.EMAIL: email}):
        until(lambda: email.messages)


def test_message_put_off_goes_when_its_time_comes(engine: sa.Engine, settings: Settings) -> None:
    lease = make_lease(engine)
    email = Recorder()
    with messenger(settings, {Channel.EMAIL: email}):
        with transaction(engine) as session:
            post_message(
                session,
                template=Template.CONTRACT_APPROVED,
                audience=Audience.OFFICER,
                mall_id=lease.mall_id,
                contract_id=lease.id,
                dedupe_key="later",
                cause="TEST",
                actor="TEST",
                now=datetime.now(UTC),
                send_after=datetime.now(UTC) + timedelta(seconds=2),
            )
        assert until(lambda: email.messages) > 1.5


@pytest.fixture
def own_server() -> Iterator[tuple[EmbeddedServer, Settings]]:
    """A database on a server of its own, which may be stopped."""
    folder = Path(tempfile.mkdtemp(prefix="atrium-restart-"))
    folder.chmod(0o755)
    server = embedded_server(Settings(state_dir=folder, _env_file=None))
    server.start()
    try:
        settings = Settings(state_dir=folder, database_url=server.url(), _env_file=None)
        ensure_database(server.url())
        migrate(server.url())
        prepare_logins(settings, server.url())
        yield server, settings
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_messenger_lives_through_a_restart_of_the_database(
    own_server: tuple[EmbeddedServer, Settings],
) -> None:
    server, settings = own_server
    engine = create_engine(settings.database_url)
    lease = make_lease(engine)
    email = Recorder()
    with messenger(settings, {Channel.EMAIL: email}):
        post(engine, lease, "before")
        until(lambda: len(email.messages) == 1)
        # On its port, as a server that crashed comes back.
        server.run(
            "pg_ctl", "-D", str(server.data), "-l", str(server.log), "-m", "immediate", "-w",
            "restart",
        )  # fmt: skip
        engine.dispose()
        post(engine, lease, "after")
        assert until(lambda: len(email.messages) == 2, 20) < 10
        post(engine, lease, "later")
        assert until(lambda: len(email.messages) == 3) < 3, "it listens again"
    engine.dispose()


@pytest.mark.parametrize("provider", ["aliyun", "tencent", "http"])
def test_nothing_secret_is_in_the_log_at_its_lowest_level(
    engine: sa.Engine, settings: Settings, provider: str
) -> None:
    """A link and a code go out, the one to a server, the other to a provider that is away."""
    code, key, token = "482915", "canary-of-the-key", "canary-of-the-link"
    make_lease(engine)
    with transaction(engine) as session:
        user = session.scalars(sa.select(User).where(User.email == EMAIL)).one()
        user.phone = "13800000009"
        write_signing_code(
            session,
            user=user,
            code_id=1,
            code=code,
            contract_number="C-1",
            locale="en",
            life=timedelta(minutes=10),
            now=datetime.now(UTC),
        )
        write_link_letter(
            session,
            user=user,
            purpose=TokenPurpose.PASSWORD_RESET,
            token_id=1,
            link=f"https://mall.example.org/link/{token}",
            locale="en",
            now=datetime.now(UTC),
        )
    chosen = {
        "ATRIUM_LOG_LEVEL": "DEBUG",
        "ATRIUM_SMS_PROVIDER": provider,
        "ATRIUM_SMS_ENDPOINT": "http://127.0.0.1:1",
        "ATRIUM_SMS_KEY_ID": "AKID",
        "ATRIUM_SMS_KEY_SECRET": key,
        "ATRIUM_SMS_APP_ID": "1400",
        "ATRIUM_SMS_SIGN_NAME": "Mall",
        "ATRIUM_SMS_TEMPLATES": "SIGNING_CODE=SMS_1(code)",
    }
    with (
        mail_server() as mailbox,
        process(settings, ATRIUM_EMAIL_SERVER=mailbox.url, **chosen) as child,
    ):
        until(lambda: mailbox.to(EMAIL))
        until(lambda: '"attempts": 1' in log_of(settings) and '"SMS"' in log_of(settings), 20)
        child.send_signal(signal.SIGTERM)
        child.wait(20)
        assert token in mailbox.to(EMAIL)[0].get_content()
    log = log_of(settings)
    with engine.connect() as connection:
        errors = connection.execute(sa.text("SELECT error FROM app.notifications")).scalars().all()
    assert any("UNREACHABLE" in error for error in errors)
    for text in (log, str(errors)):
        for secret in (code, key, token, EMAIL, "13800000009"):
            assert secret not in text, secret
