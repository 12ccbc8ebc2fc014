"""Events are sealed into one chain at commit, whoever writes them and whatever is rolled back."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import class_row
from sqlalchemy.orm import Session

from domain.audit import FIRST_PREVIOUS, AuditAction, SealedEvent, event_hash
from domain.scopes import Actor, ActorKind
from services.operations.audit import TEXT_LIMIT, record_event
from storage.database import transaction

NOW = datetime(2026, 4, 1, 2, 30, 0, 123, tzinfo=UTC)
COLUMNS = (
    "seq, previous_hash, hash, occurred_at, recorded_at, mall_id, actor_kind, actor_id, "
    "actor_name, actor_role, address, agent, request_id, login, action, subject_type, subject_id, "
    "part, before::text, after::text, note"
)
PERSON = Actor(
    kind=ActorKind.PERSON,
    name="li@example.org",
    id=7,
    role="FINANCE",
    address="203.0.113.9",
    agent="Browser",
    request_id="abc",
)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def chain(connection: psycopg.Connection) -> list[SealedEvent]:
    cursor = connection.cursor(row_factory=class_row(SealedEvent))
    return cursor.execute(f"SELECT {COLUMNS} FROM audit.events ORDER BY seq").fetchall()


def assert_is_chain(events: list[SealedEvent]) -> None:
    """Gapless from 1, each event after the one before, each hash computed here."""
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[0].previous_hash == FIRST_PREVIOUS
    for event, following in pairwise(events):
        assert following.previous_hash == event.hash
    assert [event.hash for event in events] == [event_hash(event) for event in events]


def test_event_keeps_all_that_it_was_told(engine: sa.Engine, connection) -> None:  # type: ignore[no-untyped-def]
    with transaction(engine) as session:
        record_event(
            session,
            action=AuditAction.EXPORTED,
            now=NOW,
            mall_id=3,
            subject_type="bills",
            subject_id=12,
            before={"a": None},
            after={"rows": 5, "名": "发票 😀", "nested": [{"x": 1.5}]},
            note="a note; 3:abc,",
            actor=PERSON,
        )
    (event,) = chain(connection)
    assert event.occurred_at == NOW
    assert abs((event.recorded_at - datetime.now(UTC)).total_seconds()) < 60
    assert (event.mall_id, event.subject_type, event.subject_id) == (3, "bills", "12")
    assert (event.actor_kind, event.actor_id, event.actor_name) == ("PERSON", 7, "li@example.org")
    assert (event.actor_role, event.address, event.agent) == ("FINANCE", "203.0.113.9", "Browser")
    assert (event.request_id, event.action, event.note) == ("abc", "EXPORTED", "a note; 3:abc,")
    assert event.before == '{"a": null}'
    assert event.after is not None and "发票 😀" in event.after
    assert event.login == connection.info.user
    assert_is_chain([event])


def test_event_without_actor_is_the_connection_s(engine: sa.Engine, connection) -> None:  # type: ignore[no-untyped-def]
    with transaction(engine) as session:
        session.execute(sa.text("SET application_name = 'night-work'"))
        record_event(session, action=AuditAction.EXPORTED, now=NOW)
    (event,) = chain(connection)
    assert (event.actor_kind, event.actor_name, event.actor_id) == ("SYSTEM", "night-work", None)
    assert event.before is None and event.after is None


def test_what_strangers_send_is_made_storable(engine: sa.Engine, connection) -> None:  # type: ignore[no-untyped-def]
    stranger = Actor(kind=ActorKind.ANONYMOUS, name="a\0b\ud800" + "x" * 9999, agent="\0")
    with transaction(engine) as session:
        record_event(
            session,
            action=AuditAction.SIGN_IN_FAILED,
            now=NOW,
            after={"typed": "\0\ud800\\u0000", "\0": ["\0"]},
            actor=stranger,
        )
    (event,) = chain(connection)
    assert event.actor_name.startswith("ab?x") and len(event.actor_name) == TEXT_LIMIT
    assert event.after == '{"": [""], "typed": "?\\\\u0000"}'
    assert_is_chain([event])


def test_rolled_back_event_leaves_neither_row_nor_gap(engine: sa.Engine, connection) -> None:  # type: ignore[no-untyped-def]
    with Session(engine) as session:
        record_event(session, action=AuditAction.EXPORTED, now=NOW)
        session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))  # sealed, then thrown away
        session.rollback()
    with transaction(engine) as session:
        record_event(session, action=AuditAction.DOWNLOADED, now=NOW)
    events = chain(connection)
    assert [event.action for event in events] == ["DOWNLOADED"]
    assert_is_chain(events)
    assert connection.execute("SELECT count(*) FROM audit.pending").fetchone() == (0,)


def test_sixteen_writers_with_rollbacks_make_one_gapless_chain(engine: sa.Engine) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    rounds, started = 40, threading.Barrier(16)

    def write(writer: int) -> int:
        kept = 0
        with psycopg.connect(url) as connection:
            started.wait()
            for turn in range(rounds):
                for _ in range(1 + (writer + turn) % 3):
                    connection.execute(
                        "SELECT audit.append_event(now(), 'EXPORTED', NULL, '', '', NULL, NULL, "
                        "%s)", (f"{writer}/{turn}",)
                    )  # fmt: skip
                if (writer + turn) % 4 == 0:
                    connection.rollback()
                else:
                    connection.commit()
                    kept += 1 + (writer + turn) % 3
        return kept

    with ThreadPoolExecutor(16) as pool:
        kept = sum(pool.map(write, range(16)))
    with psycopg.connect(url) as connection:
        events = chain(connection)
        assert len(events) == kept > 16 * rounds / 2
        assert_is_chain(events)
        head = connection.execute("SELECT seq, hash FROM audit.head").fetchone()
        assert head == (events[-1].seq, events[-1].hash)
        # Events of one transaction stand together, in the order they were written.
        assert events == sorted(events, key=lambda event: event.recorded_at)


def test_long_transaction_with_an_event_holds_nobody_up(database_url: str) -> None:
    append = "SELECT audit.append_event(now(), 'EXPORTED', NULL, '', '', NULL, NULL, %s)"
    with (
        psycopg.connect(database_url) as slow,
        psycopg.connect(database_url, options="-c lock_timeout=2s") as quick,
    ):
        slow.execute(append, ("slow",))
        quick.execute(append, ("quick",))
        quick.commit()  # raises LockNotAvailable if it waits for the other
        slow.commit()
        events = chain(slow)
    assert [event.note for event in events] == ["quick", "slow"]
    assert_is_chain(events)


def test_repeatable_read_cannot_fork_the_chain(database_url: str) -> None:
    """A snapshot from before another's event must not seal after the same head."""
    append = "SELECT audit.append_event(now(), 'EXPORTED', NULL, '', '', NULL, NULL, '')"
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        first.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        first.execute(append)
        second.execute(append)
        second.commit()
        with pytest.raises(psycopg.errors.SerializationFailure):
            first.commit()
        assert_is_chain(chain(second))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit.events SET note = 'x'",
        "DELETE FROM audit.events",
        "TRUNCATE audit.events",
    ],
)
def test_even_the_owner_cannot_change_events(database_url: str, statement: str) -> None:
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("action", ["ROW_INSERTED", "ROW_UPDATED", "ROW_DELETED"])
def test_nobody_can_pretend_to_be_a_row_s_trigger(database_url: str, action: str) -> None:
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="by the database alone"),
    ):
        connection.execute(
            "SELECT audit.append_event(now(), %s, NULL, '', '', NULL, NULL, '')", (action,)
        )


def test_row_actions_are_refused_before_they_reach_the_database(session: Session) -> None:
    with pytest.raises(ValueError, match="ROW_UPDATED"):
        record_event(session, action=AuditAction.ROW_UPDATED, now=NOW)
