"""What writers do about months that are closed: late values wait, beside what was closed.

A writer enters the months that it will write into before it holds a row; until its transaction
ends none of them is closed or opened. For a closed month it writes nothing: a value that differs
from the newest known one of its key is kept in ingest.late_readings, WAITING. A month that was
opened again may still have values waiting: a newer one that comes for the same key settles them
first, so that the newest received stands whatever came in between.

Belongs here: that, for readings and sales alike. Not here: closing, and what people decide about
what waits (closed_months).
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import LiteralString

import psycopg

from domain.devices import Metric

ENTER: LiteralString = "SELECT month, is_closed FROM ingest.enter_months(%s, %s::date[])"
KEEP_READINGS: LiteralString = """
SELECT place, outcome FROM ingest.keep_late_readings(
    %s, %s::date[], %s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::numeric[], %s::text[], %s::timestamptz, %s::bigint, %s::bigint)
"""
KEEP_SALES: LiteralString = """
SELECT place, outcome FROM ingest.keep_late_sales(
    %s, %s::jsonb, %s::timestamptz, %s::bigint, %s::bigint)
"""
SETTLE_WAITING: LiteralString = """
SELECT ingest.settle_waiting(%s, %s::date[], %s::bigint[], %s::text[], %s::timestamptz[],
                             %s::jsonb, %s::timestamptz)
"""


def month_of(day: date) -> date:
    """The first day of the day's month: how a month is named."""
    return day.replace(day=1)


def enter_months(
    connection: psycopg.Connection, *, mall_id: int, days: Collection[date]
) -> dict[date, bool]:
    """Hold the months of these business dates as they are until the transaction ends.

    The months that need a second look: closed (True), or opened again with values that still
    wait (False). Nearly always empty. Call it before any row is written.
    """
    months = sorted({month_of(day) for day in days})
    return dict(connection.execute(ENTER, (mall_id, months)).fetchall())


def keep_late_readings(
    connection: psycopg.Connection,
    *,
    mall_id: int,
    months: Sequence[date],
    columns: Sequence[Sequence[object]],
    received_at: datetime,
    file_id: int | None,
    batch_id: int | None,
) -> dict[int, str]:
    """Keep readings of closed months; `columns` are those of ReadingRows, in its order. Each
    place as `late` or `duplicate`.
    """
    given = (mall_id, list(months), *map(list, columns), received_at, file_id, batch_id)
    return dict(connection.execute(KEEP_READINGS, given).fetchall())


def keep_late_sales(
    connection: psycopg.Connection,
    *,
    mall_id: int,
    rows: str,
    received_at: datetime,
    file_id: int | None,
    batch_id: int | None,
) -> dict[int, str]:
    """As `keep_late_readings`; `rows` is JSON as till_sales writes it."""
    given = (mall_id, rows, received_at, file_id, batch_id)
    return dict(connection.execute(KEEP_SALES, given).fetchall())


def settle_waiting(
    connection: psycopg.Connection,
    *,
    mall_id: int,
    months: Collection[date],
    now: datetime,
    keys: Sequence[tuple[int, str | Metric, datetime]] = (),
    sales: str = "[]",
) -> None:
    """Settle what waits under these keys (device, metric, interval start), or under those of
    `sales`, in months that were opened again: a newer value is about to be written.
    """
    devices, metrics, starts = zip(*keys, strict=True) if keys else ((), (), ())
    connection.execute(
        SETTLE_WAITING,
        (mall_id, sorted(months), list(devices), list(metrics), list(starts), sales, now),
    )
