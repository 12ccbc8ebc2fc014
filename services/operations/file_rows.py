"""The rows of a file are written, and counted as rows of the file.

Belongs here: readings, sales, refusals and unknown senders of one file, in the caller's
transaction. Not here: registering and moving the file (landing), how readings and sales count
(readings, till_sales, bulk_readings).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

import psycopg

from domain.devices import Feed
from services.adapters.directory import MallEntry
from services.adapters.table_feeds import TABLES
from services.operations.bulk_readings import write_heaps
from services.operations.file_contents import Contents
from services.operations.readings import ReadingRows, write_readings
from services.operations.till_sales import write_sales

NOTE_UNKNOWN: LiteralString = """
SELECT ingest.note_unknown_devices(%s, %s, %s::text[], %s::text[], %s::text[], %s)
"""
# What a row of several readings and sales is: the first of these that one of them is.
_FIRST = ("late", "revised", "accepted", "duplicate")


@dataclass(frozen=True, slots=True)
class FileCounts:
    """Rows of a file that were taken, by what became of them."""

    accepted: int = 0
    duplicate: int = 0
    revised: int = 0
    late: int = 0


def write_rows(
    connection: psycopg.Connection,
    contents: Contents,
    *,
    feed: Feed,
    mall: MallEntry,
    received_at: datetime,
    file_id: int,
) -> FileCounts:
    """Write what a file says; refused rows are not among the counts. Raises psycopg.Error."""
    if contents.spool is not None:
        return _write_spooled(connection, contents, feed, mall, received_at, file_id)
    frame = contents.frame
    readings = write_readings(
        connection, ReadingRows.of_frame(frame), mall=mall, received_at=received_at, file_id=file_id
    )
    sales = write_sales(
        connection, contents.sales, mall=mall, received_at=received_at, file_id=file_id
    )
    if not readings.outcomes and not sales.outcomes:
        return FileCounts(accepted=contents.usable)
    return _counted(
        (
            *_outcomes(frame["row_number"].tolist(), readings.outcomes),
            *_outcomes(contents.sale_rows, sales.outcomes),
        )
    )


def note_senders(
    connection: psycopg.Connection, contents: Contents, *, feed: Feed, mall_id: int, now: datetime
) -> None:
    """Who spoke in the file and is not registered stands in the list of new devices."""
    if not contents.unknown or feed.adapter is None:
        return
    senders = [
        (sender.serial, sender.channel, label)
        for sender in contents.unknown
        for label in sender.labels or ("",)
    ]
    columns = [list(column) for column in zip(*senders, strict=True)]
    connection.execute(NOTE_UNKNOWN, (mall_id, feed.adapter.value, *columns, now))


def _write_spooled(
    connection: psycopg.Connection,
    contents: Contents,
    feed: Feed,
    mall: MallEntry,
    received_at: datetime,
    file_id: int,
) -> FileCounts:
    assert contents.spool is not None
    written = write_heaps(
        connection,
        contents.spool.heaps,
        readings_a_row=len(TABLES[feed].readings),
        quarters=contents.spool.quarters,
        mall=mall,
        received_at=received_at,
        file_id=file_id,
    )
    others = written.duplicate + written.revised + written.late
    return FileCounts(
        accepted=contents.usable - others,
        duplicate=written.duplicate,
        revised=written.revised,
        late=written.late,
    )


def _outcomes(rows: list[int], outcomes: dict[int, str]) -> Iterable[tuple[int, str]]:
    return ((row, outcomes.get(place, "accepted")) for place, row in enumerate(rows))


def _counted(said: Iterable[tuple[int, str]]) -> FileCounts:
    by_row: dict[int, set[str]] = defaultdict(set)
    for row, outcome in said:
        by_row[row].add(outcome)
    counts = dict.fromkeys(_FIRST, 0)
    for outcomes in by_row.values():
        counts[next(each for each in _FIRST if each in outcomes)] += 1
    return FileCounts(**counts)
