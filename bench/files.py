"""Files of the drop-box: how long a long one and many small ones take, and in how much memory.

Ours: `parse_file` and `load_file`, from the inbox to committed readings with refusals and the
move to the archive. Limit: DuckDB reads and cleans the same file, and its good rows go by COPY
into the same partitioned, keyed table in the same run. One row of a hundred is refused.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import duckdb
import psycopg

from bench.figures import Figure
from bench.web_server import database
from services.operations.landing import (
    find_ready_files,
    load_device_directory,
    load_file,
    parse_file,
)
from storage.database import ensure_month_partitions
from storage.objects import FolderStore
from storage.settings import REPOSITORY, Settings

DEVICES = 400
HEADER = "device_id,data_type,timestamp,value,interval_end,unit\n"
# Fifty million rows are 43 days; none is older than a file's readings may be.
FIRST = (datetime.now(UTC) - timedelta(days=45)).replace(hour=0, minute=0, second=0, microsecond=0)
SMALL_FILES = 1_000
SMALL_ROWS = 24
LARGEST = 16 * 1024**3
CHUNK = 1024 * 1024
COPY_ROWS = """
COPY ingest.readings (device_id, metric, interval_start, interval_end, value, quality,
                      received_at, file_id) FROM STDIN (FORMAT csv)
"""
CLEAN = """
CREATE TABLE clean AS
SELECT d.id, r.data_type, r.begins, r.ends, r.value
FROM (SELECT device_id, data_type, TRY_CAST(timestamp AS TIMESTAMPTZ) AS begins,
             TRY_CAST(interval_end AS TIMESTAMPTZ) AS ends,
             TRY_CAST(value AS DECIMAL(18, 6)) AS value, unit
      FROM read_csv($path, all_varchar = true, header = true, ignore_errors = true)) r
JOIN device d ON d.code = r.device_id
WHERE r.begins BETWEEN '2000-01-01' AND '2100-01-01' AND r.ends > r.begins AND r.value >= 0
  AND r.unit = 'count' AND r.data_type IN ('footfall_in', 'footfall_out')
