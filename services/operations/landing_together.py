"""Small files are landed together: one transaction and one write for many of them.

That is for files whose readings are all new: every row of them was accepted, whatever the order.
A group in which anything else is found (bytes or a reading that came before, one reading in two
of the files, a closed month, a file that changed meanwhile) is given up and halved, until what
it was stands alone and is landed by itself. So tables and figures are those of landing file by
file, in order of arrival.

Belongs here: that. Not here: landing one file (landing), how readings count (readings).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import LiteralString

import pandas as pd
import psycopg

from services.adapters.directory import MallEntry
from services.operations.device_traffic import note_traffic
from services.operations.inbox import ParsedFile
from services.operations.landing import (
    FileResult,
    archive_key_of,
    change_since,
    load_file,
    move_to_archive,
)
from services.operations.late_values import enter_months
from services.operations.quarantine import quarantine
from services.operations.readings import (
    IN_ORDER,
    ROWS_AS_ARRAYS,
    ReadingRows,
    array_literals,
    touch_dates,
    touched_days,
)
from storage.database import ensure_month_partitions
from storage.objects import ObjectStore

FILES_TOGETHER = 100
READINGS_TOGETHER = ROWS_AS_ARRAYS
# In one order, so that two runs that hold the same files do not wait for each other.
LOCK: LiteralString = """
SELECT pg_advisory_xact_lock(key)
FROM (SELECT hashtextextended(sha256, 7) AS key FROM unnest(%s::text[]) AS held (sha256)
      ORDER BY 1 OFFSET 0) AS keys
"""
CAME_BEFORE: LiteralString = "SELECT FROM ingest.files WHERE sha256 = ANY(%s::text[]) LIMIT 1"
REGISTER: LiteralString = """
INSERT INTO ingest.files (mall_id, feed, inbox_key, archive_key, sha256, bytes, state, reason,
                          received_at, run_id, rows_total, rows_accepted, rows_refused)
SELECT %s, feed, inbox_key, archive_key, sha256, bytes, 'LANDED', '', %s, %s, total, accepted,
       total - accepted
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
            %s::bigint[])
     WITH ORDINALITY AS came (feed, inbox_key, archive_key, sha256, bytes, total, accepted, nth)
ORDER BY nth
RETURNING archive_key, id
"""
INSERT: LiteralString = """
INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value, quality,
                             received_at, file_id)
SELECT device_id, metric, interval_start, interval_end, value, quality, %s::timestamptz, file_id
FROM unnest(%s::text::bigint[], %s::text::text[], %s::text::timestamptz[],
            %s::text::timestamptz[], %s::text::numeric[], %s::text::text[], %s::bigint[])
     AS came (device_id, metric, interval_start, interval_end, value, quality, file_id)
