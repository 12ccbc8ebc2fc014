"""The roles of Postgres that stand between Atrium's programs and its data.

Belongs here: the group roles, which own or may do things and cannot log in, and who owns what is
in the database. Not here: the logins that become these roles (storage/logins), what each may do
with each table (migrations) and which rows it reaches (storage/row_security).

Roles belong to the server, not to one database: two installations of one server share the groups
and are kept apart by who may connect to which database.
"""

from collections.abc import Collection, Iterator
from enum import StrEnum

import psycopg
from psycopg import sql
from psycopg.rows import scalar_row

from domain.people import Role
from storage.postgres import PostgresError


class Group(StrEnum):
    """A role that cannot log in."""

    OWNER = "atrium_owner"  # of schemas and tables; no superuser
    DOOR = "atrium_door"  # sign-in: people, nothing of malls
    SUPER_ADMIN = "atrium_super_admin"
    MANAGEMENT = "atrium_management"
    OPERATION = "atrium_operation"
    FINANCE = "atrium_finance"
    SHOP = "atrium_shop"
    INGEST = "atrium_ingest"  # devices: appends
    PIPELINES = "atrium_pipelines"  # what is periodic or large, for every mall; owns the marts
    BACKUP = "atrium_backup"  # reads all, writes down its backups


STAFF = (Group.SUPER_ADMIN, Group.MANAGEMENT, Group.OPERATION, Group.FINANCE)

GROUP_OF_ROLE = {
    Role.SUPER_ADMIN: Group.SUPER_ADMIN,
    Role.MANAGEMENT: Group.MANAGEMENT,
    Role.OPERATION: Group.OPERATION,
    Role.FINANCE: Group.FINANCE,
    Role.SHOP: Group.SHOP,
}

# The schemas Alembic owns, and the ones dbt builds.
OWNED_SCHEMAS = ("app", "ingest", "audit")
BUILT_SCHEMAS = ("staging", "marts")

_ATTEMPTS = 8


def execute_despite_races(connection: psycopg.Connection, statement: sql.Composed) -> None:
    """Run a statement on roles, which processes of other databases may run at the same time."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            connection.execute(statement)
            return
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            return
        except psycopg.errors.InternalError_:  # "tuple concurrently updated"
            if attempt == _ATTEMPTS:
                raise


def may_become(connection: psycopg.Connection, role: str, *, who: str = "") -> bool:
    """Whether `who` (empty: the connection's account) may SET ROLE to `role`."""
    way = "SET" if connection.info.server_version >= 160000 else "MEMBER"
    row = connection.execute(
        "SELECT pg_has_role(coalesce(nullif(%s, '')::name, current_user), %s::name, %s)",
        (who, role, way),
    ).fetchone()
    return bool(row and row[0])


def may_in_database(connection: psycopg.Connection, role: str, privilege: str) -> bool:
    """Whether `role` (or `public`) has CONNECT, TEMPORARY or CREATE on this very database."""
    row = connection.execute(
        "SELECT has_database_privilege(%s, current_database(), %s)", (role, privilege)
    ).fetchone()
    return bool(row and row[0])


def missing_roles(connection: psycopg.Connection, names: Collection[str]) -> list[str]:
    """Those of `names` that the server does not have, in the order given."""
    known = connection.cursor(row_factory=scalar_row).execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(names),)
    )
    found = set(known)
    return [name for name in names if name not in found]


def refusal(
    connection: psycopg.Connection, work: str, statements: Collection[str]
) -> PostgresError:
    """What to tell who runs a server whose account may not do `work`."""
    account = connection.info.user
    return PostgresError(
        f"the account {account!r} of the database's address may not {work}. A superuser must "
        "run, in this database:\n" + "\n".join(f"  {statement};" for statement in statements)
    )


