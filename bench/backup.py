"""A full backup beside a plain pg_basebackup, and the restore of it.

Both on a server with some hundred megabytes of the mall's own kinds of rows: readings with their
hours, bills with lines and derivations. Rounds alternate between ours and the limit, so that
whatever else the machine does falls on both.
"""

import atexit
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

import psycopg

from bench.figures import Figure
from domain.backups import BackupOrigin
from services.operations.backups import back_up
from storage.backup.proving import check_manifest, compare, restored
from storage.backup.writing import write_backup
from storage.database import create_engine, ensure_database, ensure_month_partitions, migrate
from storage.objects import FolderStore
from storage.postgres import EmbeddedServer, embedded_server
from storage.settings import Settings

ROUNDS = 5
MEGABYTE = 1_000_000

READINGS = """
INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value, quality,
                             received_at, batch_id)
SELECT d, 'electricity_register', at, at,
       round((d * 1000 + extract(epoch FROM at - '2026-01-01') / 36000 * (1 + d % 7)
              + random())::numeric, 3),
       'GOOD', at + interval '7 s', d * 100 + extract(day FROM at)::int
FROM generate_series(timestamptz '2026-01-01+00', timestamptz '2026-03-31 23:45+00',
                     interval '15 min') AS at, generate_series(1, 120) AS d
"""
HOURS = """
INSERT INTO ingest.reading_hours (device_id, metric, hour_start, measured_at, mall_id,
                                  business_date, value, samples, covers_minutes, flags, is_used,
                                  rules, cleaned_at)
SELECT device_id, metric, date_trunc('hour', interval_start), max(interval_start), 1,
       date_trunc('hour', interval_start)::date, max(value), count(*), 60,
       CASE WHEN random() < 0.02 THEN '{soft_outlier}'::text[] ELSE '{}' END, true,
       '{"hard_limits": 1, "robust_z": 1, "stuck_values": 1}', '2026-04-01T00:00Z'
FROM ingest.readings GROUP BY 1, 2, 3
"""
BILLS = """
INSERT INTO app.malls (code, name) VALUES ('BENCH', 'Bench Mall');
INSERT INTO app.shops (mall_id, code, name, business_type)
SELECT 1, 'S' || n, 'Shop ' || n, 'RETAIL' FROM generate_series(1, 1000) AS n;
INSERT INTO app.contracts (mall_id, shop_id, number, state, start_date, end_date)
SELECT 1, n, 'C' || n, 'ACTIVE', '2024-01-01', '2027-12-31' FROM generate_series(1, 1000) AS n;
INSERT INTO app.bills (mall_id, shop_id, contract_id, number, state, period_start, period_end,
                       due_date, currency, net_amount, tax_amount, total_amount)
SELECT 1, c, c, 'B' || m || '-' || c, 'PAID', month, month + 27, month + 40, 'CNY', 1000, 90, 1090
FROM generate_series(1, 1000) AS c, generate_series(1, 24) AS m,
     LATERAL (SELECT (date '2024-01-01' + m * interval '1 month')::date AS month) AS months;
INSERT INTO app.bill_lines (bill_id, line_number, charge_type, period_start, period_end, quantity,
                            unit, net_amount, tax_rate, tax_amount, total_amount, derivation)
SELECT b.id, n, (ARRAY['RENT', 'PROPERTY_FEE', 'ELECTRICITY', 'WATER'])[n], b.period_start,
       b.period_end, round((random() * 1000)::numeric, 3), 'kWh', 250, 0.09, 22.5, 272.5,
       jsonb_build_object('formula', 'quantity x price', 'source', md5(random()::text),
         'operands', jsonb_build_array(
           jsonb_build_object('name', 'quantity', 'unit', 'kWh',
                              'value', round((random() * 1000)::numeric, 3)::text),
           jsonb_build_object('name', 'price', 'value', '0.8712', 'unit', 'CNY/kWh'),
           jsonb_build_object('name', 'ratio', 'value', '40', 'unit', '1')),
         'readings', jsonb_build_array((random() * 1e6)::int, (random() * 1e6)::int))
FROM app.bills AS b, generate_series(1, 4) AS n
"""


