"""Senders that nobody registered, the latest first."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from storage.models import UnknownDevice
from storage.models.ingest import UnknownDeviceState


@dataclass(frozen=True, slots=True)
class UnknownSender:
    adapter: str
    serial: str
    channel: str
    labels: tuple[str, ...]
    messages: int
    first_seen_at: datetime
    last_seen_at: datetime


def list_unknown_devices(session: Session, *, mall_id: int) -> tuple[UnknownSender, ...]:
    """Those of a mall that wait for a decision."""
    rows = session.scalars(
        sa.select(UnknownDevice)
        .where(UnknownDevice.mall_id == mall_id, UnknownDevice.state == UnknownDeviceState.NEW)
        .order_by(UnknownDevice.last_seen_at.desc(), UnknownDevice.id)
    )
    return tuple(
        UnknownSender(
            row.adapter,
            row.serial,
            row.channel,
            tuple(row.labels),
            row.messages,
            row.first_seen_at,
            row.last_seen_at,
        )
        for row in rows
    )
