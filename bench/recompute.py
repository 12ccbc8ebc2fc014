"""One business date is cleaned again over a long history: the cost follows the date.

Ours: cleaning a date eight weeks before the end of as many days of readings as 5 or 50 million of
them make. That is late data at its worst: eight later weeks and twenty later days are judged again.
Limit: the same date with a history of a hundred days, in the same server and run; the ratio is
what the length of history costs, and must stay below 1.5.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from statistics import median
from time import perf_counter

import psycopg

from bench.figures import Figure
from bench.web_server import database
from services.operations.cleaning import clean_touched_dates
from storage.database import create_engine, ensure_month_partitions

COUNTERS = 24
METERS = 24
TILLS = 120
# Counters both ways and meters in every hour, tills every five minutes of twelve open hours.
READINGS_A_DAY = 24 * (COUNTERS * 2 + METERS) + TILLS * 144
SHORT_DAYS = 100
ROUNDS = 5
LAST = date(2026, 6, 30)

_DEVICES = """
INSERT INTO app.devices (mall_id, code, kind, feed_kind)
SELECT %(mall)s, 'F' || n, 'FOOTFALL', 'INTERVAL' FROM generate_series(1, %(counters)s) AS n
UNION ALL
SELECT %(mall)s, 'E' || n, 'METER', 'CUMULATIVE' FROM generate_series(1, %(meters)s) AS n
UNION ALL
SELECT %(mall)s, 'P' || n, 'POS', 'EVENT' FROM generate_series(1, %(tills)s) AS n
"""
_PLACES = """
INSERT INTO app.device_installations (device_id, zone, installed_date)
SELECT id, 'ENTRANCE', '2000-01-01' FROM app.devices
"""
# A day of all devices, as they would come: the readings of a moment stand together.
_READINGS = """
INSERT INTO ingest.readings
    (device_id, metric, interval_start, interval_end, value, received_at, batch_id)
SELECT id, metric, start, start + CASE WHEN kind = 'FOOTFALL' THEN interval '1 hour'
    ELSE interval '0' END, value, start, 1
FROM (
    SELECT d.id, d.kind, metric, hour AS start,
        CASE d.kind WHEN 'FOOTFALL' THEN 40 + (d.id * 7 + extract(epoch FROM hour)::bigint / 3600
                                              * 13) %% 23
             ELSE extract(epoch FROM hour) / 3600 - 200000 END AS value
    FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz - interval '1 hour',
                         interval '1 hour') AS hour
    CROSS JOIN app.devices AS d
    CROSS JOIN LATERAL unnest(CASE d.kind WHEN 'FOOTFALL' THEN ARRAY['footfall_in', 'footfall_out']
        ELSE ARRAY['electricity_register'] END) AS metric
    WHERE d.kind IN ('FOOTFALL', 'METER')
    UNION ALL
    SELECT d.id, d.kind, 'sales', moment, 20 + d.id %% 50
    FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz - interval '5 minutes',
                         interval '5 minutes') AS moment
    CROSS JOIN app.devices AS d
    WHERE d.kind = 'POS'
        AND extract(hour FROM moment AT TIME ZONE 'Asia/Shanghai') BETWEEN 10 AND 21
) AS came
ORDER BY start
"""
# Their hours as cleaning would have left them; what is measured starts from there.
_HOURS = """
INSERT INTO ingest.reading_hours (device_id, metric, hour_start, measured_at, mall_id,
    business_date, value, samples, covers_minutes, is_used, cleaned_at)
SELECT device_id, metric, date_trunc('hour', interval_start), max(interval_end), %(mall)s,
    (date_trunc('hour', interval_start) AT TIME ZONE 'Asia/Shanghai')::date,
    CASE WHEN metric = 'electricity_register' THEN max(value) ELSE sum(value) END, count(*), 60,
    true, now()
FROM ingest.readings WHERE interval_start >= %(first)s AND interval_start < %(last)s
GROUP BY device_id, metric, date_trunc('hour', interval_start)
"""
_DATES = """
INSERT INTO ingest.touched_dates (mall_id, business_date, touched_at, cleaned_at, revision,
    hours_used)
SELECT mall_id, business_date, now(), now(), 1, count(*)
FROM ingest.reading_hours GROUP BY mall_id, business_date
"""
_TOUCH = "UPDATE ingest.touched_dates SET cleaned_at = NULL WHERE business_date = %s"


def recompute_day_5m() -> Figure:
    """Milliseconds to clean a date again over 5 million readings."""
    return _measure("recompute_day_5m", 5_000_000)


def recompute_day_50m() -> Figure:
    """Milliseconds to clean a date again over 50 million readings."""
    return _measure("recompute_day_50m", 50_000_000)


def _measure(name: str, readings: int) -> Figure:
    short, _ = _seconds(SHORT_DAYS)
    long, stored = _seconds(readings // READINGS_A_DAY + 1)
    if stored < readings:
        raise RuntimeError(f"only {stored} readings were made")
    return Figure(name, "ms", long * 1000, short * 1000)


def _seconds(days: int) -> tuple[float, int]:
    """Seconds to clean the date before the last eight weeks again, and how many readings stand."""
    with database() as (url, _):
        with psycopg.connect(url, autocommit=True) as connection:
            stored = _fill(connection, days)
        engine = create_engine(url)
        day = LAST - timedelta(weeks=8, days=1)
        taken = []
        for _ in range(ROUNDS + 1):
            with psycopg.connect(url) as connection:
                connection.execute(_TOUCH, (day,))
            began = perf_counter()
            result = clean_touched_dates(engine, now=datetime.now(UTC))
            taken.append(perf_counter() - began)
            if [found for _, found in result.dates] != [day]:
                raise RuntimeError(f"cleaned {result.dates}, not {day}")
        engine.dispose()
        # The first reads the pages from disk.
        return median(taken[1:]), stored


def _fill(connection: psycopg.Connection, days: int) -> int:
    """Months of readings up to LAST, made by the server; how many."""
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.execute("SET synchronous_commit = off")
    row = connection.execute(
        "INSERT INTO app.malls (code, name) VALUES ('B', 'Bench') RETURNING id"
    ).fetchone()
    mall = {"mall": row[0] if row else 0}
    given = {**mall, "counters": COUNTERS, "meters": METERS, "tills": TILLS}
    connection.execute(_DEVICES, given)
    connection.execute(_PLACES)
    end = datetime(LAST.year, LAST.month, LAST.day, 16, tzinfo=UTC)
    start = end - timedelta(days=days)
    ensure_month_partitions(connection, start.date(), end.date())
    stored = 0
    while start < end:
        upto = min(end, start + timedelta(days=30))
        span = {**mall, "first": start, "last": upto}
        stored += connection.execute(_READINGS, span).rowcount
        connection.execute(_HOURS, span)
        start = upto
    connection.execute(_DATES)
    connection.execute("VACUUM ANALYZE")
    return stored


MEASURES: dict[str, Callable[[], Figure]] = {
    "recompute_day_5m": recompute_day_5m,
    "recompute_day_50m": recompute_day_50m,
}
