"""Files of the drop-box are landed: registered, loaded, and their bytes kept.

Every file ends in archive/<yyyy>/<mm>/<sha256>-<name> with a row in
ingest.files: LANDED (its rows counted), DUPLICATE (the same bytes landed before) or REFUSED
(with the reason). Nothing is lost to a crash: rows and registration are one transaction, the
move follows it, and whoever comes next finishes a move that did not happen.

Belongs here: that end of a file's life. Not here: finding and judging files (inbox), landing many
small ones at once (landing_together), writing rows (file_rows).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import uuid4

import psycopg

from services.operations.device_directory import load_device_directory
from services.operations.device_traffic import note_traffic
from services.operations.file_rows import FileCounts, note_senders, write_rows
from services.operations.inbox import (
    DONE,
    GONE,
    InboxObject,
    ParsedFile,
    find_ready_files,
    inbox_fingerprint,
    parse_file,
    parse_files,
)
from services.operations.quarantine import quarantine
from storage.objects import ObjectNotFound, ObjectStore

__all__ = [
    "FileResult",
    "InboxObject",
    "ParsedFile",
    "find_ready_files",
    "inbox_fingerprint",
    "load_device_directory",
    "load_file",
    "parse_file",
    "parse_files",
]


@dataclass(frozen=True, slots=True)
class FileResult:
    """How a file ended. Rows of the file: rows_total = accepted + duplicate + revised + late +
    refused; a row of several readings is late or revised if one of them is, else accepted if one
    is. `uncertain` rows are among those landed. `readings` counts the readings written or met.
    """

    file_id: int | None
    key: str
    state: str
    rows_total: int = 0
    accepted: int = 0
    duplicate: int = 0
    revised: int = 0
    late: int = 0
    refused: int = 0
    uncertain: int = 0
    reason: str = ""
    readings: int = 0


def load_file(
    connection: psycopg.Connection,
    store: ObjectStore,
    parsed: ParsedFile,
    *,
    now: datetime,
    run_id: str = "",
) -> FileResult:
    """Register a parsed file, write its readings and quarantine in one transaction, then move
    its bytes to archive/.

    The connection must be outside a transaction: the commit comes before the move. The same
    bytes again are DUPLICATE. A file that an earlier run registered but did not move is moved
    now, and the result is the earlier one. Raises psycopg.Error and what the store raises; the
    file then still lies in the inbox, or is registered and will be moved by the next run.
    A file that changed or left since it was parsed is not touched: its state is CHANGED or GONE,
    nothing is registered, and the next run sees what lies there then.
    """
    if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        raise ValueError("load_file commits: its connection must be outside a transaction")
    with connection.transaction():
        # Two runs that hold the same bytes come one after the other.
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
            (parsed.sha256 or parsed.found.key,),
        )
        change = change_since(store, parsed.found)
        done = _registered_before(connection, store, parsed, is_gone=change == GONE)
        if done is None and change:
            return FileResult(None, parsed.found.key, change.split(":")[0], reason=change)
        if done is None:
            result, archive_key = _register(connection, parsed, now=now, run_id=run_id)
        else:
            result, archive_key = done
    if change != GONE:
        move_to_archive(store, parsed.found, archive_key)
    if result.state == "LANDED":
        with connection.transaction():
            note_traffic(connection, device_ids=parsed.contents.device_ids, now=now)
    return result


CHANGED = "CHANGED: the file changed while it was read; the next run takes it"
REGISTERED: LiteralString = """
SELECT id, inbox_key, archive_key, state, rows_total, rows_accepted, rows_duplicate, rows_revised,
       rows_refused, reason, rows_late
