"""A letter on its way when the release with an outbox comes: it still goes, and is not kept."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from alembic import command
from databases import create_database, drop_database

from domain.notifications import Channel
from services.gateways.message import Message, Receipt
from services.operations.outbox import deliver_notifications
from storage.database import alembic_config, create_engine, migrate

NOW = datetime(2026, 4, 11, 2, tzinfo=UTC)
TEXT = "Hello, set it here: https://mall.example.org/link/abc"


class Recorder:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, message: Message) -> Receipt:
        self.messages.append(message)
        return Receipt("recorder")


@pytest.fixture
def release_before(server_url: str) -> Iterator[str]:
    """A database of the release before, with a letter that waits."""
    url = create_database(server_url)
    migrate(url, "0019")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO app.users (email, fs_uniquifier, active) VALUES ('a@b.org', 'a', true)"
        )
        connection.execute(
            "INSERT INTO app.notifications (user_id, channel, recipient, locale, template, body,"
            " dedupe_key, send_after) SELECT id, 'EMAIL', email, 'en', 'PASSWORD_RESET', %s,"
            " 'account-link/1', %s FROM app.users",
            (TEXT, NOW),
        )
    yield url
    drop_database(server_url, url)


def kept(url: str, columns: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT {columns} FROM app.notifications").fetchone()


def test_letter_on_its_way_is_hidden_and_still_goes_whole(release_before: str) -> None:
    migrate(release_before)
    assert kept(release_before, "body, secret_body") == ("", TEXT)
    engine = create_engine(release_before)
    recorder = Recorder()
    deliver_notifications(engine, gateways={Channel.EMAIL: recorder}, clock=lambda: NOW)
    engine.dispose()
    (message,) = recorder.messages
    assert (message.body, message.subject) == (TEXT, "Set a new Atrium password")
    assert kept(release_before, "state, body, secret_body") == ("SENT", "", "")


def test_release_before_finds_its_letter_again(release_before: str) -> None:
    migrate(release_before)
    command.downgrade(alembic_config(release_before), "0019")
    assert kept(release_before, "state, body") == ("PENDING", TEXT)
