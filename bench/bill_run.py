"""The bill run: 20,000 leases with four lines and their derivations, computed and written.

The limit is what Postgres needs to take the same rows by COPY and commit them, with everything
else for nothing.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter

import psycopg

from bench.figures import Figure
from domain.calendar import month_of
from services.operations.bill_writing import BILL_COLUMNS, LINE_COLUMNS
from services.operations.billing import BillRunResult, bill_inputs
from services.queries.bill_inputs import read_bill_inputs
from storage.database import migrate
from storage.postgres import embedded_server
from storage.settings import Settings

CONTRACTS = 20_000
TABLES = (f"app.bills ({BILL_COLUMNS})", f"app.bill_lines ({LINE_COLUMNS})")
MONTH = date(2026, 3, 1)
NOW = datetime(2026, 3, 31, 16, 5, tzinfo=UTC)

# Shop, unit, lease, four clauses, a meter with its usage and a month of sales for each number.
MALL = """
    INSERT INTO app.malls (code, name) VALUES ('BENCH', 'Bench');
    INSERT INTO app.tariffs (mall_id, code, charge_type, kind, parameters, valid_from)
    SELECT id, 'E1', 'ELECTRICITY', 'FLAT', '{"price": "0.8123"}', '2025-01-01' FROM app.malls;
    INSERT INTO app.shops (id, mall_id, code, name, business_type)
    SELECT n, m.id, 'S' || lpad(n::text, 6, '0'), 'Shop ' || n, 'RETAIL'
    FROM app.malls AS m, generate_series(1, %(contracts)s) AS n;
    INSERT INTO app.units (id, mall_id, code, floor, area_m2, opened_date)
    SELECT n, m.id, 'U' || n, '1', 50 + n %% 900 + 0.25, '2020-01-01'
    FROM app.malls AS m, generate_series(1, %(contracts)s) AS n;
    INSERT INTO app.contracts (id, mall_id, shop_id, number, state, start_date, end_date)
    SELECT n, m.id, n, 'L' || n, 'ACTIVE',
           CASE WHEN n %% 50 = 0 THEN '2026-03-12'::date ELSE '2025-01-01' END, '2027-12-31'
    FROM app.malls AS m, generate_series(1, %(contracts)s) AS n;
    INSERT INTO app.contract_units (contract_id, unit_id, period)
    SELECT c.id, c.id, daterange(c.start_date, c.end_date, '[]') FROM app.contracts AS c;
    INSERT INTO app.contract_clauses
        (contract_id, charge_type, pricing_kind, parameters, valid_from, recorded_at)
    SELECT n, term.charge, term.kind, term.parameters::jsonb, '2025-01-01', '2025-01-01T00:00Z'
    FROM generate_series(1, %(contracts)s) AS n CROSS JOIN LATERAL (VALUES
        ('RENT', 'PER_AREA_MONTH', format('{"rate": "%%s.37"}', 80 + n %% 70)),
        ('TURNOVER_RENT', 'PERCENTAGE', '{"rate": "0.08", "breakpoint": "NATURAL"}'),
        ('PROPERTY_FEE', 'PER_AREA_MONTH', '{"rate": "32.5"}'),
        ('ELECTRICITY', 'METERED', '{"tariff": "E1", "loss": "0.02"}')
    ) AS term (charge, kind, parameters);
    INSERT INTO app.devices (id, mall_id, code, kind, feed_kind)
    SELECT n, m.id, 'E' || n, 'METER', 'CUMULATIVE'
    FROM app.malls AS m, generate_series(1, %(contracts)s) AS n;
    CREATE SCHEMA IF NOT EXISTS marts;
    CREATE TABLE marts.shop_days AS
    SELECT m.id AS mall_id, n::bigint AS shop_id, '2026-03-01'::date + day AS business_date,
           (1000 + (n * 37 + day * 101) %% 90000 / 7.0)::numeric(14, 2) AS net_sales,
           true AS is_sales_complete
    FROM app.malls AS m, generate_series(1, %(contracts)s) AS n, generate_series(0, 30) AS day;
    CREATE TABLE marts.meter_usage_months AS
    SELECT m.id AS mall_id, n::bigint AS shop_id, n::bigint AS device_id,
           'electricity_register'::text AS metric, '2026-03-01'::date AS month,
           (n * 11.5)::numeric AS opening_register, '2026-02-28T20:00Z'::timestamptz AS opening_at,
           (n * 11.5 + n %% 4000 + 0.75)::numeric AS closing_register,
           '2026-03-31T20:00Z'::timestamptz AS closing_at,
           (n %% 4000 + 0.75)::numeric AS consumption, 1::numeric AS ratio, 0 AS rollovers,
           744 AS hours_expected, 744 AS hours_received,
           0 AS reversals, 0 AS implausible_steps, 0::numeric AS estimated_consumption
    FROM app.malls AS m, generate_series(1, %(contracts)s) AS n;
    CREATE TABLE marts.meter_usage_hours (
        mall_id bigint, shop_id bigint, device_id bigint, metric text, hour_start timestamptz,
        business_date date, consumption numeric, ratio numeric, is_estimated boolean);
    CREATE INDEX ON marts.shop_days (mall_id, shop_id, business_date);