FROM ingest.files WHERE inbox_key = %s AND sha256 = %s AND bytes = %s ORDER BY id DESC LIMIT 1
"""


def change_since(store: ObjectStore, found: InboxObject) -> str:
    """Empty, or what happened to the file since it was found."""
    try:
        now = store.stat(found.key)
    except ObjectNotFound:
        return GONE
    times = (now.modified_at, found.modified_at)
    if not all(time.microsecond for time in times):
        # S3 names the second when asked for one object, and its parts in a listing.
        times = (times[0].replace(microsecond=0), times[1].replace(microsecond=0))
    if now.bytes != found.bytes or times[0] != times[1]:
        return CHANGED
    return ""


def _registered_before(
    connection: psycopg.Connection, store: ObjectStore, parsed: ParsedFile, *, is_gone: bool
) -> tuple[FileResult, str] | None:
    """The earlier result and its archive key, when a run ended between commit and move, or
    another run has just taken this very file.
    """
    row = connection.execute(REGISTERED, (parsed.found.key, parsed.sha256, parsed.bytes)).fetchone()
    if row is None or (not is_gone and _exists(store, row[2])):
        return None
    return (
        FileResult(
            file_id=row[0],
            key=row[1],
            state=row[3],
            rows_total=row[4],
            accepted=row[5],
            duplicate=row[6],
            revised=row[7],
            late=row[10],
            refused=row[8],
            uncertain=parsed.contents.uncertain if row[3] == "LANDED" else 0,
            reason=row[9],
            readings=parsed.contents.readings if row[3] == "LANDED" else 0,
        ),
        row[2],
    )


def _register(
    connection: psycopg.Connection, parsed: ParsedFile, *, now: datetime, run_id: str
) -> tuple[FileResult, str]:
    landed_before = connection.execute(
        "SELECT inbox_key, received_at FROM ingest.files "
        "WHERE sha256 = %s AND sha256 <> '' AND state = 'LANDED' ORDER BY id LIMIT 1",
        (parsed.sha256,),
    ).fetchone()
    state, reason = "LANDED", ""
    if landed_before:
        state = "DUPLICATE"
        reason = (
            f"the same bytes landed at {landed_before[1]:%Y-%m-%d %H:%M} UTC as {landed_before[0]}"
        )
    elif parsed.problem:
        state, reason = "REFUSED", parsed.problem
    archive_key = archive_key_of(parsed, now)
    row = connection.execute(
        "INSERT INTO ingest.files (mall_id, feed, inbox_key, archive_key, sha256, bytes, state, "
        "reason, received_at, run_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (
            parsed.mall_id,
            parsed.feed,
            parsed.found.key,
            archive_key,
            parsed.sha256,
            parsed.bytes,
            state,
            reason,
            now,
            run_id,
        ),
    ).fetchone()
    assert row is not None
    file_id: int = row[0]
    if state == "DUPLICATE":
        counts = FileResult(
            file_id,
            parsed.found.key,
            state,
            rows_total=parsed.rows_total,
            duplicate=parsed.rows_total,
            reason=reason,
        )
    else:
        contents, written = parsed.contents, FileCounts()
        if parsed.mall is not None and parsed.feed is not None:
            mall, feed = parsed.mall, parsed.feed
            if not parsed.problem:
                written = write_rows(
                    connection, contents, feed=feed, mall=mall, received_at=now, file_id=file_id
                )
            note_senders(connection, contents, feed=feed, mall_id=mall.mall_id, now=now)
        for refusals in contents.all_refusals():
            quarantine(
                connection,
                refusals,
                mall_id=parsed.mall_id,
                file_id=file_id,
                received_at=now,
            )
        counts = _counted(parsed, written, file_id, state, reason)
    connection.execute(
        "UPDATE ingest.files SET rows_total = %s, rows_accepted = %s, rows_duplicate = %s, "
        "rows_revised = %s, rows_late = %s, rows_refused = %s WHERE id = %s",
        (
            counts.rows_total,
            counts.accepted,
            counts.duplicate,
            counts.revised,
            counts.late,
            counts.refused,
            file_id,
        ),
    )
    return counts, archive_key


def _counted(
    parsed: ParsedFile, written: FileCounts, file_id: int, state: str, reason: str
) -> FileResult:
    contents = parsed.contents
    usable = 0 if parsed.problem else contents.usable
    return FileResult(
        file_id=file_id,
        key=parsed.found.key,
        state=state,
        rows_total=contents.rows_total,
        accepted=written.accepted,
        duplicate=written.duplicate,
        revised=written.revised,
        late=written.late,
        refused=contents.rows_total - usable,
        uncertain=contents.uncertain,
        reason=reason,
        readings=0 if parsed.problem else contents.readings,
    )


def archive_key_of(parsed: ParsedFile, now: datetime) -> str:
    """Where the bytes are kept; those that were not read have no hash and stand apart."""
    if parsed.sha256:
        return f"archive/{now:%Y/%m}/{parsed.sha256}-{parsed.found.name}"
    return f"archive/refused/{now:%Y/%m}/{uuid4().hex}-{parsed.found.name}"


def _exists(store: ObjectStore, key: str) -> bool:
    try:
        store.stat(key)
    except ObjectNotFound:
        return False
    return True


def move_to_archive(store: ObjectStore, found: InboxObject, archive_key: str) -> None:
    """Take a registered file out of the inbox; call it after the commit."""
    try:
        store.move(found.key, archive_key)
    except ObjectNotFound:
        # Another run moved it between our commit and now.
        if not _exists(store, archive_key):
            raise
    if found.has_marker:
        store.delete(found.key + DONE)
