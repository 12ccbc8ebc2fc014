"""Cleaned hours with what each rule saw and what people decided; the flagged ones as a list.

Belongs here: pages of flagged hours of a mall, counts by rule, the hours of one day. Not
here: the rules (domain.cleaning), decisions (services.operations.cleaning_decisions).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.cleaning import CleaningVerdict


@dataclass(frozen=True, slots=True)
class FlagPlace:
    """A flagged hour in the order of the list: newest date first, then as the key goes."""

    business_date: date
    hour_start: datetime
    device_id: int
    metric: str


@dataclass(frozen=True, slots=True)
class FlagFilter:
    """None: not asked for. `first` and `last` are business dates, both included."""

    rule: str | None = None
    device_id: int | None = None
    first: date | None = None
    last: date | None = None
    is_decided: bool | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A standing decision about an hour; `rule` is empty for an EXCLUDE."""

    id: int
    rule: str
    verdict: CleaningVerdict
    reason: str
    decided_at: datetime
    decided_by: str


@dataclass(frozen=True, slots=True)
class FlaggedHour:
    """`value` is what stands now, an estimate when `is_estimated`; `measured` what was measured.
    `rules` has for each flag its version and what it was told by (domain.cleaning explains each).
    """

    device_id: int
    device_code: str
    metric: str
    hour_start: datetime
    business_date: date
    value: Decimal
    measured: Decimal | None
    samples: int
    covers_minutes: int
    is_used: bool
    is_estimated: bool
    flags: tuple[str, ...]
    rules: Mapping[str, Any]
    decisions: tuple[Decision, ...]

    @property
    def place(self) -> FlagPlace:
        return FlagPlace(self.business_date, self.hour_start, self.device_id, self.metric)


@dataclass(frozen=True, slots=True)
class FlagPage:
    rows: tuple[FlaggedHour, ...]
    has_previous: bool
    has_next: bool


@dataclass(frozen=True, slots=True)
class FlagCount:
    """Hours of one rule, of which `decided` have a standing decision about it."""

    rule: str
    hours: int
    devices: int
    decided: int


_HOURS = """
    SELECT
        hours.device_id, devices.code AS device_code, hours.metric, hours.hour_start,
        hours.business_date, hours.value, hours.samples, hours.covers_minutes, hours.is_used,
        hours.is_estimated, hours.flags, hours.rules,
        CAST(hours.rules #>> '{estimate,measured,value}' AS numeric) AS kept_value,
        coalesce((
            SELECT jsonb_agg(to_jsonb(decided) ORDER BY decided.id)
            FROM ingest.cleaning_decisions AS decided
            WHERE decided.device_id = hours.device_id AND decided.metric = hours.metric
                AND decided.hour_start = hours.hour_start
                AND decided.business_date = hours.business_date
                AND decided.withdrawn_at IS NULL
        ), '[]') AS decisions
    FROM ingest.reading_hours AS hours
    INNER JOIN app.devices AS devices ON hours.device_id = devices.id
    WHERE hours.mall_id = :mall_id
        AND (CAST(:rule AS text) IS NULL OR :rule = ANY(hours.flags))
        AND (CAST(:device_id AS bigint) IS NULL OR hours.device_id = :device_id)
        AND hours.business_date >= coalesce(CAST(:first AS date), '-infinity')
        AND hours.business_date <= coalesce(CAST(:last AS date), 'infinity')
        AND (CAST(:is_decided AS boolean) IS NULL OR :is_decided = EXISTS (
            SELECT FROM ingest.cleaning_decisions AS decided
            WHERE decided.device_id = hours.device_id AND decided.metric = hours.metric
                AND decided.hour_start = hours.hour_start
                AND decided.business_date = hours.business_date
                AND decided.withdrawn_at IS NULL
                AND (CAST(:rule AS text) IS NULL OR decided.rule IN (:rule, ''))
        ))
"""
_FLAGGED = """
        AND hours.flags <> '{}'
"""
_OF_DAY = """
        AND hours.metric = :metric
    ORDER BY hours.hour_start
"""
_AFTER = """
        AND (hours.business_date, hours.hour_start, hours.device_id, hours.metric)
            < (CAST(:place_date AS date), :place_hour, :place_device, :place_metric)
"""
_BEFORE = """
        AND (hours.business_date, hours.hour_start, hours.device_id, hours.metric)
            > (CAST(:place_date AS date), :place_hour, :place_device, :place_metric)
"""
_AT = """
        AND (hours.business_date, hours.hour_start, hours.device_id, hours.metric)
            = (CAST(:place_date AS date), :place_hour, :place_device, :place_metric)
"""
_FALLING = """
    ORDER BY hours.business_date DESC, hours.hour_start DESC, hours.device_id DESC,
        hours.metric DESC LIMIT :size
"""
_RISING = """
    ORDER BY hours.business_date, hours.hour_start, hours.device_id, hours.metric LIMIT :size
"""
_FIRST_PAGE = sa.text(_HOURS + _FLAGGED + _FALLING)
_ONE = sa.text(_HOURS + _AT + _FALLING)
_PAGE_AFTER = sa.text(_HOURS + _FLAGGED + _AFTER + _FALLING)
_PAGE_BEFORE = sa.text(_HOURS + _FLAGGED + _BEFORE + _RISING)
_DAY = sa.text(_HOURS + _OF_DAY)

