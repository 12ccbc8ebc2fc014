"""The accounts by which Atrium's programs enter Postgres: one for each door.

Belongs here: their names, passwords and addresses, and what keeps one database's accounts out of
another's. Not here: what an account may do, which it has from its group (storage/roles).

An account is `<database>_login_<name>`, has its password in state_dir/secrets, and by itself may
do nothing: it inherits nothing and becomes one of its groups in each transaction.
"""

from contextlib import suppress
from enum import StrEnum

import psycopg
import sqlalchemy as sa
from psycopg import sql

from storage.context import context_key, key_blocks
from storage.database import database_url
from storage.postgres import PostgresError
from storage.roles import (
    STAFF,
    Group,
    execute_despite_races,
    may_in_database,
    missing_roles,
    refusal,
)
from storage.settings import Settings

LONGEST_NAME = 63


class Login(StrEnum):
    DOOR = "door"
    STAFF = "staff"
    TENANT = "tenant"
    INGEST = "ingest"
    PIPELINES = "pipelines"
    BACKUP = "backup"
    MIGRATIONS = "migrations"


GROUPS: dict[Login, tuple[Group, ...]] = {
    Login.DOOR: (Group.DOOR,),
    Login.STAFF: STAFF,
    Login.TENANT: (Group.SHOP,),
    Login.INGEST: (Group.INGEST,),
    Login.PIPELINES: (Group.PIPELINES,),
    Login.BACKUP: (Group.BACKUP,),
    Login.MIGRATIONS: (Group.OWNER,),
}


def login_name(database: str, login: Login) -> str:
    """The account's name. Raises PostgresError when the database's name is too long for it."""
    name = f"{database}_login_{login}"
    if len(name.encode()) > LONGEST_NAME:
        raise PostgresError(
            f"the database's name {database!r} is too long: {name!r} may have {LONGEST_NAME} bytes"
        )
    return name


def given_url(settings: Settings, login: Login) -> str:
    """The address that ATRIUM_<LOGIN>_DATABASE_URL gives for a login, or empty.

    There is none for migrations: they go over ATRIUM_DATABASE_URL.
    """
    found: str = getattr(settings, f"{login}_database_url", "")
    return found


def login_url(settings: Settings, login: Login, *, url: str = "") -> str:
    """The plain URL (postgresql://…) by which a program enters the database.

    `url` is the database's own (default: the setting's, or the running embedded server's).
    Raises PostgresError when the embedded server is not running.
    """
    given = given_url(settings, login)
    if given:
        return given
    parts = sa.make_url(url or database_url(settings))
    return parts.set(
        username=login_name(parts.database or "", login), password=_password(settings, login)
    ).render_as_string(hide_password=False)


def _password(settings: Settings, login: Login) -> str:
    return settings.secret(f"postgres-{login}-password")


def prepare_logins(settings: Settings, url: str = "") -> None:
    """Make the logins of a migrated database, or repair them: passwords, groups, who may connect,
    and the key that contexts are signed with.

    Changes nothing when all is well; a database restored or copied from elsewhere is taken into
    these hands. Logins whose address is a setting are left to who gave it. `url` as in
    `login_url`; its account needs CREATEROLE where something is missing. Raises PostgresError
    saying what a superuser must run.
    """
    url = url or database_url(settings)
    with psycopg.connect(url, autocommit=True) as connection:
        ours = [login for login in Login if not given_url(settings, login)]
        names = {login: login_name(connection.info.dbname, login) for login in ours}
        missing = set(missing_roles(connection, list(names.values())))
        for login, name in names.items():
            if name in missing:
                _make(connection, login, name, _password(settings, login))
            elif not _enters(login_url(settings, login, url=url)):
                _give_password(connection, name, _password(settings, login))
            _join_groups(connection, login, name)
        _keep_others_out(connection, list(names.values()))
        _give_key(connection, context_key(settings))


