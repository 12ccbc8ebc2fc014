"""Backup nodes, as they are listed."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.backups import BackupState
from storage.models import Backup


@dataclass(frozen=True, slots=True)
class BackupView:
    id: int
    sequence: int
    state: BackupState
    stored_bytes: int
    rows: int
    started_at: datetime
    verified_at: datetime | None


def list_backups(session: Session, *, limit: int = 100) -> tuple[BackupView, ...]:
    """The newest first."""
    rows = session.scalars(sa.select(Backup).order_by(Backup.sequence.desc()).limit(limit))
    return tuple(
        BackupView(
            row.id,
            row.sequence,
            row.state,
            row.stored_bytes,
            row.rows,
            row.started_at,
            row.verified_at,
        )
        for row in rows
    )
