"""The dates that wait are cleaned, month by month, and what follows from them is said again.

Belongs here: which dates wait, the transaction of a run of dates, and what the marts are told
(ingest.touched_dates). Not here: the steps themselves.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.operations.cleaning.dependents import find_dependents, last_measured
from services.operations.cleaning.estimating import (
    estimate_by_weekday,
    gather_weekdays,
    interpolate_registers,
)
from services.operations.cleaning.gathering import dates_beside, forget_moved, gather
from services.operations.cleaning.judging import judge_still, judge_weekly
from services.operations.cleaning.scope import Cleaning
from services.operations.cleaning.till_hours import linked_dates

CHUNK_DAYS = 31

_PENDING = sa.text("""
    SELECT mall_id, business_date FROM ingest.touched_dates
    WHERE cleaned_at IS NULL AND (CAST(:mall_id AS bigint) IS NULL OR mall_id = :mall_id)
    ORDER BY mall_id, business_date
""")

# One cleaner of a mall at a time: its statements look beyond the dates that it locks.
_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('cleaning', :mall_id))")

_STILL_PENDING = sa.text("""
    SELECT business_date FROM ingest.touched_dates
    WHERE mall_id = :mall_id AND business_date = ANY(:dates) AND cleaned_at IS NULL
    ORDER BY business_date
""")

# In order of date, as landing takes them: two that wait for each other would be a deadlock.
_LOCK = sa.text("""
    SELECT business_date FROM ingest.touched_dates
    WHERE mall_id = :mall_id AND business_date = ANY(:dates)
    ORDER BY business_date FOR UPDATE
""")

_PRINTS = sa.text("""
    SELECT business_date, md5(string_agg(
        CAST(to_jsonb(hours) - 'cleaned_at' AS text), ';'
        ORDER BY device_id, metric, hour_start
    )) AS print
    FROM ingest.reading_hours AS hours
    WHERE mall_id = :mall_id AND business_date = ANY(:dates)
    GROUP BY business_date
""")

_FLAGGED = sa.text("""
    SELECT flag, count(*) AS hours FROM ingest.reading_hours, unnest(flags) AS flag
    WHERE mall_id = :mall_id AND business_date = ANY(:dates)
    GROUP BY flag
""")

# Open hours of the hourly counters that hang on these dates, less those that were measured.
_GAPS = sa.text("""
    SELECT
        (SELECT count(*) FROM ingest.reading_hours AS hours
         WHERE hours.mall_id = :mall_id AND hours.business_date = ANY(:dates)
             AND hours.is_estimated) AS estimated,
        (SELECT coalesce(sum(greatest(0, :opening_minutes / 60 - measured.hours)), 0)
         FROM unnest(:dates) AS days (day)
         CROSS JOIN LATERAL (
             SELECT DISTINCT devices.id FROM app.devices AS devices
             INNER JOIN app.device_installations AS places ON places.device_id = devices.id
             WHERE devices.mall_id = :mall_id AND devices.kind = 'FOOTFALL'
                 AND devices.feed_kind = 'INTERVAL' AND devices.expected_interval_minutes <= 60
                 AND days.day BETWEEN places.installed_date
                     AND coalesce(places.removed_date, 'infinity')
         ) AS counters
         CROSS JOIN LATERAL (
             SELECT count(*) AS hours FROM ingest.reading_hours AS hours
             WHERE hours.mall_id = :mall_id AND hours.business_date = days.day
                 AND hours.device_id = counters.id AND hours.metric = 'footfall_in'
                 AND hours.is_used AND NOT hours.is_estimated
                 AND mod(
                     1440 + CAST(
                         extract(epoch FROM CAST(hours.hour_start AT TIME ZONE :time_zone AS time)
                         - CAST(:opens_at AS time)) / 60 AS int
                     ), 1440
                 ) < :opening_minutes
         ) AS measured
         WHERE days.day < :last_measured) AS missing
""").bindparams(sa.bindparam("dates", type_=sa.ARRAY(sa.Date)))

_CLEANED = sa.text("""
    UPDATE ingest.touched_dates SET
        cleaned_at = :now,
        revision = touched_dates.revision + 1,
        hours_used = (
            SELECT count(*) FROM ingest.reading_hours AS hours
            WHERE hours.mall_id = touched_dates.mall_id
                AND hours.business_date = touched_dates.business_date
                AND hours.is_used AND NOT hours.is_estimated
        )
    WHERE mall_id = :mall_id AND business_date = ANY(:dates)
""")

# A date that waits for its own cleaning stays waiting.
_REVISED = sa.text("""
    INSERT INTO ingest.touched_dates (mall_id, business_date, touched_at, cleaned_at, revision)
    SELECT :mall_id, changed, :now, :now, 1
    FROM unnest(CAST(:dates AS date[])) AS changed ORDER BY changed
    ON CONFLICT (mall_id, business_date) DO UPDATE SET
        revision = touched_dates.revision + 1,
        hours_used = (
            SELECT count(*) FROM ingest.reading_hours AS hours
            WHERE hours.mall_id = excluded.mall_id
                AND hours.business_date = excluded.business_date
                AND hours.is_used AND NOT hours.is_estimated
        )
""")

_WAIT_AGAIN = sa.text("""
    UPDATE ingest.touched_dates SET touched_at = :now, cleaned_at = NULL
    WHERE mall_id = :mall_id AND business_date = ANY(:dates)
