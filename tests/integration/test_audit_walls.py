"""No role of a program changes what the audit holds, and none can lend it another's name."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from domain.scopes import NOTHING, Actor, ActorKind, Scope
from storage.context import context_key, set_context
from storage.logins import Login, login_name, login_url, prepare_logins
from storage.roles import Group
from storage.settings import Settings

ROLES = [group for group in Group if group is not Group.OWNER]
APPEND = "SELECT audit.append_event(now(), 'EXPORTED', %s, 'bills', '1', NULL, NULL, '', %s)"
FORBIDDEN = [
    f"{verb} audit.{table}{rest}"
    for table in ("events", "pending", "head")
    for verb, rest in (
        ("UPDATE", " SET seq = 9" if table != "pending" else " SET note = ''"),
        ("DELETE FROM", ""),
        ("TRUNCATE", ""),
        ("INSERT INTO", " DEFAULT VALUES"),
    )
] + [
    "SELECT audit.enqueue(now(), 'X', NULL, '', '', '', NULL, NULL, '', NULL)",
    "SELECT audit.acting(NULL)",
    "CREATE TABLE audit.mine (id int)",
    "ALTER TABLE audit.events DISABLE TRIGGER ALL",
    "DROP TRIGGER refuse ON audit.events",
    "DROP TRIGGER audit_changes ON app.users",
    "SET session_replication_role = replica",
]


@pytest.fixture
def superuser(database_url: str, settings: Settings) -> Iterator[psycopg.Connection]:
    prepare_logins(settings, database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(APPEND, (None, None))
        yield connection


@pytest.mark.parametrize("role", ROLES)
def test_role_appends_events_and_changes_none(superuser: psycopg.Connection, role: Group) -> None:
    superuser.execute(f"SET ROLE {role}")
    superuser.execute(APPEND, (None, None))
    for statement in FORBIDDEN:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            superuser.execute(statement)
    superuser.execute("RESET ROLE")
    assert superuser.execute("SELECT count(*), max(seq) FROM audit.events").fetchone() == (2, 2)


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_read_the_audit_reads_it(superuser: psycopg.Connection, role: Group) -> None:
    superuser.execute(f"SET ROLE {role}")
    if role in (Group.SUPER_ADMIN, Group.MANAGEMENT, Group.BACKUP):
        if role is Group.BACKUP:
            assert superuser.execute("SELECT count(*) FROM audit.events").fetchone() == (1,)
        else:  # and only with a signed context
            with pytest.raises(psycopg.Error):
                superuser.execute("SELECT count(*) FROM audit.events")
    else:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            superuser.execute("SELECT count(*) FROM audit.events")


def append_as(url: str, settings: Settings, role: Group, actor: Actor, given: str | None) -> None:
    with psycopg.connect(url) as connection:
        set_context(
            connection,
            key=context_key(settings),
            role=role,
            scope=NOTHING,
            actor=actor,
            now=datetime.now(UTC),
        )
        connection.execute(APPEND, (None, given))


def test_person_of_the_context_cannot_act_under_another_name(
    superuser: psycopg.Connection, settings: Settings, database_url: str
) -> None:
    li = Actor(ActorKind.PERSON, "li@example.org", 7, "FINANCE", "203.0.113.9", "B", "r-1")
    given = '{"kind": "PERSON", "id": 1, "name": "admin@example.org", "role": "SUPER_ADMIN"}'
    url = login_url(settings, Login.STAFF, url=database_url)
    append_as(url, settings, Group.FINANCE, li, given)
    row = superuser.execute(
        "SELECT actor_kind, actor_name, actor_id, actor_role, address, agent, request_id, login "
        "FROM audit.events ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    login = login_name(superuser.info.dbname, Login.STAFF)
    assert row == ("PERSON", "li@example.org", 7, "FINANCE", "203.0.113.9", "B", "r-1", login)


def test_stranger_at_the_door_is_named_by_the_program_and_keeps_the_address(
    superuser: psycopg.Connection, settings: Settings, database_url: str
) -> None:
    stranger = Actor(ActorKind.ANONYMOUS, "", address="203.0.113.9", agent="B", request_id="r-1")
    given = '{"kind": "PERSON", "id": 7, "name": "li@example.org", "role": "FINANCE", "agent": ""}'
    url = login_url(settings, Login.DOOR, url=database_url)
    append_as(url, settings, Group.DOOR, stranger, given)
    row = superuser.execute(
        "SELECT actor_kind, actor_name, actor_id, address, agent, request_id, login "
        "FROM audit.events ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    login = login_name(superuser.info.dbname, Login.DOOR)
    assert row == ("PERSON", "li@example.org", 7, "203.0.113.9", "B", "r-1", login)


def test_forged_context_writes_nothing(
    superuser: psycopg.Connection, settings: Settings, database_url: str
) -> None:
    with psycopg.connect(login_url(settings, Login.STAFF, url=database_url)) as connection:
        connection.execute("SET LOCAL ROLE atrium_finance")
        connection.execute("SELECT set_config('atrium.context', 'ab|{}', true)")
        with pytest.raises(psycopg.Error):
            connection.execute(APPEND, (None, None))
    assert superuser.execute("SELECT count(*) FROM audit.events").fetchone() == (1,)


def test_staff_read_events_of_their_malls_and_the_last_verdict(
    superuser: psycopg.Connection, settings: Settings, database_url: str
) -> None:
    for mall in (3, 4):
        superuser.execute(APPEND, (mall, None))
    superuser.execute(
        "SELECT audit.append_event(now(), 'AUDIT_VERIFIED', NULL, '', '', NULL, NULL, '')"
    )

    def seen(role: Group, scope: Scope) -> list[tuple[str, int | None]]:
        with psycopg.connect(login_url(settings, Login.STAFF, url=database_url)) as connection:
            set_context(
                connection,
                key=context_key(settings),
                role=role,
                scope=scope,
                actor=Actor(ActorKind.PERSON, "li@example.org", 7),
                now=datetime.now(UTC),
                read_only=True,
            )
            rows = connection.execute("SELECT action, mall_id FROM audit.events ORDER BY seq")
            return [(row[0], row[1]) for row in rows.fetchall()]

    assert seen(Group.MANAGEMENT, Scope(mall_ids=frozenset({3}))) == [
        ("EXPORTED", 3), ("AUDIT_VERIFIED", None),
    ]  # fmt: skip
    assert seen(Group.SUPER_ADMIN, Scope(is_everything=True)) == [
        ("EXPORTED", None), ("EXPORTED", 3), ("EXPORTED", 4), ("AUDIT_VERIFIED", None),
    ]  # fmt: skip
