"""The readings of a long file are written heap by heap, in memory that does not grow with it.

A heap is COPY text in which all rows of a key stand together, so each heap is a write of its own
and counts exactly as services/operations/readings says; the file is one transaction.

Belongs here: those writes. Not here: how readings count (readings), what makes heaps
(services/adapters/tables).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import LiteralString

import psycopg

from domain.malls import MallClock
from services.adapters.directory import MallEntry
from services.operations.late_values import enter_months
from services.operations.readings import (
    COPY_INCOMING,
    CREATE_INCOMING,
    FROM_INCOMING,
    IN_ORDER,
    INSERT,
    MOMENT,
    SETTLE_INCOMING,
    SKIP_KNOWN,
    ReadingRows,
    touch_dates,
    write_readings,
)
from storage.database import ensure_month_partitions

CHUNK = 1024 * 1024

# A row of the file has `%s` readings, one after the other: revised if one is, known if all are.
COUNT_ROWS: LiteralString = " ".join(
    (
        "SELECT count(*) FILTER (WHERE is_revised),",
        "count(*) FILTER (WHERE NOT is_revised AND known = %s)",
        "FROM (SELECT bool_or(outcome = 'revised') AS is_revised, count(*) AS known FROM (",
        SETTLE_INCOMING,
        ") AS settled (place, outcome) GROUP BY place / %s) AS rows",
    )
)


@dataclass(frozen=True, slots=True)
class RowsWritten:
    """Rows of the file (not readings) by what became of them."""

    duplicate: int = 0
    revised: int = 0
    late: int = 0
    is_change: bool = False


def touched_of_quarters(quarters: Sequence[tuple[datetime, bool]], clock: MallClock) -> list[date]:
    """Business dates of readings that begin in these quarters of an hour; a register read at the
    very start of a day (True) also closes the day before.
    """
    days = {clock.business_date(at) for at, _ in quarters}
    days |= {clock.business_date(at - MOMENT) for at, is_sharp in quarters if is_sharp}
    return sorted(days)


def write_heaps(
    connection: psycopg.Connection,
    heaps: Sequence[Path],
    *,
    readings_a_row: int,
    quarters: Sequence[tuple[datetime, bool]],
    mall: MallEntry,
    received_at: datetime,
    file_id: int,
) -> RowsWritten:
    """Write a file's heaps inside the caller's transaction; how its rows counted.

    Each heap is a file of COPY text (place, device, metric, start, end, value, quality).
    Raises psycopg.Error; then nothing of the transaction holds.
    """
    if not quarters:
        return RowsWritten()
    days = touched_of_quarters(quarters, mall.clock)
    unsettled = enter_months(connection, mall_id=mall.mall_id, days=days)
    written = RowsWritten()
    if unsettled:
        for heap in heaps:
            rows = _as_rows(heap)
            part = _through_python(connection, rows, readings_a_row, mall, received_at, file_id)
            written = _added(written, part)
        return written
    first, last = (pick(at for at, _ in quarters).date() for pick in (min, max))
    ensure_month_partitions(connection, first, last)
    connection.execute(CREATE_INCOMING)
    for heap in heaps:
        written = _added(written, _write(connection, heap, readings_a_row, received_at, file_id))
    if written.is_change:
        touch_dates(connection, mall_id=mall.mall_id, days=days, now=received_at)
    return written


def _added(one: RowsWritten, other: RowsWritten) -> RowsWritten:
    return RowsWritten(
        one.duplicate + other.duplicate,
        one.revised + other.revised,
        one.late + other.late,
        one.is_change or other.is_change,
    )


def _write(
    connection: psycopg.Connection,
    heap: Path,
    readings_a_row: int,
    received_at: datetime,
    file_id: int,
) -> RowsWritten:
    source = (received_at, file_id, None)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE pg_temp.incoming")
        with cursor.copy(COPY_INCOMING) as copy, heap.open("rb") as lines:
            while chunk := lines.read(CHUNK):
                copy.write(chunk)
    try:
        with connection.transaction():
            connection.execute(INSERT + FROM_INCOMING + IN_ORDER, source)
            return RowsWritten(is_change=True)
    except psycopg.errors.UniqueViolation:
        query = INSERT + FROM_INCOMING + IN_ORDER + SKIP_KNOWN
        accepted = connection.execute(query, source).rowcount
    row = connection.execute(COUNT_ROWS, (readings_a_row, *source, readings_a_row)).fetchone()
    assert row is not None
    return RowsWritten(duplicate=row[1], revised=row[0], is_change=bool(accepted or row[0]))


def _as_rows(heap: Path) -> ReadingRows:
    """A heap read back whole, its rows in the order of their places."""
    parsed = []
    with heap.open(encoding="utf-8") as lines:
        for line in lines:
            place, device, metric, start, end, value, quality = line[:-1].split("\t")
            parsed.append((int(place), int(device), metric, start, end, value, quality))
    parsed.sort()
    _, devices, metrics, starts, ends, values, qualities = zip(*parsed, strict=True)
    return ReadingRows(
        device_id=devices,
        metric=metrics,
        interval_start=[datetime.fromisoformat(at) for at in starts],
        interval_end=[datetime.fromisoformat(at) for at in ends],
        value=values,
        quality=qualities,
    )


def _through_python(
    connection: psycopg.Connection,
    rows: ReadingRows,
    readings_a_row: int,
    mall: MallEntry,
    received_at: datetime,
    file_id: int,
) -> RowsWritten:
    """Rows of which some may be late: written as any other, and counted by file row."""
    written = write_readings(connection, rows, mall=mall, received_at=received_at, file_id=file_id)
    outcomes: dict[int, list[str]] = {}
    for place, outcome in written.outcomes.items():
        outcomes.setdefault(place // readings_a_row, []).append(outcome)
    late = sum("late" in each for each in outcomes.values())
    revised = sum("late" not in each and "revised" in each for each in outcomes.values())
    known = sum(each == ["duplicate"] * readings_a_row for each in outcomes.values())
    return RowsWritten(duplicate=known, revised=revised, late=late)