""")

# In the order in which the cleaner locks them.
_TOUCH = sa.text("""
    UPDATE ingest.touched_dates t SET touched_at = :now, cleaned_at = NULL
    FROM (SELECT business_date FROM ingest.touched_dates
          WHERE mall_id = :mall_id AND business_date BETWEEN :first AND :last
          ORDER BY business_date FOR UPDATE) known
    WHERE t.mall_id = :mall_id AND t.business_date = known.business_date
""")


@dataclass(frozen=True, slots=True)
class CleaningResult:
    """`dates` are (mall id, business date) in order, `revised` those beside them that came out
    otherwise. Of `dates`: `hours_written` were gathered, `flagged` counts hours per rule name,
    `missing` are open hours of counters without a usable measurement, and `estimated` all hours
    that have an estimate.
    """

    dates: tuple[tuple[int, date], ...] = ()
    revised: tuple[tuple[int, date], ...] = ()
    hours_written: int = 0
    flagged: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    estimated: int = 0

    def __add__(self, other: "CleaningResult") -> "CleaningResult":
        flagged = Counter(self.flagged) + Counter(other.flagged)
        return CleaningResult(
            self.dates + other.dates,
            self.revised + other.revised,
            self.hours_written + other.hours_written,
            dict(sorted(flagged.items())),
            self.missing + other.missing,
            self.estimated + other.estimated,
        )


def clean_touched_dates(
    engine: sa.Engine, *, now: datetime, mall_id: int | None = None
) -> CleaningResult:
    """Recompute the cleaned hours of every touched business date, of one mall or of all.

    Commits per mall and run of dates: what is done stays done when a later part fails. Dates
    that are touched again meanwhile wait for the next call.
    """
    with engine.connect() as connection:
        pending = [
            (row.mall_id, row.business_date)
            for row in connection.execute(_PENDING, {"mall_id": mall_id})
        ]
    result = CleaningResult()
    for mall, dates in _chunks(pending):
        with engine.begin() as connection:
            connection.execute(_ALONE, {"mall_id": mall})
            result += _clean(Cleaning.of_mall(connection, mall, now), dates)
    return result


def touch_dates(
    session: Session, *, mall_id: int, first: date, last: date | None = None, now: datetime
) -> None:
    """Have the known business dates from `first` to `last` (both included; None: to the last
    known) cleaned and their marts rebuilt. A date of which nothing was ever heard stays unknown.

    For changes of what readings mean rather than of readings: a device hung up, taken down or
    corrected for days gone by, or a decision about an hour.
    """
    session.execute(
        _TOUCH, {"mall_id": mall_id, "first": first, "last": last or date.max, "now": now}
    )


def _clean(cleaning: Cleaning, dates: list[date]) -> CleaningResult:
    """Clean a run of waiting dates in the connection's transaction."""
    waiting = list(cleaning.run(_STILL_PENDING, dates).scalars())
    if not waiting:
        return CleaningResult()
    first, last = waiting[0], waiting[-1]
    linked = linked_dates(cleaning, first, last) - set(waiting)
    gathered = {*waiting, *linked}
    dependents = find_dependents(cleaning, gathered, first=first, last=last)
    cleaning.run(_LOCK, {*gathered, *dates_beside(gathered), *dependents.all()})

    prints = _prints(cleaning, linked)
    hours = gather(cleaning, gathered)
    moved = forget_moved(cleaning, gathered)
    final = last_measured(cleaning)

    gather_weekdays(cleaning, dependents.weekly)
    changed = judge_weekly(cleaning, dependents.weekly, final)
    changed |= judge_still(cleaning, dependents.still)
    changed |= estimate_by_weekday(cleaning, dependents.weekly, final)
    changed |= interpolate_registers(cleaning, dependents.between)
    after = _prints(cleaning, linked)
    changed -= linked
    changed |= {day for day in linked if prints.get(day) != after.get(day)}

    revised = sorted((changed | dependents.opened | moved) - set(waiting))
    flagged = {row.flag: row.hours for row in cleaning.run(_FLAGGED, waiting)}
    gaps = cleaning.run(_GAPS, waiting, last_measured=final).one()
    cleaning.run(_CLEANED, waiting)
    cleaning.run(_REVISED, revised)
    cleaning.run(_WAIT_AGAIN, moved)
    return CleaningResult(
        dates=tuple((cleaning.mall_id, day) for day in waiting),
        revised=tuple((cleaning.mall_id, day) for day in revised),
        hours_written=hours,
        flagged=flagged,
        missing=int(gaps.missing),
        estimated=gaps.estimated,
    )


def _prints(cleaning: Cleaning, dates: Collection[date]) -> dict[date, str]:
    """What stands under each date, in short."""
    return {row.business_date: row.print for row in cleaning.run(_PRINTS, dates)}


def _chunks(pending: list[tuple[int, date]]) -> list[tuple[int, list[date]]]:
    """Runs of dates at most CHUNK_DAYS from first to last, per mall."""
    chunks: list[tuple[int, list[date]]] = []
    for mall_id, rows in groupby(pending, key=lambda row: row[0]):
        chunk: list[date] = []
        for _, day in rows:
            if chunk and ((day - chunk[-1]).days > 1 or (day - chunk[0]).days >= CHUNK_DAYS):
                chunks.append((mall_id, chunk))
                chunk = []
            chunk.append(day)
        chunks.append((mall_id, chunk))
    return chunks