class Bench:
    """A server with its rows, and a folder as object store."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.settings = Settings(state_dir=folder, _env_file=None)
        self.server: EmbeddedServer = embedded_server(self.settings)
        self.url = self.server.start()
        self.store = FolderStore(folder / "objects")
        ensure_database(self.url)
        migrate(self.url)
        with psycopg.connect(self.url) as connection:
            ensure_month_partitions(connection, date(2026, 1, 1), date(2026, 4, 1))
            for statements in (READINGS, HOURS, BILLS):
                for statement in statements.split(";\n"):
                    connection.execute(statement.encode())
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def close(self) -> None:
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def plain(self, *arguments: str) -> float:
        """Seconds of pg_basebackup with nothing behind it."""
        began = time.monotonic()
        subprocess.run(
            [
                self.server.program("pg_basebackup"), "--dbname", self.url,
                "--wal-method=fetch", "--checkpoint=fast", *arguments,
            ],
            cwd="/",
            env=self.server.environment(),
            stdout=subprocess.DEVNULL,
            check=True,
            **self.server.identity(),
        )  # fmt: skip
        return time.monotonic() - began


@lru_cache
def bench() -> Bench:
    """Made once per process, gone with it."""
    made = Bench(Path(tempfile.mkdtemp(prefix="atrium-bench-")))
    atexit.register(made.close)
    return made


def backup_full_mb_s() -> Figure:
    """Megabytes of database a second, from the row that says RUNNING to the signed manifest; the
    limit is pg_basebackup into nothing. As night after night, the rounds after the first hash only
    tables that changed.
    """
    with_server = bench()
    engine = create_engine(with_server.url)
    ours, limit = [], []
    for _ in range(ROUNDS):
        seconds = with_server.plain("--format=tar", "--pgdata=-")
        result = back_up(
            engine,
            settings=with_server.settings,
            store=with_server.store,
            origin=BackupOrigin.MANUAL,
            now=datetime.now(UTC),
        )
        limit.append(result.plain_bytes / MEGABYTE / seconds)
        ours.append(result.plain_bytes / MEGABYTE / result.seconds)
        with_server.store.delete(result.object_key)
    engine.dispose()
    return Figure("backup_full_mb_s", "MB/s", statistics.median(ours), statistics.median(limit))


def restore_mb_s() -> Figure:
    """Megabytes of database a second, from the stored object to a checked, running server; the
    limit is pg_basebackup of the live server into a folder, unpacked and unencrypted.
    """
    with_server = bench()
    manifest, link = write_backup(
        with_server.url,
        settings=with_server.settings,
        store=with_server.store,
        sequence=1_000,
        previous=None,
        trusts_previous=False,
        started_at=datetime.now(UTC),
    )
    megabytes = manifest.archive.plain_bytes / MEGABYTE
    ours, limit = [], []
    for _ in range(ROUNDS):
        copy = with_server.server.directory / "copy"
        limit.append(
            megabytes / with_server.plain("--format=plain", f"--pgdata={copy}", "--no-sync")
        )
        shutil.rmtree(copy)
        began = time.monotonic()
        checked = check_manifest(with_server.store, link, settings=with_server.settings)
        with restored(
            with_server.url, with_server.store, checked, settings=with_server.settings
        ) as url:
            ours.append(megabytes / (time.monotonic() - began))
            differences = compare(url, checked).differences
        if differences:
            raise AssertionError(f"the restored server differs: {differences}")
    return Figure("restore_mb_s", "MB/s", statistics.median(ours), statistics.median(limit))


MEASURES: dict[str, Callable[[], Figure]] = {
    "backup_full_mb_s": backup_full_mb_s,
    "restore_mb_s": restore_mb_s,
}