def prepare_roles(url: str) -> None:
    """Make the group roles where missing and let `atrium_owner` own what Alembic made.

    `url` is plain (postgresql://…); its account needs CREATEROLE and to own the database the
    first time, afterwards to be a member of atrium_owner. Any number of processes may do this at
    once. Raises PostgresError saying what a superuser must run.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        _make_groups(connection)
        _let_owner_create(connection)
        _hand_over(connection)


def _make_groups(connection: psycopg.Connection) -> None:
    groups = [group.value for group in Group]
    account = connection.info.user
    wanted = [
        sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name))
        for name in missing_roles(connection, groups)
    ]
    _run(connection, wanted, "make the roles of Atrium", advice=[*wanted, _let_administer(account)])
    if not may_become(connection, Group.OWNER):
        _run(
            connection,
            [_grant(Group.OWNER, account)],
            "act as atrium_owner",
            advice=[_let_administer(account)],
        )
    if not may_become(connection, Group.PIPELINES, who=Group.OWNER):
        # Who migrates also hands the marts over and gives grants on them.
        _run(
            connection,
            [_grant(Group.PIPELINES, Group.OWNER)],
            "let atrium_owner act as atrium_pipelines",
        )


def _grant(role: str, member: str) -> sql.Composed:
    return sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member))


def _let_administer(account: str) -> sql.Composed:
    """With this the account may also make the logins that become the groups."""
    return sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(
        sql.SQL(", ").join(sql.Identifier(group.value) for group in Group), sql.Identifier(account)
    )


def _run(
    connection: psycopg.Connection,
    statements: Collection[sql.Composed],
    work: str,
    *,
    advice: Collection[sql.Composed] = (),
) -> None:
    """Run statements. Raises PostgresError when the account may not, with `advice` for a
    superuser, or else the statements themselves.
    """
    try:
        for statement in statements:
            execute_despite_races(connection, statement)
    except psycopg.errors.InsufficientPrivilege:
        advised = [statement.as_string(connection) for statement in advice or statements]
        raise refusal(connection, work, advised) from None


def _let_owner_create(connection: psycopg.Connection) -> None:
    if may_in_database(connection, Group.OWNER, "CREATE"):
        return
    grant = sql.SQL("GRANT CREATE, TEMPORARY ON DATABASE {} TO {}").format(
        sql.Identifier(connection.info.dbname), sql.Identifier(Group.OWNER)
    )
    work = "let atrium_owner create schemas"
    _run(connection, [grant], work)
    # Who may not grant is only warned.
    if not may_in_database(connection, Group.OWNER, "CREATE"):
        raise refusal(connection, work, [grant.as_string(connection)])


def _hand_over(connection: psycopg.Connection) -> None:
    """An earlier release left all in the hands of the account that made it."""
    moves = list(_moves(connection))
    if not moves:
        return
    try:
        with connection.transaction():
            # Other processes of this database wait here, then find nothing left to move.
            connection.execute("SELECT pg_advisory_xact_lock(4207849)")
            for statement in _moves(connection):
                connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        raise refusal(
            connection,
            "hand over what it does not own",
            [statement.as_string(connection) for statement in moves],
        ) from None


# What has an owner of its own: indexes, identity sequences and row types follow their table.
_OTHERS_OBJECTS = """
SELECT * FROM (
    SELECT 'SCHEMA' AS kind, nspname AS schema, NULL AS name, NULL AS arguments
    FROM pg_namespace WHERE nspname = ANY(%(schemas)s) AND nspowner <> %(owner)s::regrole
    UNION ALL
    SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                        WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname, NULL
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = ANY(%(schemas)s) AND relowner <> %(owner)s::regrole
      AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT (relkind = 'S' AND EXISTS (
          SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                    AND d.deptype IN ('a', 'i')))
    UNION ALL
    SELECT 'ROUTINE', nspname, proname, pg_get_function_identity_arguments(p.oid)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
    WHERE nspname = ANY(%(schemas)s) AND proowner <> %(owner)s::regrole
) found ORDER BY kind <> 'SCHEMA', schema, name
"""


def _moves(connection: psycopg.Connection) -> Iterator[sql.Composed]:
    for owner, schemas in ((Group.OWNER, OWNED_SCHEMAS), (Group.PIPELINES, BUILT_SCHEMAS)):
        found = connection.execute(
            _OTHERS_OBJECTS, {"schemas": list(schemas), "owner": owner.value}
        ).fetchall()
        for kind, schema, name, arguments in found:
            what: sql.Composable = sql.Identifier(schema, name) if name else sql.Identifier(schema)
            if arguments is not None:
                what = sql.SQL("{}({})").format(what, sql.SQL(arguments))
            yield sql.SQL("ALTER {} {} OWNER TO {}").format(
                sql.SQL(kind), what, sql.Identifier(owner)
            )
