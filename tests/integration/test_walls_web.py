"""The web's own checks switched off: row security alone still lets nothing out.

Each test also takes the second wall away for a moment and sees the foreign row, so that it is
known to be the wall that held.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from portal_mall import BOOKS
from portal_site import PortalSite, portal_site, staff_site
from sqlalchemy.orm import Session

from domain.people import Role
from domain.scopes import Actor, ActorKind, Scope
from storage.context import context_key, set_context
from storage.database import create_engine
from storage.logins import Login, login_url
from storage.roles import GROUP_OF_ROLE, Group
from webapp.admin import access
from webapp.admin.base import RecordView, StaffView
from webapp.portal import door

__all__ = ["portal_site", "staff_site"]

FINANCE, OPERATION = "finance@example.org", "operation@example.org"
SHOWN = (
    "app.malls", "app.shops", "app.contracts", "app.bills", "app.bill_lines", "app.documents",
)  # fmt: skip
PARENTS = {
    "app.bill_lines": ("app.bills", "bill_id"),
    "app.bill_events": ("app.bills", "bill_id"),
    "app.allocations": ("app.bills", "bill_id"),
    "app.contract_clauses": ("app.contracts", "contract_id"),
    "app.contract_events": ("app.contracts", "contract_id"),
    "app.contract_units": ("app.contracts", "contract_id"),
    "app.device_installations": ("app.devices", "device_id"),
    "ingest.readings": ("app.devices", "device_id"),
    "ingest.reading_revisions": ("app.devices", "device_id"),
}


@contextmanager
def opened(site: PortalSite, *tables: str) -> Iterator[None]:
    """Tables without row security for the length of a block."""

    def switch(how: str) -> None:
        with site.site.engine.begin() as connection:
            for table in tables:
                connection.execute(sa.text(f"ALTER TABLE {table} {how} ROW LEVEL SECURITY"))

    switch("DISABLE")
    try:
        yield
    finally:
        switch("ENABLE")


@pytest.fixture
def all_shops(portal_site: PortalSite, monkeypatch: pytest.MonkeyPatch) -> frozenset[int]:
    """The portal's queries asked for every shop there is, whoever asks."""
    with Session(portal_site.site.engine) as session:
        ids = frozenset(session.scalars(sa.text("SELECT id FROM app.shops")))
    monkeypatch.setattr(door, "own_shop_ids", lambda: ids)
    monkeypatch.setattr(door, "shown_shop_ids", lambda: ids)
    return ids


