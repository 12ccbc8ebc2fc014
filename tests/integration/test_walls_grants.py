"""What each role of Postgres may do with each table, tried one by one, beside what is expected."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from storage.database import create_engine
from storage.roles import BUILT_SCHEMAS, OWNED_SCHEMAS, Group
from storage.walls import check_walls

ROLES = (
    Group.SUPER_ADMIN, Group.MANAGEMENT, Group.OPERATION, Group.FINANCE, Group.SHOP, Group.DOOR,
    Group.INGEST, Group.PIPELINES, Group.BACKUP,
)  # fmt: skip
ACTIONS = "SIUDT"  # select, insert, update, delete, truncate; of some columns counts

# For each table the letters of what a role may do, - for nothing, roles in the order of ROLES:
#                         admin  manage operat financ shop   door   ingest pipel  backup
EXPECTED = """
app.account_tokens        SIU    -      -      -      -      SIU    -      -      S
app.alembic_version       S      S      S      S      S      S      S      S      S
app.allocations           S      S      -      SI     S      -      -      S      S
app.backups               S      -      -      -      -      -      -      S      SIU
app.bill_events           S      S      -      SI     -      -      -      SI     S
app.bill_lines            S      S      -      S      S      -      -      SI     S
app.bill_runs             S      S      -      S      -      -      -      SIUD   S
app.billing_gates         S      S      -      SU     -      -      -      SIUD   S
app.bills                 S      S      -      SU     S      -      -      SIU    S
app.closed_months         SID    S      S      SID    -      -      -      S      S
app.context_keys          -      -      -      -      -      -      -      -      S
app.contract_changes      S      SU     SIU    S      SU     -      -      S      S
app.contract_clauses      S      S      SIU    S      S      -      -      S      S
app.contract_events       S      SI     SI     S      SI     -      -      SI     S
app.contract_papers       S      SIU    SIU    S      SU     -      -      S      S
app.contract_signatures   S      SIU    SIU    S      SU     -      -      S      S
app.contract_units        S      SU     SIUD   S      SU     -      -      SU     S
app.contract_versions     S      S      SI     S      -      -      -      S      S
app.contracts             S      SU     SIU    S      SU     -      -      SU     S
app.deposit_entries       S      S      S      SIU    S      -      -      SI     S
app.device_installations  SIU    S      SIU    -      -      -      S      S      S
app.device_keys           SIU    S      SIU    -      -      -      -      -      S
app.devices               SIU    S      SIU    S      -      -      S      SU     S
app.documents             S      S      -      S      S      -      -      SI     S
app.malls                 SU     S      S      S      S      -      S      S      S
app.message_preferences   -      -      -      -      -      SID    -      S      S
app.message_templates     SIUD   S      SIUD   S      -      -      -      S      S
app.notifications         SIU    SU     SU     SU     SU     SI     -      SIU    S
app.outbox_messages       SI     SI     SI     SI     I      -      -      SIU    S
app.payments              S      S      -      SIU    S      -      -      S      S
app.recovery_codes        SD     -      -      -      -      SIUD   -      -      S
app.renewal_requests      S      S      SU     S      SIU    -      -      S      S
app.report_files          S      S      S      S      -      -      -      SI     S
app.roles                 SI     -      -      -      -      S      -      S      S
app.second_factors        SD     -      -      -      -      SIUD   -      -      S
app.service_requests      SU     S      SU     -      S      -      -      S      S
app.shops                 SIU    S      SIU    S      S      -      S      S      S
app.sign_in_attempts      SD     -      -      -      -      SID    -      -      S
app.signing_codes         -      -      -      -      -      SIU    -      -      S
app.tariffs               S      S      S      S      -      -      -      S      S
app.unit_change_parts     SI     S      SI     S      -      -      -      S      S
app.unit_changes          SI     S      SI     S      -      -      -      S      S
app.units                 SIU    S      SIU    S      S      -      -      S      S
app.uploads               SIU    S      SIU    S      SIU    -      -      S      S
app.user_malls            SID    -      -      -      -      S      -      S      S
app.user_roles            SID    -      -      -      -      S      -      S      S
app.user_sessions         SU     -      -      -      -      SIU    -      -      S
app.user_shops            SID    -      -      -      -      S      -      S      S
app.users                 SIU    -      -      -      -      SU     -      S      S
audit.events              S      S      -      -      -      -      -      -      S
audit.head                -      -      -      -      -      -      -      -      S
audit.pending             -      -      -      -      -      -      -      -      S
ingest.batches            S      S      S      -      -      -      SI     S      S
ingest.cleaning_decisions SIU    S      SIU    -      -      -      -      S      S
ingest.files              S      S      S      -      S      -      -      SIU    S
ingest.idempotency_keys   -      -      -      -      -      -      -      -      S
ingest.late_readings      SU     S      S      SU     -      -      -      S      S
ingest.quarantine         SU     S      SU     -      S      -      I      SIU    S
ingest.reading_hours      S      S      S      -      -      -      -      SIUD   S
ingest.reading_revisions  S      S      S      -      -      -      -      S      S
ingest.readings           S      S      S      -      -      -      SI     SI     S
ingest.signed_calls       -      -      -      -      -      -      -      -      S
ingest.till_transaction_revisions S      S      S      -      -      -      -      S      S
ingest.till_transactions  S      S      S      -      -      -      -      S      S
ingest.touched_dates      SU     S      SU     -      -      -      -      SIU    S
ingest.unknown_devices    SU     S      SU     -      -      -      -      S      S
marts.mall_days           S      S      S      S      -      -      -      SIUDT  S
marts.shop_days           S      S      S      S      S      -      -      SIUDT  S
"""
MARTS = """
CREATE TABLE marts.mall_days (mall_id bigint, business_date date);
CREATE TABLE marts.shop_days (mall_id bigint, shop_id bigint, business_date date);
ALTER TABLE marts.mall_days OWNER TO atrium_pipelines;
ALTER TABLE marts.shop_days OWNER TO atrium_pipelines;
SELECT app.protect_mart('marts.mall_days'), app.protect_mart('marts.shop_days');
"""


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as connection:
        connection.execute(MARTS)
        connection.commit()
        yield connection


def attempts(table: sql.Identifier, columns: list[str]) -> Iterator[tuple[str, sql.Composed]]:
    yield "S", sql.SQL("SELECT FROM {} LIMIT 0").format(table)
    yield "I", sql.SQL("INSERT INTO {} DEFAULT VALUES").format(table)
    for column in columns:
        yield (
            "U",
            sql.SQL("UPDATE {} SET {} = DEFAULT WHERE false").format(table, sql.Identifier(column)),
        )
    yield "D", sql.SQL("DELETE FROM {} WHERE false").format(table)
    yield "T", sql.SQL("TRUNCATE {}").format(table)


def is_allowed(connection: psycopg.Connection, role: Group, statement: sql.Composed) -> bool:
    """Whether Postgres lets the role try; what becomes of the rows is another test."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        return not str(error).startswith("permission denied")
    except psycopg.Error:
        return True
    return True


