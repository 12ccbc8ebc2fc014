"""Which calls and files hold refused rows that nobody has released, and what they are.

Belongs here: finding a source and what is kept of it. Not here: reading it again (relanding).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import Adapter
from services.adapters.refusals import Reason, shown

Kind = Literal["batch", "file"]


@dataclass(frozen=True, order=True, slots=True)
class SourceId:
    """A call of the API (`batch`) or a file; calls come before files."""

    kind: Kind
    id: int


@dataclass(frozen=True, slots=True)
class KeptSource:
    """What is kept of a call or a file. `body` is a call's, as kept; a file lies in the object
    store at `archive_key`. `rows` are the numbers of its rows that wait.
    """

    source: SourceId
    received_at: datetime
    rows: frozenset[int]
    adapter: str = Adapter.ATRIUM.value
    content_type: str = ""
    body: bytes = b""
    only_device_id: int | None = None
    feed: str = ""
    name: str = ""
    archive_key: str = ""
    upload_id: int | None = None


# The language of a source: a file's feed is an adapter's name, or one of our own tables.
_ADAPTER = "coalesce(b.adapter, CASE WHEN f.feed = ANY(:makes) THEN f.feed ELSE 'atrium' END)"
_OF_UNKNOWN = f"""
    FROM ingest.quarantine q
    LEFT JOIN ingest.batches b ON b.id = q.batch_id
    LEFT JOIN ingest.files f ON f.id = q.file_id
    WHERE q.mall_id = :mall_id AND q.released_at IS NULL AND q.reason_code = :reason
        AND (q.batch_id IS NOT NULL OR q.file_id IS NOT NULL)
        AND strpos(q.reason, :named) > 0 AND {_ADAPTER} = :adapter
"""  # nosec B608: names of columns


def sources_of_unknown(
    session: Session, *, mall_id: int, adapter: str, serial: str, after: SourceId | None = None
) -> tuple[SourceId, ...]:
    """Calls and files in which this serial was not known, in order, behind `after`."""
    rows = session.execute(
        sa.text(f"SELECT DISTINCT q.batch_id, q.file_id {_OF_UNKNOWN}"),  # nosec B608
        {
            "mall_id": mall_id,
            "reason": Reason.UNKNOWN_DEVICE.value,
            # As the sentence of the refusal quotes it.
            "named": shown(serial),
            "adapter": adapter,
            "makes": [each.value for each in Adapter],
        },
    )
    return _ordered(rows.all(), after)


def sources_of_rows(
    session: Session, *, mall_id: int, row_ids: Collection[int], after: SourceId | None = None
) -> tuple[SourceId, ...]:
    """Calls and files of these refused rows, in order, behind `after`."""
    rows = session.execute(
        sa.text("""
            SELECT DISTINCT batch_id, file_id FROM ingest.quarantine
            WHERE mall_id = :mall_id AND id = ANY(:ids) AND released_at IS NULL
        """),
        {"mall_id": mall_id, "ids": list(row_ids)},
    )
    return _ordered(rows.all(), after)


def all_waiting_sources(session: Session, *, mall_id: int) -> tuple[SourceId, ...]:
    """Every call and file of the mall with a row that waits."""
    rows = session.execute(
        sa.text("""
            SELECT DISTINCT batch_id, file_id FROM ingest.quarantine
            WHERE mall_id = :mall_id AND released_at IS NULL
        """),
        {"mall_id": mall_id},
    )
    return _ordered(rows.all(), None)


def _ordered(rows: Sequence[Any], after: SourceId | None) -> tuple[SourceId, ...]:
    found = [
        SourceId("batch", batch_id) if batch_id is not None else SourceId("file", file_id)
        for batch_id, file_id in rows
        if batch_id is not None or file_id is not None
    ]
    return tuple(sorted(each for each in found if after is None or each > after))


def get_source(session: Session, source: SourceId, *, mall_id: int) -> KeptSource | None:
    """What is kept of a source of the mall, with its waiting rows; None when there is none."""
    column = "batch_id" if source.kind == "batch" else "file_id"
    waiting = session.scalars(
        sa.text(
            f"SELECT DISTINCT row_number FROM ingest.quarantine WHERE {column} = :id "  # noqa: S608  # nosec B608
            "AND mall_id = :mall_id AND released_at IS NULL"
        ),
        {"id": source.id, "mall_id": mall_id},
    )
    rows = frozenset(waiting)
    given = {"id": source.id, "mall_id": mall_id}
    if source.kind == "batch":
        batch = session.execute(
            sa.text("""
                SELECT b.received_at, b.adapter, b.content_type, b.body, k.device_id
                FROM ingest.batches b LEFT JOIN app.device_keys k ON k.id = b.device_key_id
                WHERE b.id = :id AND b.mall_id = :mall_id
            """),
            given,
        ).one_or_none()
        if batch is None:
            return None
        return KeptSource(
            source=source,
            received_at=batch.received_at,
            rows=rows,
            adapter=batch.adapter,
            content_type=batch.content_type,
            body=bytes(batch.body),
            only_device_id=batch.device_id,
        )
    file = session.execute(
        sa.text("""
            SELECT received_at, feed, inbox_key, archive_key, upload_id FROM ingest.files
            WHERE id = :id AND mall_id = :mall_id
        """),
        given,
    ).one_or_none()
    if file is None:
        return None
    return KeptSource(
        source=source,
        received_at=file.received_at,
        rows=rows,
        feed=file.feed or "",
        name=file.inbox_key,
        archive_key=file.archive_key,
        upload_id=file.upload_id,
    )