def _make(connection: psycopg.Connection, login: Login, name: str, password: str) -> None:
    attributes = "LOGIN NOINHERIT"
    if login is Login.BACKUP:
        attributes = "LOGIN INHERIT"  # pg_basebackup and pg_dump become no other role
    statement = sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(
        sql.Identifier(name),
        sql.SQL(attributes),
        sql.Literal(_verifier(connection, name, password)),
    )
    _run(connection, statement, f"make the login {name!r}")
    if login is Login.BACKUP:
        role = sql.Identifier(name)
        _try(connection, sql.SQL("ALTER ROLE {} REPLICATION").format(role))
        _try(connection, sql.SQL("ALTER ROLE {} BYPASSRLS").format(role))
        # To tell this server from others, by its control file.
        _try(connection, sql.SQL("GRANT pg_monitor TO {}").format(role))


def _try(connection: psycopg.Connection, statement: sql.Composed) -> None:
    """Only who has a power may give it; backups say what their login lacks when they are made."""
    with suppress(psycopg.errors.InsufficientPrivilege):
        execute_despite_races(connection, statement)


def _verifier(connection: psycopg.Connection, name: str, password: str) -> str:
    """What Postgres keeps of a password: so the password itself is in no log of statements."""
    return connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    ).decode()


def _give_password(connection: psycopg.Connection, name: str, password: str) -> None:
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
        sql.Identifier(name), sql.Literal(_verifier(connection, name, password))
    )
    _run(connection, statement, f"change the password of {name!r}")


def _enters(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _join_groups(connection: psycopg.Connection, login: Login, name: str) -> None:
    joined = {
        row[0]
        for row in connection.execute(
            "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid "
            "WHERE m.member = %s::regrole",
            (_quoted(connection, name),),
        )
    }
    for group in GROUPS[login]:
        if group not in joined:
            _run(
                connection,
                sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(name)),
                f"let {name!r} become {group}",
            )


def _quoted(connection: psycopg.Connection, name: str) -> str:
    return sql.Identifier(name).as_string(connection)


def _keep_others_out(connection: psycopg.Connection, names: list[str]) -> None:
    """Two databases of one server must not open each other's doors."""
    wanted = _wanted_entries(connection, names)
    if not wanted:
        return
    work = "say who may enter the database"
    for statement in wanted:
        _run(connection, statement, work)
    # Who may not grant is only warned.
    left = [statement.as_string(connection) for statement in _wanted_entries(connection, names)]
    if left:
        raise refusal(connection, work, left)


def _wanted_entries(connection: psycopg.Connection, names: list[str]) -> list[sql.Composed]:
    """Statements that are still needed."""
    database = sql.Identifier(connection.info.dbname)
    found = []
    if any(may_in_database(connection, "public", each) for each in ("CONNECT", "TEMPORARY")):
        found.append(
            sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(database)
        )
    entries = [(name, "CONNECT") for name in names]
    # Batches lie in temporary tables on their way in.
    entries += [
        (group.value, "TEMPORARY") for group in (Group.OWNER, Group.INGEST, Group.PIPELINES)
    ]
    if found:
        # What PUBLIC had, they seemed to have.
        return found + [_entry(database, *each) for each in entries]
    return [_entry(database, *each) for each in entries if not may_in_database(connection, *each)]


def _entry(database: sql.Identifier, role: str, privilege: str) -> sql.Composed:
    return sql.SQL("GRANT {} ON DATABASE {} TO {}").format(
        sql.SQL(privilege), database, sql.Identifier(role)
    )


def _give_key(connection: psycopg.Connection, key: bytes) -> None:
    blocks = key_blocks(key)
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(Group.OWNER)))
        known = connection.execute(
            "SELECT inner_block, outer_block FROM app.context_keys"
        ).fetchone()
        if known == blocks:
            return
        connection.execute(
            "INSERT INTO app.context_keys (inner_block, outer_block) VALUES (%s, %s) "
            "ON CONFLICT (is_only) DO UPDATE SET inner_block = EXCLUDED.inner_block, "
            "outer_block = EXCLUDED.outer_block",
            blocks,
        )


def _run(connection: psycopg.Connection, statement: sql.Composed, work: str) -> None:
    try:
        execute_despite_races(connection, statement)
    except psycopg.errors.InsufficientPrivilege:
        raise refusal(connection, work, [statement.as_string(connection)]) from None
