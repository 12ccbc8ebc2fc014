"""Pipeline runs as the orchestrator recorded them in its own database.

Belongs here: reads of its `runs` table by SQL. Before its first start the database or the table
is absent, which is an empty list, not an error.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

LIMIT = 50


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """`state` is the orchestrator's word: QUEUED, STARTED, SUCCESS, FAILURE, CANCELED…"""

    run_id: str
    job: str
    state: str
    partition: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def seconds(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


def list_runs(
    engine: sa.Engine, *, before: datetime | None = None, limit: int = LIMIT
) -> tuple[PipelineRun, ...]:
    """The newest runs first, created before `before` if given. `engine` is the orchestrator's."""
    query = sa.text("""
        SELECT run_id, pipeline_name, status, COALESCE(partition, ''), create_timestamp,
            start_time, end_time
        FROM runs WHERE create_timestamp < COALESCE(:before, 'infinity'::timestamp)
        ORDER BY create_timestamp DESC, id DESC LIMIT :limit
    """)
    try:
        with engine.connect() as connection:
            if connection.scalar(sa.text("SELECT to_regclass('runs')")) is None:
                return ()
            naive = before.astimezone(UTC).replace(tzinfo=None) if before else None
            rows = connection.execute(query, {"before": naive, "limit": limit}).all()
    except sa.exc.OperationalError:
        return ()
    return tuple(
        PipelineRun(
            run_id=row[0],
            job=row[1],
            state=row[2],
            partition=row[3],
            created_at=row[4].replace(tzinfo=UTC),
            started_at=_instant(row[5]),
            finished_at=_instant(row[6]),
        )
        for row in rows
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
