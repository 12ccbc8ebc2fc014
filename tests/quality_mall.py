"""What the staff's mall of the tests needs for the pages of data quality: two counters with ten
weeks of hours, one of them odd in its ways, cleaned for real; the days of their mart; late values.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session
from staff_mall import NOW, StaffMall

from domain.devices import DeviceKind, FeedKind
from services.operations.cleaning import clean_touched_dates
from services.operations.devices import install_device, register_device
from storage.database import transaction

ODD, STEADY = "FC-01", "FC-02"
FIRST, LAST = date(2026, 1, 5), date(2026, 3, 29)
# On a Thursday: an hour a hundred times too busy; a day on which it sent half of its hours.
OUTLIER = datetime(2026, 3, 26, 7, tzinfo=UTC)  # 15:00 in the mall
HALF_DAY, BLIND_DAY = date(2026, 3, 24), date(2026, 3, 25)
DEVICE_DAYS = """
CREATE TABLE marts.device_days (mall_id bigint, device_id bigint, business_date date, metric text,
    shop_id bigint, zone text, floor text, expected_intervals bigint, received_intervals int,
    used_intervals int, estimated_intervals int);
SELECT app.protect_mart('marts.device_days');
"""
COUNT_DAYS = """
INSERT INTO marts.device_days
SELECT hours.mall_id, hours.device_id, hours.business_date, hours.metric, NULL, '北区', '1F', 12,
    count(*) FILTER (
        WHERE NOT hours.is_estimated OR hours.rules #> '{estimate,measured}' IS NOT NULL),
    count(*) FILTER (WHERE hours.is_used AND NOT hours.is_estimated),
    count(*) FILTER (WHERE hours.is_estimated)
FROM ingest.reading_hours hours JOIN app.devices d ON d.id = hours.device_id
WHERE d.code LIKE 'FC-%' AND hours.metric = 'footfall_in'
GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True)
class QualityMall:
    """Ids of the two counters, and of a late value that waits."""

    odd: int
    steady: int
    late: int


def build_quality_mall(engine: sa.Engine, mall: StaffMall) -> QualityMall:
    """Register, write and clean; commits."""
    with transaction(engine) as session:
        odd, steady = (_counter(session, mall.mall_id, code) for code in (ODD, STEADY))
        _write(session, odd, is_odd=True)
        _write(session, steady, is_odd=False)
        session.execute(
            sa.text(
                "INSERT INTO ingest.touched_dates (mall_id, business_date, touched_at) "
                "SELECT :mall, day::date, :now FROM generate_series(CAST(:first AS date), "
                "CAST(:last AS date), interval '1 day') AS day ON CONFLICT DO NOTHING"
            ),
            {"mall": mall.mall_id, "now": NOW, "first": FIRST, "last": LAST},
        )
        late = session.scalar(
            sa.text(
                "INSERT INTO ingest.late_readings (mall_id, month, device_id, metric, "
                "interval_start, interval_end, value, quality, received_at, file_id) "
                "VALUES (:mall, '2026-01-01', :device, 'footfall_in', '2026-01-06T03:00Z', "
                "'2026-01-06T04:00Z', 77, 'GOOD', :now, 1) RETURNING id"
            ),
            {"mall": mall.mall_id, "device": odd, "now": NOW},
        )
    clean_touched_dates(engine, now=NOW, mall_id=mall.mall_id)
    with transaction(engine) as session:
        session.execute(sa.text(DEVICE_DAYS))
        session.execute(sa.text(COUNT_DAYS))
    assert late is not None
    return QualityMall(odd, steady, late)


def _counter(session: Session, mall_id: int, code: str) -> int:
    device = register_device(
        session,
        mall_id=mall_id,
        code=code,
        kind=DeviceKind.FOOTFALL,
        feed_kind=FeedKind.INTERVAL,
        serial=code,
    )
    install_device(session, device_id=device, zone="北区", installed_date=date(2026, 1, 1), now=NOW)
    return device


def _write(session: Session, device: int, *, is_odd: bool) -> None:
    rows = []
    day = FIRST
    while day <= LAST:
        for hour in range(10, 22):
            start = datetime(day.year, day.month, day.day, hour, tzinfo=UTC) - timedelta(hours=8)
            value = 80 + 3 * hour + 5 * day.weekday() + (day.day * hour) % 7
            if is_odd and day == HALF_DAY and hour >= 16:
                continue
            if is_odd and day == BLIND_DAY:
                value = 0
            if is_odd and start == OUTLIER:
                value *= 100
            rows.append(
                {
                    "device": device,
                    "start": start,
                    "end": start + timedelta(hours=1),
                    "value": value,
                    "now": start + timedelta(hours=2),
                }
            )
        day += timedelta(days=1)
    session.execute(
        sa.text(
            "SELECT ingest.ensure_readings_partition(m::date, (m + interval '1 month')::date) "
            "FROM generate_series(date '2026-01-01', date '2026-03-01', interval '1 month') AS m"
        )
    )
    session.execute(
        sa.text(
            "INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value, "
            "quality, received_at, file_id) "
            "VALUES (:device, 'footfall_in', :start, :end, :value, 'GOOD', :now, 1)"
        ),
        rows,
    )