"""
# Half a month's leases need the hours of use to know their part of the meter's month.
HOURS = """
    INSERT INTO marts.meter_usage_hours
    SELECT u.mall_id, u.shop_id, u.device_id, u.metric, '2026-03-15T04:00Z', '2026-03-15', 10,
           u.ratio, false
    FROM marts.meter_usage_months AS u WHERE u.device_id %% 50 = 0
"""


def bill_run_contracts() -> Figure:
    """Leases a second: bills computed, gated, hashed and written, from inputs that were read."""

    def run(connection: psycopg.Connection, mall_id: int) -> tuple[BillRunResult, float]:
        inputs = read_bill_inputs(connection, mall_id=mall_id, month=month_of(MONTH), now=NOW)
        began = perf_counter()
        result = bill_inputs(connection, inputs, issue_date=MONTH, now=NOW)
        connection.commit()
        return result, perf_counter() - began

    return _measure("bill_run_contracts", run)


def bill_run_read_contracts() -> Figure:
    """The same with the reading of leases, clauses, usage, sales and earlier bills."""

    def run(connection: psycopg.Connection, mall_id: int) -> tuple[BillRunResult, float]:
        began = perf_counter()
        inputs = read_bill_inputs(connection, mall_id=mall_id, month=month_of(MONTH), now=NOW)
        result = bill_inputs(connection, inputs, issue_date=MONTH, now=NOW)
        connection.commit()
        return result, perf_counter() - began

    return _measure("bill_run_read_contracts", run)


def _measure(
    name: str, run: Callable[[psycopg.Connection, int], tuple[BillRunResult, float]]
) -> Figure:
    with _server() as url:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            # Made up, so not audited: the figure is the run's.
            connection.execute("SET session_replication_role = replica")
            for statement in (MALL + HOURS).split(";\n"):
                connection.execute(statement % {"contracts": CONTRACTS})
            connection.execute("VACUUM ANALYZE")
            (mall_id,) = connection.execute("SELECT id FROM app.malls").fetchall()[0]
        with psycopg.connect(url, options="-c timezone=UTC") as connection:
            result, ours = run(connection, mall_id)
        if result.created != CONTRACTS:
            raise RuntimeError(f"{result.created} bills of {CONTRACTS}; held: {result.held[:3]}")
        limit = _copy_again(url)
    return Figure(name, "contracts/s", CONTRACTS / ours, CONTRACTS / limit)


def _copy_again(url: str) -> float:
    """Seconds to COPY the rows just written into emptied tables, and commit."""
    with psycopg.connect(url) as connection:
        bills, lines = (
            b"".join(bytes(block) for block in _copy_out(connection, table)) for table in TABLES
        )
        if lines.count(b"\n") != 4 * CONTRACTS:
            raise RuntimeError("not every lease has four lines")
        connection.execute("TRUNCATE app.bills, app.bill_lines CASCADE")
        connection.commit()
        began = perf_counter()
        with connection.cursor() as cursor:
            for table, rows in zip(TABLES, (bills, lines), strict=True):
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)
        connection.commit()
        return perf_counter() - began


def _copy_out(
    connection: psycopg.Connection, table: str
) -> "Iterator[bytes | bytearray | memoryview[int]]":
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} TO STDOUT") as copy,
    ):
        yield from copy


@contextmanager
def _server() -> Iterator[str]:
    """A server of its own in a folder that goes away."""
    folder = Path(tempfile.mkdtemp(prefix="atrium-bench-"))
    folder.chmod(0o755)
    server = embedded_server(Settings(state_dir=folder, _env_file=None))
    server.start()
    try:
        yield server.url("postgres")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


MEASURES: dict[str, Callable[[], Figure]] = {
    "bill_run_contracts": bill_run_contracts,
    "bill_run_read_contracts": bill_run_read_contracts,
}
