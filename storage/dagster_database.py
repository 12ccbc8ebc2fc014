"""The orchestrator's own database: beside ours, owned by the pipelines, read by the staff site.

Belongs here: who owns it and who may enter. Not here: what is in it, which is Dagster's.
"""

import psycopg
import sqlalchemy as sa
from psycopg import sql

from storage.database import dagster_url, ensure_database
from storage.logins import Login, login_url
from storage.roles import execute_despite_races, may_become, refusal
from storage.settings import Settings

# Tables and sequences of an earlier release, when the database's account made them.
OTHERS = """
SELECT c.relkind, c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND c.relowner <> %s::regrole
"""
KINDS = {"r": "TABLE", "p": "TABLE", "v": "VIEW"}


def pipelines_dagster_url(settings: Settings, url: str = "") -> str:
    """URL of Dagster's database for Dagster itself, with the driver it needs."""
    return dagster_url(login_url(settings, Login.PIPELINES, url=url))


def staff_dagster_url(settings: Settings) -> str:
    """Plain URL of Dagster's database for who reads its runs."""
    return dagster_url(login_url(settings, Login.STAFF)).replace("+psycopg2", "")


def prepare_dagster_database(settings: Settings, url: str) -> None:
    """Make Dagster's database where missing, and hand it to the pipelines' login.

    `url` is our database's. Its logins must be there (storage.logins.prepare_logins). Changes
    nothing when all is well. Raises PostgresError saying what a superuser must run.
    """
    theirs = dagster_url(url).replace("+psycopg2", "")
    ensure_database(theirs)
    owner, reader = (
        sa.make_url(login_url(settings, login, url=url)).username or ""
        for login in (Login.PIPELINES, Login.STAFF)
    )
    with psycopg.connect(theirs, autocommit=True) as connection:
        statements = _statements(connection, owner, reader)
        try:
            for statement in statements:
                execute_despite_races(connection, statement)
        except psycopg.errors.InsufficientPrivilege:
            raise refusal(
                connection,
                "hand over the orchestrator's database",
                [statement.as_string(connection) for statement in statements],
            ) from None


def _statements(connection: psycopg.Connection, owner: str, reader: str) -> list[sql.Composed]:
    """What is still to be done."""
    row = connection.execute(
        "SELECT datdba = %(owner)s::regrole, has_database_privilege(%(reader)s, oid, 'CONNECT'), "
        "has_database_privilege('public', oid, 'CONNECT') "
        "FROM pg_database WHERE datname = current_database()",
        {"owner": sql.Identifier(owner).as_string(connection), "reader": reader},
    ).fetchone()
    if row is None:
        raise AssertionError("a connection has a database")
    is_owner, may_read, is_public = row
    names = {
        "database": sql.Identifier(connection.info.dbname),
        "owner": sql.Identifier(owner),
        "reader": sql.Identifier(reader),
        "account": sql.Identifier(connection.info.user),
    }
    found = [
        sql.SQL("ALTER {} public.{} OWNER TO {}").format(
            sql.SQL(KINDS[kind]), sql.Identifier(name), names["owner"]
        )
        for kind, name in connection.execute(OTHERS, (sql.Identifier(owner).as_string(connection),))
    ]
    if not is_owner:
        # Before PostgreSQL 16 a login that inherits nothing has nothing of its being the owner.
        found.append(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {owner}").format(**names))
        found.append(sql.SQL("ALTER DATABASE {database} OWNER TO {owner}").format(**names))
    if is_public:
        found.append(
            sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC").format(**names)
        )
    if not may_read or not is_owner:
        found += [
            sql.SQL("GRANT CONNECT ON DATABASE {database} TO {reader}").format(**names),
            sql.SQL(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public "
                "GRANT SELECT ON TABLES TO {reader}"
            ).format(**names),
            sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}").format(**names),
        ]
    if found and not may_become(connection, owner):
        found.insert(0, sql.SQL("GRANT {owner} TO {account}").format(**names))
    return found
