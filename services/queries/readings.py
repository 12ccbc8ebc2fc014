"""Readings of one device, page by page, by key: the cost of a page does not grow with history."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class ReadingRow:
    interval_start: datetime
    interval_end: datetime
    value: Decimal
    quality: str
    received_at: datetime
    file_id: int | None
    batch_id: int | None
    revisions: int


@dataclass(frozen=True, slots=True)
class ReadingPage:
    """Newest first. `next_before` is the `before` of the following page, None on the last."""

    rows: tuple[ReadingRow, ...]
    next_before: datetime | None


def list_readings(
    connection: Connection,
    *,
    device_id: int,
    metric: str,
    before: datetime | None = None,
    limit: int = 50,
) -> ReadingPage:
    """`limit` readings whose interval starts before `before`, or the newest."""
    rows = connection.execute(
        sa.text("""
            SELECT r.interval_start, r.interval_end, r.value, r.quality, r.received_at,
                r.file_id, r.batch_id,
                (SELECT count(*) FROM ingest.reading_revisions v WHERE v.device_id = r.device_id
                 AND v.metric = r.metric AND v.interval_start = r.interval_start) AS revisions
            FROM ingest.readings r
            WHERE r.device_id = :device_id AND r.metric = :metric
                AND r.interval_start < COALESCE(:before, 'infinity'::timestamptz)
            ORDER BY r.interval_start DESC LIMIT :limit
        """),
        {"device_id": device_id, "metric": metric, "before": before, "limit": limit + 1},
    ).all()
    page = tuple(ReadingRow(**row._mapping) for row in rows[:limit])
    return ReadingPage(page, page[-1].interval_start if len(rows) > limit else None)


def list_metrics(connection: Connection, *, device_id: int) -> tuple[str, ...]:
    """Metrics that the device has sent, by name; walks the key instead of reading every row."""
    rows = connection.execute(
        sa.text("""
            WITH RECURSIVE step AS (
                (SELECT metric FROM ingest.readings WHERE device_id = :device_id
                 ORDER BY metric LIMIT 1)
                UNION ALL
                SELECT (SELECT metric FROM ingest.readings WHERE device_id = :device_id
                        AND metric > step.metric ORDER BY metric LIMIT 1)
                FROM step WHERE step.metric IS NOT NULL
            )
            SELECT metric FROM step WHERE metric IS NOT NULL
        """),
        {"device_id": device_id},
    )
    return tuple(row.metric for row in rows)
