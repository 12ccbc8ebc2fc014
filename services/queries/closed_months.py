"""Closed months and what came late for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from storage.models import Device
from storage.models.ingest import LateReading, LateState
from storage.models.malls import ClosedMonth


@dataclass(frozen=True, slots=True)
class ClosedMonthView:
    month: date
    closed_at: datetime
    closed_by: str


@dataclass(frozen=True, slots=True)
class LateView:
    """A value that waits. `number` is that of a till's transaction, empty for a reading."""

    late_id: int
    month: date
    device_code: str
    metric: str
    interval_start: datetime
    value: Decimal
    received_at: datetime
    number: str


def list_closed_months(session: Session, *, mall_id: int) -> Sequence[ClosedMonthView]:
    """The latest first."""
    rows = session.execute(
        sa.select(ClosedMonth.month, ClosedMonth.closed_at, ClosedMonth.closed_by)
        .where(ClosedMonth.mall_id == mall_id)
        .order_by(ClosedMonth.month.desc())
    )
    return [ClosedMonthView(*row) for row in rows]


def list_waiting(session: Session, *, mall_id: int, limit: int = 500) -> Sequence[LateView]:
    """Late values of a mall that nobody decided about, as they came."""
    rows = session.execute(
        sa.select(LateReading, Device.code)
        .join(Device, Device.id == LateReading.device_id)
        .where(LateReading.mall_id == mall_id, LateReading.state == LateState.WAITING)
        .order_by(LateReading.id)
        .limit(limit)
    )
    return [
        LateView(
            late_id=late.id,
            month=late.month,
            device_code=code,
            metric=late.metric,
            interval_start=late.interval_start,
            value=late.value,
            received_at=late.received_at,
            number=late.sale["number"] if late.sale else "",
        )
        for late, code in rows
    ]
