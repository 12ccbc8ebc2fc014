"""What the audit keeps. Rows are only ever written by the functions of the schema `audit`."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from storage.models.base import Base, Id, Mapped, mapped_column


class _Told:
    """What an event tells, sealed or not; `domain.audit.SealedEvent` says what each column is."""

    occurred_at: Mapped[datetime]
    mall_id: Mapped[int | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None]
    actor_name: Mapped[str]
    actor_role: Mapped[str]
    address: Mapped[str]
    agent: Mapped[str]
    request_id: Mapped[str]
    login: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    part: Mapped[str]
    # A JSON null is stored as the absence of a value.
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    note: Mapped[str]


class AuditEvent(_Told, Base):
    """A sealed event; `seq` has no gap and `hash` covers every column."""

    __tablename__ = "events"
    __table_args__ = (
        sa.Index("ix_events_mall_id_seq", "mall_id", "seq"),
        sa.Index("ix_events_subject", "subject_type", "subject_id", "seq"),
        sa.Index("ix_events_actor_name_seq", "actor_name", "seq"),
        sa.Index("ix_events_action_seq", "action", "seq"),
        sa.Index("ix_events_occurred_at", "occurred_at"),
        sa.Index("ix_events_request_id", "request_id"),
        sa.Index("ix_events_address_seq", "address", "seq"),
        {"schema": "audit"},
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    recorded_at: Mapped[datetime]
    previous_hash: Mapped[str]
    hash: Mapped[str]


class PendingAuditEvent(_Told, Base):
    """An event of a transaction that has not committed; nobody ever sees another's."""

    __tablename__ = "pending"
    __table_args__ = ({"schema": "audit"},)
    id: Mapped[Id]


class AuditHead(Base):
    """One row: the last sealed event. Whoever seals locks it."""

    __tablename__ = "head"
    __table_args__ = (sa.CheckConstraint("is_only", name="one_row"), {"schema": "audit"})
    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=sa.true())
    seq: Mapped[int]
    hash: Mapped[str]