"""


def file_5m_rows() -> Figure:
    """Seconds for five million rows; the limit in the same run, after ours."""
    rows = 5_000_000
    with database() as (url, folder):
        mall = _Inbox(url, folder)
        path = mall.write(rows)
        ours = mall.land(expected=rows - rows // 100)
        archived = next(mall.store.path("archive").rglob(f"*{path.name}"))
        limit = _duckdb_and_copy(url, folder, archived)
    return Figure("file_5m_rows", "s", ours, limit)


def file_memory_mb() -> Figure:
    """The peak of a child that lands five million rows, beside that for one million."""
    return Figure("file_memory_mb", "MB", _peak_of_child(5_000_000), _peak_of_child(1_000_000))


def file_memory_50m() -> Figure:
    """The same at fifty million rows; takes many minutes and 20 GB of disk."""
    return Figure("file_memory_50m", "MB", _peak_of_child(50_000_000), _peak_of_child(1_000_000))


def small_files_1000() -> Figure:
    """Seconds for a thousand small files in one landing run, its rules included; at most 60."""
    import dagster as dg

    from expectations.suite import load_library
    from pipelines.assets.landing import landing_devices
    from pipelines.resources import Database, FixedClock, Progress
    from storage.database import create_engine

    load_library()
    with database() as (url, folder):
        mall = _Inbox(url, folder)
        for number in range(SMALL_FILES):
            mall.write(SMALL_ROWS, name=f"{number:04}.csv", first=number * SMALL_ROWS)
        engine = create_engine(url)
        began = perf_counter()
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [landing_devices],
                instance=instance,
                resources={
                    "settings": mall.settings,
                    "database": Database(url, engine),
                    "store": mall.store,
                    "clock": FixedClock(mall.now),
                    "progress": Progress(),
                },
            )
        seconds = perf_counter() - began
        engine.dispose()
        if not result.success or mall.count() != SMALL_FILES * SMALL_ROWS:
            raise RuntimeError(f"{mall.count()} readings landed")
    return Figure("small_files_1000", "s", seconds, 60)


class _Inbox:
    """A mall with counters, and a folder in which files are dropped."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.settings = Settings(
            state_dir=folder, database_url=url, inbox_max_file_bytes=LARGEST, _env_file=None
        )
        self.store = FolderStore(folder / "objects")
        self.now = datetime.now(UTC)
        with psycopg.connect(url) as connection:
            connection.execute(
                "WITH mall AS (INSERT INTO app.malls (code, name) VALUES ('B', 'Bench') "
                "RETURNING id) "
                "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
                "SELECT id, 'FC-' || n, 'FOOTFALL', 'INTERVAL' FROM mall, "
                f"generate_series(0, {DEVICES - 1}) AS n"
            )

    def write(self, rows: int, *, name: str = "long.csv", first: int = 0) -> Path:
        """Minutes of all counters, in and out one after the other; of a long file each hundredth
        row is broken.
        """
        path = self.store.path(f"inbox/B/readings/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        step = timedelta(minutes=1)
        begins = ends = ""
        with path.open("w", encoding="ascii") as file:
            file.write(HEADER)
            for at in range(first, first + rows):
                device, minute = at // 2 % DEVICES, at // 2 // DEVICES
                if not begins or at % (2 * DEVICES) == 0:
                    begins, ends = (
                        f"{FIRST + minutes * step:%Y-%m-%dT%H:%M:%SZ}"
                        for minutes in (minute, minute + 1)
                    )
                value = "many" if at % 100 == 99 and rows > SMALL_ROWS else at % 60
                file.write(
                    f"FC-{device},footfall_{'out' if at % 2 else 'in'},{begins},"
                    f"{value},{ends},count\n"
                )
        return path

    def land(self, *, expected: int) -> float:
        """Seconds until what lies in the inbox is landed."""
        began = perf_counter()
        with psycopg.connect(self.url, autocommit=True) as connection:
            directory = load_device_directory(connection)
            for found in find_ready_files(self.store, now=self.now):
                parsed = parse_file(
                    self.store, found, directory=directory, now=self.now, settings=self.settings
                )
                result = load_file(connection, self.store, parsed, now=self.now)
        seconds = perf_counter() - began
        if result.accepted != expected or self.count() != expected:
            raise RuntimeError(f"{result.accepted} rows landed, {expected} were expected: {result}")
        return seconds

    def count(self) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT count(*) FROM ingest.readings").fetchone()
        return row[0] if row else 0


def _duckdb_and_copy(url: str, folder: Path, path: Path) -> float:
    """Seconds of DuckDB's cleaning and of COPY of what is clean, into the table emptied before."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT code, id FROM app.devices").fetchall()
        connection.execute("TRUNCATE ingest.readings")
        ensure_month_partitions(connection, FIRST.date(), FIRST.date() + timedelta(days=45))
        connection.execute("CHECKPOINT")
        clean = folder / "clean.csv"
        began = perf_counter()
        with duckdb.connect(config={"threads": 2}) as duck:
            duck.execute("SET enable_progress_bar = false")
            duck.execute("CREATE TABLE device (code VARCHAR, id BIGINT)")
            duck.executemany("INSERT INTO device VALUES (?, ?)", rows)
            duck.execute(CLEAN, {"path": str(path)})
            duck.execute(
                "COPY (SELECT id, data_type, begins, ends, value, 'GOOD', TIMESTAMPTZ "
                f"'2026-04-01 00:00:00+00', 1 FROM clean) TO '{clean}' (FORMAT csv, HEADER false)"
            )
        with (
            connection.cursor() as cursor,
            cursor.copy(COPY_ROWS) as copy,
            clean.open("rb") as file,
        ):
            while chunk := file.read(CHUNK):
                copy.write(chunk)
        return perf_counter() - began


def _peak_of_child(rows: int) -> float:
    """Megabytes that a process of its own took at its height while it landed a file."""
    with database() as (url, folder):
        _Inbox(url, folder).write(rows)
        said = subprocess.run(
            [sys.executable, "-m", "bench.files", url, str(folder), str(rows)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            check=True,
            capture_output=True,
            text=True,
        )
    peak: float = json.loads(said.stdout.splitlines()[-1])["mb"]
    return peak


def _child(url: str, folder: Path, rows: int) -> None:
    inbox = _Inbox.__new__(_Inbox)
    inbox.url, inbox.now = url, datetime.now(UTC)
    inbox.settings = Settings(
        state_dir=folder, database_url=url, inbox_max_file_bytes=LARGEST, _env_file=None
    )
    inbox.store = FolderStore(folder / "objects")
    inbox.land(expected=rows - rows // 100)
    print(json.dumps({"mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


MEASURES: dict[str, Callable[[], Figure]] = {
    "file_5m_rows": file_5m_rows,
    "file_memory_mb": file_memory_mb,
    "small_files_1000": small_files_1000,
}
if os.environ.get("ATRIUM_BENCH_LARGE"):
    MEASURES["file_memory_50m"] = file_memory_50m

if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
