"""Which rows of a table each role of Postgres reaches: the second wall.

Belongs here: the statements that migrations give a table. Every table that carries `mall_id` or
`shop_id` gets them, and every table whose rows belong to one that does; a test fails for a table
without. Not here: who the roles are (storage/roles) and the context that says how far a
transaction reaches (storage/context).

In a migration:

    for statement in protect_rows("app.uploads", staff=by_mall(), shop=by_shop()):
        op.execute(statement)
    for statement in allow("app.uploads", {Group.SHOP: "SELECT, INSERT", ...}):
        op.execute(statement)

Dropping a table drops what was said of it; `unprotect_rows` is for tables that stay.
"""

from collections.abc import Iterator, Mapping

from storage.roles import STAFF, Group


def by_mall(column: str = "mall_id") -> str:
    """Rows of the malls in scope; all of them where the scope is everything.

    Each sub-select runs once in a statement, not once for a row.
    """
    malls = "(SELECT app.scope_malls())::bigint[]"
    return f"(SELECT app.scope_is_everything()) OR {column} = ANY ({malls})"


def by_shop(column: str = "shop_id") -> str:
    """Rows of the shops in scope."""
    return f"{column} = ANY ((SELECT app.scope_shops())::bigint[])"


def by_parent(parent: str, column: str, *, key: str = "id") -> str:
    """Rows whose parent the role may read: what is said of `parent` holds for them too."""
    return f"EXISTS (SELECT FROM {parent} parent WHERE parent.{key} = {column})"


def protect_rows(
    table: str, *, staff: str = "", shop: str = "", ingest: str = "", door: str = ""
) -> Iterator[str]:
    """Statements that close `table` (schema.name) row by row.

    Each condition says, of a row read and of a row written, whether a role reaches it; a role
    without a condition reaches none. The owner and the pipelines, which work for the whole
    installation, reach every row, and backups read them. What a role may do with the rows it
    reaches is another matter (`allow`).
    """
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY owner ON {table} TO {Group.OWNER} USING (true)"
    yield f"CREATE POLICY pipelines ON {table} TO {Group.PIPELINES} USING (true)"
    yield f"CREATE POLICY backup ON {table} FOR SELECT TO {Group.BACKUP} USING (true)"
    named = {
        "staff": (", ".join(STAFF), staff),
        "shop": (Group.SHOP.value, shop),
        "ingest": (Group.INGEST.value, ingest),
        "door": (Group.DOOR.value, door),
    }
    for policy, (roles, condition) in named.items():
        if condition:
            yield f"CREATE POLICY {policy} ON {table} TO {roles} USING ({condition})"


def unprotect_rows(table: str) -> Iterator[str]:
    """Statements that open the table again to all who have a grant."""
    for policy in ("owner", "pipelines", "backup", "staff", "shop", "ingest", "door"):
        yield f"DROP POLICY IF EXISTS {policy} ON {table}"
    yield f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"


def allow(table: str, privileges: Mapping[Group, str]) -> Iterator[str]:
    """Statements that let roles do things: `{Group.SHOP: "SELECT, UPDATE (locale)"}`."""
    for group, what in privileges.items():
        yield f"GRANT {what} ON {table} TO {group}"


def disallow(table: str) -> Iterator[str]:
    """Statements that take every grant on the table back, but the backup's to read it."""
    others = ", ".join(group for group in Group if group not in (Group.OWNER, Group.BACKUP))
    yield f"REVOKE ALL ON {table} FROM {others}"
