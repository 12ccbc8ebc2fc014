"""How complete the data of a mall's devices is: a calendar per device, the worst first.

Belongs here: reads of marts.device_days and what waits for a person. Not here: flags
(cleaning_flags), the rule of what is expected (the marts).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

PAGE = 50


@dataclass(frozen=True, slots=True)
class Tally:
    """Intervals: used of expected ones are complete; received but not used ones were taken out by
    a rule; estimated ones stand in for what is missing.
    """

    expected: int
    received: int
    used: int
    estimated: int

    @property
    def completeness(self) -> Decimal | None:
        """Used of expected, 0 to 1; None when nothing was expected."""
        return Decimal(self.used) / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class DeviceQuality:
    """A device and metric over a span, with its days; a day without a row owed nothing."""

    rank: int
    device_id: int
    code: str
    name: str
    kind: str
    metric: str
    place: str
    total: Tally
    days: Mapping[date, Tally]


@dataclass(frozen=True, slots=True)
class QualityPage:
    """`devices` and `below` count (device, metric) pairs of the whole selection, `below` those
    under 95 %; `total` is their sum.
    """

    rows: tuple[DeviceQuality, ...]
    devices: int
    below: int
    total: Tally
    has_next: bool


@dataclass(frozen=True, slots=True)
class WaitingData:
    """What waits for a person before the figures are whole."""

    quarantined: int
    unknown_devices: int
    late: int


_CALENDAR = sa.text("""
    WITH pairs AS (
        SELECT
            days.device_id, days.metric,
            sum(days.expected_intervals) AS expected, sum(days.received_intervals) AS received,
            sum(days.used_intervals) AS used, sum(days.estimated_intervals) AS estimated,
            jsonb_object_agg(days.business_date, jsonb_build_array(
                days.expected_intervals, days.received_intervals, days.used_intervals,
                days.estimated_intervals
            )) AS by_day,
            max(coalesce(shops.code, nullif(days.zone, ''), days.floor)) AS place
        FROM marts.device_days AS days
        LEFT JOIN app.shops AS shops ON days.shop_id = shops.id
        WHERE days.mall_id = :mall_id AND days.business_date BETWEEN :first AND :last
        GROUP BY days.device_id, days.metric
    ), ranked AS (
        SELECT
            pairs.*, devices.code, devices.name, devices.kind,
            row_number() OVER (
                ORDER BY pairs.used::numeric / nullif(pairs.expected, 0) NULLS LAST,
                devices.code, pairs.metric
            ) AS rank,
            count(*) OVER () AS all_pairs,
            count(*) FILTER (WHERE pairs.used < 0.95 * pairs.expected) OVER () AS below,
            sum(pairs.expected) OVER () AS all_expected,
            sum(pairs.received) OVER () AS all_received,
            sum(pairs.used) OVER () AS all_used,
            sum(pairs.estimated) OVER () AS all_estimated
        FROM pairs
        INNER JOIN app.devices AS devices ON pairs.device_id = devices.id
        WHERE (CAST(:kind AS text) IS NULL OR devices.kind = :kind)
            AND (CAST(:search AS text) IS NULL
                OR devices.code ILIKE :search OR devices.name ILIKE :search
                OR pairs.place ILIKE :search)
    )
    SELECT * FROM ranked WHERE rank > :after ORDER BY rank LIMIT :size
""")
_WAITING = sa.text("""
    SELECT
        (SELECT count(*) FROM ingest.quarantine
         WHERE mall_id = :mall_id AND released_at IS NULL) AS quarantined,
        (SELECT count(*) FROM ingest.unknown_devices
         WHERE mall_id = :mall_id AND state = 'NEW') AS unknown_devices,
        (SELECT count(*) FROM ingest.late_readings
         WHERE mall_id = :mall_id AND state = 'WAITING') AS late
""")


def read_quality(
    connection: Connection,
    *,
    mall_id: int,
    first: date,
    last: date,
    kind: str | None = None,
    search: str | None = None,
    after: int = 0,
) -> QualityPage:
    """Devices whose rank is above `after`, the least complete first; `first` and `last` are
    business dates, both included. Marts that are not built yet hold none.
    """
    empty = QualityPage((), 0, 0, Tally(0, 0, 0, 0), has_next=False)
    if connection.scalar(sa.text("SELECT to_regclass('marts.device_days')")) is None:
        return empty
    rows = connection.execute(
        _CALENDAR,
        {
            "mall_id": mall_id,
            "first": first,
            "last": last,
            "kind": kind,
            "search": f"%{_plain(search)}%" if search else None,
            "after": after,
            "size": PAGE + 1,
        },
    ).all()
    if not rows:
        return empty
    head = rows[0]
    return QualityPage(
        rows=tuple(_device(row) for row in rows[:PAGE]),
        devices=head.all_pairs,
        below=head.below,
        total=Tally(
            int(head.all_expected),
            int(head.all_received),
            int(head.all_used),
            int(head.all_estimated),
        ),
        has_next=len(rows) > PAGE,
    )


def read_waiting(connection: Connection, *, mall_id: int) -> WaitingData:
    """What waits in the mall, whenever it came."""
    return WaitingData(**connection.execute(_WAITING, {"mall_id": mall_id}).one()._mapping)


def _device(row: sa.Row[Any]) -> DeviceQuality:
    return DeviceQuality(
        rank=row.rank,
        device_id=row.device_id,
        code=row.code,
        name=row.name,
        kind=row.kind,
        metric=row.metric,
        place=row.place or "",
        total=Tally(int(row.expected), int(row.received), int(row.used), int(row.estimated)),
        days={date.fromisoformat(day): Tally(*counts) for day, counts in row.by_day.items()},
    )


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