def test_shop_sees_no_other_shop_s_rows(
    portal_site: PortalSite,
    all_shops: frozenset[int],
) -> None:
    mall, books = portal_site.mall, portal_site.site.client(BOOKS)
    foreign = (
        f"/portal/bills/{mall.other_bill}",
        f"/portal/bills/{mall.strange_bill}",
        f"/portal/contracts/{mall.other_contract}",
        f"/portal/documents/{mall.other_document}",
    )
    own = books.get("/portal/bills.csv").text
    assert f"/portal/bills/{mall.own_bill}" in books.get("/portal/bills/").text
    for path in foreign:
        assert books.get(path).status_code == 404, path
    with opened(portal_site, *SHOWN):
        for path in foreign:
            assert books.get(path).status_code == 200, path
        assert len(books.get("/portal/bills.csv").text) > len(own)
    assert books.get("/portal/bills.csv").text == own


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff pages that ask for no permission and no mall."""
    monkeypatch.setattr(StaffView, "is_accessible", lambda self: True)
    monkeypatch.setattr(
        RecordView, "scoped_query", lambda self: access.database().query(self.model)
    )


def test_staff_sees_no_other_mall_s_rows(
    portal_site: PortalSite,
    unchecked: None,
) -> None:
    mall, finance = portal_site.mall, portal_site.site.client(FINANCE)
    address = f"/admin/bills/details/?id={mall.strange_bill}"
    assert finance.get(f"/admin/bills/details/?id={mall.own_bill}").status_code == 200
    assert finance.get(address).status_code == 404
    assert not re.search(r"M02-\d", finance.get("/admin/bills/?search=M02").text)
    with opened(portal_site, *SHOWN):
        assert re.search(r"M02-\d", finance.get("/admin/bills/?search=M02").text)


def test_role_reads_no_table_of_another_desk(
    portal_site: PortalSite,
    unchecked: None,
) -> None:
    operation = portal_site.site.client(OPERATION)
    for path in ("/admin/bills/", "/admin/held-bills/", "/admin/users/", "/admin/backups/"):
        answer = operation.get(path)
        assert answer.status_code == 500, path
        assert "permission denied" not in answer.text
        assert "@example.org" not in answer.text.replace(OPERATION, "")


def foreign_rows(
    connection: sa.Connection, table: str, columns: set[str], scope: dict[str, Any]
) -> int | None:
    """Rows of a table that are not of the scope's malls or shops; None where neither is known.

    Asked of Postgres as whoever is asking: what row security hides is not counted.
    """
    for column, key in (("shop_id", "shops"), ("mall_id", "malls")):
        if key in scope and column in columns:
            return connection.scalar(
                sa.text(f"SELECT count(*) FROM {table} WHERE {column} <> ALL (:ids)"),
                {"ids": scope[key]},
            )
    if table in PARENTS:
        parent, column = PARENTS[table]
        return connection.scalar(
            sa.text(f"SELECT count(*) FROM {table} WHERE {column} <> ALL (:ids)"),
            {"ids": scope[parent]},
        )
    return None


def owned(site: PortalSite, column: str, ids: list[int]) -> dict[str, list[int]]:
    """Ids of the parents that belong to malls or shops."""
    parents = ["app.bills", "app.contracts"] + (["app.devices"] if column == "mall_id" else [])
    with site.site.engine.connect() as connection:
        return {
            parent: list(
                connection.scalars(
                    sa.text(f"SELECT id FROM {parent} WHERE {column} = ANY (:ids)"), {"ids": ids}
                )
            )
            for parent in parents
        }


@pytest.mark.parametrize("role", [*Role])
def test_scope_reaches_no_foreign_row_of_any_table(
    portal_site: PortalSite,
    role: Role,
) -> None:
    """Straight in Postgres, every table that the role may read, without any WHERE of ours."""
    scope = (
        Scope(shop_ids=frozenset({portal_site.mall.own_shop}))
        if role is Role.SHOP
        else Scope(mall_ids=frozenset({portal_site.site.mall.mall_id}))
    )
    group = GROUP_OF_ROLE[role]
    ids: dict[str, Any]
    if role is Role.SHOP:
        ids = {"shops": list(scope.shop_ids), "malls": [portal_site.site.mall.mall_id]}
        ids |= owned(portal_site, "shop_id", list(scope.shop_ids))
    else:
        ids = {"malls": list(scope.mall_ids)}
        ids |= owned(portal_site, "mall_id", list(scope.mall_ids))
    login = Login.TENANT if group is Group.SHOP else Login.STAFF
    engine = create_engine(login_url(portal_site.site.settings, login))
    seen, looked = 0, []
    try:
        for schema, name, columns in readable(portal_site, group):
            table = f"{schema}.{name}"
            with engine.begin() as connection:
                driver: Any = connection.connection.driver_connection
                set_context(
                    driver,
                    key=context_key(portal_site.site.settings),
                    role=group,
                    scope=scope,
                    actor=Actor(ActorKind.PERSON, "somebody"),
                    now=datetime.now(UTC),
                )
                count = foreign_rows(connection, table, columns, ids)
                if count is None:
                    continue
                assert count == 0, table
                looked.append(table)
                seen += connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0
    finally:
        engine.dispose()
    assert len(looked) >= (10 if group is Group.SHOP else 20)
    assert seen > 20


def readable(site: PortalSite, group: Group) -> list[tuple[str, str, set[str]]]:
    """Tables of which the role may read a mall, a shop or a parent."""
    with site.site.engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT n.nspname, c.relname, array_agg(a.attname::text) FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace "
                "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
                "WHERE n.nspname IN ('app', 'ingest', 'audit', 'marts') "
                "AND c.relkind IN ('r', 'p') AND has_table_privilege(:role, c.oid, 'SELECT') "
                "AND NOT c.relispartition GROUP BY 1, 2 ORDER BY 1, 2"
            ),
            {"role": group.value},
        )
        return [(schema, name, set(columns)) for schema, name, columns in rows]
