"""What a device showed last, and what of it waits for somebody's eye."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

FLAG_DAYS = 30


@dataclass(frozen=True, slots=True)
class LastReading:
    metric: str
    interval_start: datetime
    interval_end: datetime
    value: Decimal
    quality: str
    received_at: datetime


def shown_last(session: Session, *, device_id: int) -> tuple[LastReading, ...]:
    """The newest reading of each metric, by metric: one step along the key for each."""
    rows = session.execute(
        sa.text("""
            WITH RECURSIVE step AS (
                (SELECT metric FROM ingest.readings WHERE device_id = :device_id
                 ORDER BY metric LIMIT 1)
                UNION ALL
                SELECT (SELECT metric FROM ingest.readings WHERE device_id = :device_id
                        AND metric > step.metric ORDER BY metric LIMIT 1)
                FROM step WHERE step.metric IS NOT NULL
            )
            SELECT last.* FROM step CROSS JOIN LATERAL (
                SELECT metric, interval_start, interval_end, value, quality, received_at
                FROM ingest.readings
                WHERE device_id = :device_id AND metric = step.metric
                ORDER BY interval_start DESC LIMIT 1
            ) last WHERE step.metric IS NOT NULL ORDER BY metric
        """),
        {"device_id": device_id},
    )
    return tuple(LastReading(**row._mapping) for row in rows)


def open_flags(session: Session, *, device_id: int) -> int:
    """Hours of the last 30 days with data that a cleaning rule flagged and nobody released."""
    return (
        session.scalar(
            sa.text("""
                SELECT count(*) FROM ingest.reading_hours h
                WHERE h.device_id = :device_id AND cardinality(h.flags) > 0
                    AND h.hour_start >= (
                        SELECT max(l.hour_start) FROM ingest.reading_hours l
                        WHERE l.device_id = :device_id
                    ) - make_interval(days => :days)
                    AND NOT EXISTS (
                        SELECT FROM ingest.cleaning_decisions d
                        WHERE d.device_id = h.device_id AND d.metric = h.metric
                            AND d.hour_start = h.hour_start AND d.withdrawn_at IS NULL
                            AND d.verdict = 'RELEASE'
                    )
            """),
            {"device_id": device_id, "days": FLAG_DAYS},
        )
        or 0
    )
