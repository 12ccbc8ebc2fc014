"""Whether the second wall stands: what Postgres itself would let through, read from its catalogue.

Belongs here: looking. Not here: building (migrations, storage/row_security, storage/roles).
"""

from collections.abc import Iterator

import sqlalchemy as sa

from storage.roles import BUILT_SCHEMAS, OWNED_SCHEMAS, Group

SCHEMAS = (*OWNED_SCHEMAS, *BUILT_SCHEMAS)
# What is only ever added to: nobody but the owner may change or take away a row.
APPEND_ONLY = (
    "app.allocations",
    "app.bill_events",
    "app.bill_lines",
    "app.contract_events",
    "app.contract_versions",
    "audit.events",
    "audit.head",
    "audit.pending",
    "ingest.batches",
    "ingest.reading_revisions",
    "ingest.readings",
    "ingest.idempotency_keys",
    "ingest.signed_calls",
)
# For the owner's functions alone.
CLOSED = ("app.context_keys", "audit.pending", "ingest.idempotency_keys", "ingest.signed_calls")
APPLICATION = tuple(group for group in Group if group not in (Group.OWNER, Group.BACKUP))

_OPEN_TABLES = sa.text("""
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = ANY (SELECT oid FROM pg_namespace WHERE nspname = ANY (:schemas))
        AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
        AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
                    AND a.attname IN ('mall_id', 'shop_id'))
    ORDER BY 1
""")
_BARE_TABLES = sa.text("""
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = ANY (SELECT oid FROM pg_namespace WHERE nspname = ANY (:schemas))
        AND (c.relkind = 'm' OR c.relispartition) AND c.relkind IN ('r', 'p', 'm')
        AND EXISTS (SELECT FROM unnest(CAST(:groups AS text[])) AS g (role)
                    WHERE has_any_column_privilege(g.role, c.oid, 'SELECT, INSERT, UPDATE')
                    AND NOT pg_has_role(g.role, c.relowner, 'USAGE'))
    ORDER BY 1
""")
_VIEWS = sa.text("""
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = ANY (SELECT oid FROM pg_namespace WHERE nspname = ANY (:schemas))
        AND c.relkind = 'v'
        AND NOT coalesce(c.reloptions, '{}')
            && ARRAY['security_invoker=true', 'security_invoker=on']
    ORDER BY 1
""")
_POWERS = sa.text("""
    SELECT r.rolname, concat_ws(', ',
        CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
        CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
        CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
        CASE WHEN r.rolreplication THEN 'REPLICATION' END,
        CASE WHEN r.rolcanlogin AND r.rolname = ANY (:groups) THEN 'LOGIN' END,
        CASE WHEN r.rolinherit AND r.rolname <> ALL (:groups) THEN 'INHERIT' END) AS powers
    FROM pg_roles r
    WHERE r.rolname = ANY (:groups)
        OR (r.rolname ^@ (current_database() || '_login_')
            AND r.rolname <> current_database() || '_login_backup')
    ORDER BY 1
""")
_CHANGES = sa.text("""
    SELECT g.role, t.name, concat_ws(', ',
        CASE WHEN has_any_column_privilege(g.role, t.name, 'UPDATE') THEN 'UPDATE' END,
        CASE WHEN has_table_privilege(g.role, t.name, 'DELETE') THEN 'DELETE' END,
        CASE WHEN has_table_privilege(g.role, t.name, 'TRUNCATE') THEN 'TRUNCATE' END) AS may
    FROM unnest(CAST(:groups AS text[])) AS g (role),
        unnest(CAST(:tables AS text[])) AS t (name)
    ORDER BY 1, 2
""")
_READS = sa.text("""
    SELECT g.role, t.name FROM unnest(CAST(:groups AS text[])) AS g (role),
        unnest(CAST(:tables AS text[])) AS t (name)
    WHERE has_any_column_privilege(g.role, t.name, 'SELECT, INSERT, UPDATE')
    ORDER BY 1, 2
""")
_DEFINERS = sa.text("""
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = ANY (SELECT oid FROM pg_namespace WHERE nspname = ANY (:schemas))
        AND p.prosecdef
        AND (NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, pg_temp']
             OR has_function_privilege('public', p.oid, 'EXECUTE'))
    ORDER BY 1
""")


def check_walls(engine: sa.Engine) -> tuple[str, ...]:
    """What is wrong with the walls of a migrated database, a sentence each; empty when they
    stand. Reads the catalogue alone, so any login may ask.
    """
    with engine.connect() as connection:
        return tuple(_wrong(connection))


def _wrong(connection: sa.Connection) -> Iterator[str]:
    schemas = {"schemas": list(SCHEMAS)}
    groups = [group.value for group in Group]
    application = [group.value for group in APPLICATION]
    for (name,) in connection.execute(_OPEN_TABLES, schemas):
        yield f"{name} carries a mall or a shop, but its rows are open to all who have a grant"
    for (name,) in connection.execute(_BARE_TABLES, {**schemas, "groups": application}):
        yield f"{name} can have no row security of its own, but somebody has a grant on it"
    for (name,) in connection.execute(_VIEWS, schemas):
        yield f"the view {name} reads as its owner, not as who asks it (security_invoker)"
    for role, powers in connection.execute(_POWERS, {"groups": groups}):
        if powers:
            yield f"the role {role} has {powers}"
    given = {"groups": application, "tables": list(APPEND_ONLY)}
    for role, table, may in connection.execute(_CHANGES, given):
        if may:
            yield f"{role} may {may} {table}, which is only ever added to"
    closed = {"groups": application, "tables": list(CLOSED)}
    for role, table in connection.execute(_READS, closed):
        yield f"{role} has a grant on {table}, which is for the owner's functions alone"
    for (name,) in connection.execute(_DEFINERS, schemas):
        yield f"{name} runs as its owner, but anybody may call it or it trusts a search_path"