def tables(connection: psycopg.Connection) -> dict[tuple[str, str], list[str]]:
    rows = connection.execute(
        "SELECT n.nspname, c.relname, array_agg(a.attname::text) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
        "GROUP BY 1, 2 ORDER BY 1, 2",
        ([*OWNED_SCHEMAS, *BUILT_SCHEMAS],),
    )
    return {(schema, name): columns for schema, name, columns in rows}


def found_line(connection: psycopg.Connection, schema: str, name: str, columns: list[str]) -> str:
    table = sql.Identifier(schema, name)
    cells: list[str] = []
    for role in ROLES:
        allowed = {
            letter
            for letter, statement in attempts(table, columns)
            if is_allowed(connection, role, statement)
        }
        cells.append("".join(letter for letter in ACTIONS if letter in allowed) or "-")
    return " ".join([f"{schema}.{name}", *cells])


def test_every_role_may_do_with_every_table_what_is_expected(
    connection: psycopg.Connection,
) -> None:
    found = [found_line(connection, *key, columns) for key, columns in tables(connection).items()]
    assert found == [" ".join(line.split()) for line in EXPECTED.strip().splitlines()]


def test_walls_of_a_migrated_database_stand(
    connection: psycopg.Connection, database_url: str
) -> None:
    engine = create_engine(database_url)
    assert check_walls(engine) == ()
    engine.dispose()


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ("ALTER TABLE app.bills NO FORCE ROW LEVEL SECURITY", "app.bills carries a mall"),
        ("ALTER TABLE marts.shop_days DISABLE ROW LEVEL SECURITY", "marts.shop_days carries"),
        ("CREATE TABLE app.forgotten (shop_id bigint)", "app.forgotten carries a mall or a shop"),
        ("CREATE VIEW app.peep AS SELECT * FROM app.bills", "the view app.peep reads as its owner"),
        (
            "CREATE MATERIALIZED VIEW marts.copy AS SELECT * FROM app.shops; "
            "GRANT SELECT ON marts.copy TO atrium_shop",
            "marts.copy can have no row security",
        ),
        (
            "GRANT DELETE ON app.bill_lines TO atrium_finance",
            "atrium_finance may DELETE",
        ),
        (
            "GRANT UPDATE (note) ON audit.events TO atrium_super_admin",
            "atrium_super_admin may",
        ),
        (
            "GRANT SELECT ON app.context_keys TO atrium_door",
            "atrium_door has a grant",
        ),
        (
            "GRANT EXECUTE ON FUNCTION app.require_mall(bigint) TO PUBLIC",
            "app.require_mall(bigint) runs as its owner",
        ),
    ],
)
def test_breach_of_a_wall_is_told(
    connection: psycopg.Connection, database_url: str, breach: str, told: str
) -> None:
    connection.execute(breach)  # type: ignore[call-overload]
    connection.commit()
    engine = create_engine(database_url)
    wrong: Any = check_walls(engine)
    engine.dispose()
    assert len(wrong) == 1, wrong
    assert wrong[0].startswith(told)


def test_power_of_a_role_is_told(connection: psycopg.Connection, database_url: str) -> None:
    name = f"{connection.info.dbname}_login_staff"
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS").format(sql.Identifier(name)))
    engine = create_engine(database_url)
    assert check_walls(engine) == (f"the role {name} has BYPASSRLS, INHERIT",)
    engine.dispose()