_COUNTS = sa.text("""
    SELECT
        spoken.rule, count(*) AS hours, count(DISTINCT hours.device_id) AS devices,
        count(*) FILTER (WHERE EXISTS (
            SELECT FROM ingest.cleaning_decisions AS decided
            WHERE decided.device_id = hours.device_id AND decided.metric = hours.metric
                AND decided.hour_start = hours.hour_start
                AND decided.business_date = hours.business_date
                AND decided.withdrawn_at IS NULL
                AND (decided.rule = spoken.rule OR decided.verdict = 'EXCLUDE')
        )) AS decided
    FROM ingest.reading_hours AS hours
    CROSS JOIN unnest(hours.flags) AS spoken (rule)
    WHERE hours.mall_id = :mall_id AND hours.business_date BETWEEN :first AND :last
    GROUP BY spoken.rule ORDER BY count(*) DESC, spoken.rule
""")


def list_flagged_hours(
    session: Session,
    *,
    mall_id: int,
    wanted: FlagFilter | None = None,
    after: FlagPlace | None = None,
    before: FlagPlace | None = None,
    size: int = 50,
) -> FlagPage:
    """`size` flagged hours after or before a place, else the newest; newest first."""
    place = after or before
    statement = _FIRST_PAGE
    if place is not None:
        statement = _PAGE_AFTER if after is not None else _PAGE_BEFORE
    given = _given(mall_id, wanted or FlagFilter(), place, size + 1)
    rows = [_flagged(row) for row in session.execute(statement, given)]
    is_more = len(rows) > size
    rows = rows[:size]
    is_backward = statement is _PAGE_BEFORE
    if is_backward:
        rows.reverse()
    return FlagPage(
        tuple(rows),
        has_previous=is_more if is_backward else after is not None,
        has_next=True if is_backward else is_more,
    )


def list_hours_of_day(
    session: Session, *, mall_id: int, device_id: int, metric: str, business_date: date
) -> tuple[FlaggedHour, ...]:
    """All hours of a device and metric on a business date, flagged or not, in their order."""
    wanted = FlagFilter(device_id=device_id, first=business_date, last=business_date)
    given = {**_given(mall_id, wanted, None, 0), "metric": metric}
    return tuple(_flagged(row) for row in session.execute(_DAY, given))


def get_hour(session: Session, *, mall_id: int, place: FlagPlace) -> FlaggedHour | None:
    """One hour by its place, flagged or not; None when the mall has none there."""
    row = session.execute(_ONE, _given(mall_id, FlagFilter(), place, 1)).one_or_none()
    return None if row is None else _flagged(row)


def count_flags(
    session: Session, *, mall_id: int, first: date, last: date
) -> tuple[FlagCount, ...]:
    """Flagged hours of business dates (both included) by rule, most first."""
    rows = session.execute(_COUNTS, {"mall_id": mall_id, "first": first, "last": last})
    return tuple(FlagCount(**row._mapping) for row in rows)


def _given(mall_id: int, wanted: FlagFilter, place: FlagPlace | None, size: int) -> dict[str, Any]:
    given: dict[str, Any] = {
        "mall_id": mall_id,
        "rule": wanted.rule,
        "device_id": wanted.device_id,
        "first": wanted.first,
        "last": wanted.last,
        "is_decided": wanted.is_decided,
        "size": size,
    }
    if place is not None:
        given |= {
            "place_date": place.business_date,
            "place_hour": place.hour_start,
            "place_device": place.device_id,
            "place_metric": place.metric,
        }
    return given


def _flagged(row: sa.Row[Any]) -> FlaggedHour:
    measured = row.kept_value if row.is_estimated else row.value
    return FlaggedHour(
        device_id=row.device_id,
        device_code=row.device_code,
        metric=row.metric,
        hour_start=row.hour_start,
        business_date=row.business_date,
        value=row.value,
        measured=measured,
        samples=row.samples,
        covers_minutes=row.covers_minutes,
        is_used=row.is_used,
        is_estimated=row.is_estimated,
        flags=tuple(row.flags),
        rules=row.rules,
        decisions=tuple(
            Decision(
                id=one["id"],
                rule=one["rule"],
                verdict=CleaningVerdict(one["verdict"]),
                reason=one["reason"],
                decided_at=datetime.fromisoformat(one["decided_at"]),
                decided_by=one["decided_by"],
            )
            for one in row.decisions
        ),
    )
