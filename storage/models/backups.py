"""Backup nodes and their proof."""

from datetime import datetime
from typing import Any

from domain.backups import BackupKind, BackupOrigin, BackupState
from storage.models.base import Base, CreatedAt, Id, Mapped, mapped_column, one_of


class Backup(Base):
    """`plain_bytes` before compression, `stored_bytes` as encrypted; `proof` is what the restore
    drill compared (tables, rows, checksums, seconds).
    """

    __tablename__ = "backups"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    kind: Mapped[BackupKind] = mapped_column(one_of(BackupKind))
    origin: Mapped[BackupOrigin] = mapped_column(one_of(BackupOrigin))
    state: Mapped[BackupState] = mapped_column(
        one_of(BackupState), server_default=BackupState.PENDING
    )
    sequence: Mapped[int] = mapped_column(unique=True)
    object_key: Mapped[str] = mapped_column(server_default="")
    manifest_key: Mapped[str] = mapped_column(server_default="")
    manifest_sha256: Mapped[str] = mapped_column(server_default="")
    plain_bytes: Mapped[int] = mapped_column(server_default="0")
    stored_bytes: Mapped[int] = mapped_column(server_default="0")
    tables: Mapped[int] = mapped_column(server_default="0")
    rows: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str] = mapped_column(server_default="")
    proof: Mapped[dict[str, Any] | None]
    run_id: Mapped[str] = mapped_column(server_default="")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
