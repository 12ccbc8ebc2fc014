"""Which dates may come out otherwise when others changed.

Belongs here: the reach of each rule and estimate that looks beyond its own date. Not here: the
rules (judging, estimating) and the voids of tills (till_hours).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from domain.cleaning import INTERPOLATION, OUTLIER, STILL
from domain.devices import REGISTER_METRICS
from services.operations.cleaning.scope import Cleaning, parameter

WEEKS: int = parameter(OUTLIER, "weeks")
STILL_REACH: int = parameter(STILL, "still_days") + parameter(STILL, "moved_days")
# A business date more, for the hour in which a day begins.
INTERPOLATION_REACH: int = parameter(INTERPOLATION, "longest_days") + 1

_KNOWN_LAST = sa.text("""
    SELECT max(business_date) FROM ingest.touched_dates WHERE mall_id = :mall_id
""")

_LAST_MEASURED = sa.text("""
    SELECT business_date FROM ingest.reading_hours
    WHERE mall_id = :mall_id AND is_used AND NOT is_estimated
        AND business_date < coalesce(CAST(:before AS date), 'infinity')
    ORDER BY business_date DESC LIMIT 1
""")

# What each register of the mall's meters showed last before some days and first after them.
_READ_AROUND = sa.text("""
    SELECT
        min(earlier.business_date) FILTER (WHERE earlier.hour_start >= :reach_from) AS first_date,
        max(later.business_date) FILTER (WHERE later.hour_start < :reach_to) AS last_date,
        max(later.business_date) AS next_date
    FROM app.devices AS devices
    CROSS JOIN unnest(CAST(:register_metrics AS text[])) AS registers (metric)
    LEFT JOIN LATERAL (
        SELECT hours.hour_start, hours.business_date FROM ingest.reading_hours AS hours
        WHERE hours.device_id = devices.id AND hours.metric = registers.metric
            AND hours.hour_start < :lower AND hours.hour_start >= :reach_from
            AND hours.is_used AND NOT hours.is_estimated
        ORDER BY hours.hour_start DESC LIMIT 1
    ) AS earlier ON true
    LEFT JOIN LATERAL (
        SELECT hours.hour_start, hours.business_date FROM ingest.reading_hours AS hours
        WHERE hours.device_id = devices.id AND hours.metric = registers.metric
            AND hours.hour_start >= :upper AND hours.is_used AND NOT hours.is_estimated
        ORDER BY hours.hour_start LIMIT 1
    ) AS later ON true
    WHERE devices.mall_id = :mall_id AND devices.kind IN ('METER', 'OTHER')
""")


@dataclass(frozen=True, slots=True)
class Dependents:
    """Dates on which to say again: `weekly` what the same weekday decides, `still` what the days
    before decide, `between` what lies between two readings of a register. `opened`: what a meter
    consumed from the last register of the changed dates on belongs to the next day that has one;
    with it all days between are other days to the marts.
    """

    weekly: frozenset[date]
    still: frozenset[date]
    between: frozenset[date]
    opened: frozenset[date]

    def all(self) -> set[date]:
        return {*self.weekly, *self.still, *self.between, *self.opened}


def find_dependents(
    cleaning: Cleaning, gathered: Iterable[date], *, first: date, last: date
) -> Dependents:
    """Dependents of the dates that are gathered anew; `first` to `last` are those that changed,
    without a day missing between them.
    """
    changed = set(gathered)
    known_last: date = cleaning.connection.scalar(_KNOWN_LAST, {"mall_id": cleaning.mall_id})
    weekly = {
        day + timedelta(weeks=weeks) for day in changed for weeks in range(WEEKS + 1)
    } | _made_past(cleaning, first)
    still = {day + timedelta(days=days) for day in changed for days in range(STILL_REACH)}
    lower, upper = cleaning.clock.business_day(first)[0], cleaning.clock.business_day(last)[1]
    around = cleaning.connection.execute(
        _READ_AROUND,
        {
            "mall_id": cleaning.mall_id,
            "register_metrics": sorted(REGISTER_METRICS),
            "lower": lower,
            "upper": upper,
            "reach_from": lower - timedelta(days=INTERPOLATION_REACH),
            "reach_to": upper + timedelta(days=INTERPOLATION_REACH),
        },
    ).one()
    return Dependents(
        weekly=frozenset(day for day in weekly if day <= known_last),
        still=frozenset(day for day in still if day <= known_last),
        between=days_from(around.first_date or first, around.last_date or last) | changed,
        opened=days_from(first, around.next_date or last) - changed,
    )


def last_measured(cleaning: Cleaning, before: date | None = None) -> date | None:
    """The last date (before `before`) of which anything usable was measured in the mall."""
    found: date | None = cleaning.connection.scalar(
        _LAST_MEASURED, {"mall_id": cleaning.mall_id, "before": before}
    )
    return found


def _made_past(cleaning: Cleaning, first: date) -> set[date]:
    """Dates since the last one before `first` that was measured. While it is the last of all it
    may still go on, and nothing is missing from it yet; whether it is depends on `first`.
    """
    previous = last_measured(cleaning, first)
    if previous is None:
        return set()
    return set(days_from(previous, min(first, previous + timedelta(weeks=WEEKS))))


def days_from(first: date, last: date) -> frozenset[date]:
    """Days from `first` to `last`, both included."""
    return frozenset(first + timedelta(days=days) for days in range((last - first).days + 1))
