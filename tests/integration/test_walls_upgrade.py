"""A database that the first release made, taken over by the owner's role, and back."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from databases import create_database, drop_database

from domain.scopes import Actor, ActorKind, Scope
from storage.context import context_key, set_context
from storage.dagster_database import prepare_dagster_database, staff_dagster_url
from storage.database import alembic_config, create_engine, dagster_url, ensure_database, migrate
from storage.logins import Login, login_url, prepare_logins
from storage.roles import Group
from storage.settings import Settings
from storage.walls import check_walls

ROWS = """
INSERT INTO app.malls (code, name) VALUES ('M01', 'Here'), ('M02', 'There');
INSERT INTO app.shops (mall_id, code, name, business_type)
    SELECT id, 'S-1', 'A shop', 'RETAIL' FROM app.malls;
INSERT INTO app.devices (mall_id, code, kind, feed_kind)
    SELECT id, 'POS-1', 'POS', 'EVENT' FROM app.malls;
SELECT ingest.ensure_readings_partition('2026-03-01', '2026-04-01');
INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value, received_at)
    SELECT id, 'sales', '2026-03-05', '2026-03-05', 10, '2026-03-05' FROM app.devices;
CREATE SCHEMA marts;
CREATE SCHEMA staging;
CREATE TABLE marts.mall_days AS SELECT id AS mall_id, date '2026-03-05' AS business_date
    FROM app.malls;
CREATE VIEW staging.stg_app__malls AS SELECT * FROM app.malls;
"""
# The first release made everything as the account of the database's address.
AS_BEFORE = """
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT oid::regclass AS name FROM pg_class
        WHERE relnamespace IN ('app'::regnamespace, 'ingest'::regnamespace, 'audit'::regnamespace)
            AND relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %I', one.name, session_user);
    END LOOP;
    FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace IN ('app'::regnamespace, 'ingest'::regnamespace)
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO %I', one.name, session_user);
    END LOOP;
    FOR one IN SELECT unnest(ARRAY['app', 'ingest', 'audit']) AS name LOOP
        EXECUTE format('ALTER SCHEMA %I OWNER TO %I', one.name, session_user);
    END LOOP;
END
$$
"""
OWNERS = """
SELECT DISTINCT n.nspname, c.relowner::regrole::text FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('app', 'ingest', 'audit', 'marts', 'staging')
    AND c.relkind IN ('r', 'p', 'v', 'S')
UNION SELECT nspname, nspowner::regrole::text FROM pg_namespace
WHERE nspname IN ('app', 'ingest', 'audit', 'marts', 'staging')
UNION SELECT n.nspname, p.proowner::regrole::text FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('app', 'ingest', 'audit')
ORDER BY 1
"""


@pytest.fixture
def first_release(server_url: str) -> Iterator[str]:
    """A database as the first release left it, with rows and marts."""
    url = create_database(server_url)
    migrate(url, "0001")
    with psycopg.connect(url) as connection:
        connection.execute(ROWS)
        connection.execute(AS_BEFORE)
    yield url
    drop_database(server_url, url)


def test_database_of_the_first_release_is_taken_over_and_keeps_its_rows(
    first_release: str, settings: Settings
) -> None:
    url = first_release
    with psycopg.connect(url) as connection:
        account = connection.info.user
        assert {owner for _, owner in connection.execute(OWNERS)} == {account}

    migrate(url)
    settings = settings.model_copy(update={"database_url": url})
    prepare_logins(settings)

    with psycopg.connect(url) as connection:
        assert connection.execute(OWNERS).fetchall() == [
            ("app", "atrium_owner"), ("audit", "atrium_owner"), ("ingest", "atrium_owner"),
            ("marts", "atrium_pipelines"), ("staging", "atrium_pipelines"),
        ]  # fmt: skip
        (here,) = connection.execute("SELECT id FROM app.malls WHERE code = 'M01'").fetchone() or ()
    with psycopg.connect(login_url(settings, Login.STAFF)) as connection:
        set_context(
            connection,
            key=context_key(settings),
            role=Group.OPERATION,
            scope=Scope(mall_ids=frozenset({here})),
            actor=Actor(ActorKind.PERSON, "somebody"),
            now=datetime.now(UTC),
        )
        for table in ("app.malls", "app.shops", "ingest.readings", "marts.mall_days"):
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[call-overload]
            assert row == (1,), table
    engine = create_engine(login_url(settings, Login.DOOR), role=Group.DOOR)
    assert check_walls(engine) == ()
    engine.dispose()


def test_row_security_goes_down_and_up_again_with_its_rows(first_release: str) -> None:
    migrate(first_release)
    command.downgrade(alembic_config(first_release), "0001")
    with psycopg.connect(first_release) as connection:
        assert connection.execute("SELECT count(*) FROM pg_policy").fetchone() == (0,)
        for table in ("app.shops", "ingest.readings", "marts.mall_days"):
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[call-overload]
            assert row == (2,), table
    migrate(first_release)
    with psycopg.connect(first_release) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_policy WHERE polrelid = 'marts.mall_days'::regclass"
        ).fetchone()
        assert found == (3,)


def test_orchestrator_s_database_is_handed_to_the_pipelines(
    settings: Settings, database_url: str
) -> None:
    theirs = dagster_url(database_url).replace("+psycopg2", "")
    ensure_database(theirs)
    with psycopg.connect(theirs) as connection:
        connection.execute("CREATE TABLE runs (id int); INSERT INTO runs VALUES (1)")
    prepare_dagster_database(settings, database_url)
    prepare_dagster_database(settings, database_url)
    name = sa.make_url(theirs).database
    pipelines = sa.make_url(login_url(settings, Login.PIPELINES)).set(database=name)
    with psycopg.connect(pipelines.render_as_string(hide_password=False)) as connection:
        connection.execute("INSERT INTO runs VALUES (2)")
        connection.execute("ALTER TABLE runs ADD COLUMN job text")
        connection.execute("CREATE TABLE later (id int)")
    with psycopg.connect(staff_dagster_url(settings)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)
        connection.execute("SELECT * FROM later")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM runs")
    for login in (Login.DOOR, Login.TENANT, Login.INGEST, Login.BACKUP):
        url = sa.make_url(login_url(settings, login)).set(database=name)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url.render_as_string(hide_password=False))