"""


class _NotAllNew(Exception):
    """Something in the group has to be landed by itself."""


def load_files(
    connection: psycopg.Connection,
    store: ObjectStore,
    parsed: Iterable[ParsedFile],
    *,
    now: Callable[[], datetime],
    run_id: str = "",
) -> Iterator[FileResult]:
    """Land files in their order, small ones together; each has the result, the row in
    ingest.files and the place in the archive that `load_file` would give it.

    The connection must be outside a transaction. A group is committed before its first file is
    moved; whoever comes next finishes moves that did not happen. Raises as `load_file` does:
    what was not yielded lies in the inbox, or is registered and will be moved by the next run.
    """
    group: list[ParsedFile] = []
    for each in parsed:
        if group and not _joins(each, group):
            yield from _load(connection, store, group, now, run_id)
            group = []
        group.append(each)
    yield from _load(connection, store, group, now, run_id)


def _is_plain(parsed: ParsedFile) -> bool:
    """Whether the file holds a few readings and nothing that is counted otherwise."""
    contents = parsed.contents
    return (
        not parsed.problem
        and parsed.mall is not None
        and parsed.feed is not None
        and contents.spool is None
        and not contents.sales
        and not contents.unknown
        and 0 < len(contents.frame) <= READINGS_TOGETHER
    )


def _joins(parsed: ParsedFile, group: Sequence[ParsedFile]) -> bool:
    return (
        _is_plain(parsed)
        and _is_plain(group[0])
        and parsed.mall_id == group[0].mall_id
        and len(group) < FILES_TOGETHER
        and sum(len(each.frame) for each in (*group, parsed)) <= READINGS_TOGETHER
    )


def _load(
    connection: psycopg.Connection,
    store: ObjectStore,
    group: Sequence[ParsedFile],
    now: Callable[[], datetime],
    run_id: str,
) -> Iterator[FileResult]:
    if len(group) > 1:
        try:
            yield from _load_together(connection, store, group, now(), run_id)
        except _NotAllNew:
            half = len(group) // 2
            yield from _load(connection, store, group[:half], now, run_id)
            yield from _load(connection, store, group[half:], now, run_id)
    else:
        for each in group:
            yield load_file(connection, store, each, now=now(), run_id=run_id)


def _load_together(
    connection: psycopg.Connection,
    store: ObjectStore,
    group: Sequence[ParsedFile],
    now: datetime,
    run_id: str,
) -> list[FileResult]:
    """Raises _NotAllNew; then nothing of the group is registered or moved."""
    mall = group[0].mall
    assert mall is not None
    if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        raise ValueError("load_files commits: its connection must be outside a transaction")
    hashes = [each.sha256 for each in group]
    archive_keys = [archive_key_of(each, now) for each in group]
    if len(set(hashes)) < len(group):
        raise _NotAllNew
    rows = ReadingRows.of_frame(pd.concat([each.frame for each in group], ignore_index=True))
    days = touched_days(rows, mall.clock)
    try:
        with connection.transaction():
            connection.execute(LOCK, (hashes,))
            if any(change_since(store, each.found) for each in group):
                raise _NotAllNew
            if connection.execute(CAME_BEFORE, (hashes,)).fetchone() is not None:
                raise _NotAllNew
            if enter_months(connection, mall_id=mall.mall_id, days=days):
                raise _NotAllNew
            file_ids = _register(connection, group, archive_keys, mall, now, run_id)
            for each, file_id in zip(group, file_ids, strict=True):
                quarantine(
                    connection,
                    each.refusals,
                    mall_id=mall.mall_id,
                    file_id=file_id,
                    received_at=now,
                )
            sources = [
                file_id
                for each, file_id in zip(group, file_ids, strict=True)
                for _ in range(len(each.frame))
            ]
            first, last = min(rows.interval_start), max(rows.interval_start)
            ensure_month_partitions(
                connection, first.astimezone(UTC).date(), last.astimezone(UTC).date()
            )
            connection.execute(INSERT + IN_ORDER, (now, *array_literals(rows), sources))
            touch_dates(connection, mall_id=mall.mall_id, days=days, now=now)
    except (psycopg.IntegrityError, psycopg.DataError):
        # A reading that is known, or one that the database does not take: the file is told apart.
        raise _NotAllNew from None
    for each, archive_key in zip(group, archive_keys, strict=True):
        move_to_archive(store, each.found, archive_key)
    heard = set().union(*(each.contents.device_ids for each in group))
    with connection.transaction():
        note_traffic(connection, device_ids=heard, now=now)
    return [_result(each, file_id) for each, file_id in zip(group, file_ids, strict=True)]


def _register(
    connection: psycopg.Connection,
    group: Sequence[ParsedFile],
    archive_keys: Sequence[str],
    mall: MallEntry,
    now: datetime,
    run_id: str,
) -> list[int]:
    """The ids of the files, in their order."""
    columns = (
        [str(each.feed) for each in group],
        [each.found.key for each in group],
        list(archive_keys),
        [each.sha256 for each in group],
        [each.bytes for each in group],
        [each.rows_total for each in group],
        [each.contents.usable for each in group],
    )
    given = (mall.mall_id, now, run_id, *columns)
    # An archive key holds the hash, and no hash is there twice.
    ids: dict[str, int] = dict(connection.execute(REGISTER, given).fetchall())
    return [ids[key] for key in archive_keys]


def _result(parsed: ParsedFile, file_id: int) -> FileResult:
    contents = parsed.contents
    return FileResult(
        file_id=file_id,
        key=parsed.found.key,
        state="LANDED",
        rows_total=contents.rows_total,
        accepted=contents.usable,
        refused=contents.rows_total - contents.usable,
        uncertain=contents.uncertain,
        readings=contents.readings,
    )
