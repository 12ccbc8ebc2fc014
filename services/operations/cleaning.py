"""Readings become cleaned hours: gathered by hour on the mall's clock and judged by the rules.

Belongs here: computing ingest.reading_hours for the business dates whose readings changed. Not
here: the rules' names and parameters (domain.cleaning), landing (services.operations.landing),
days and months (the marts).

Set-based: one statement gathers and judges up to a month of one mall, so the cost follows the
dates that changed, never the history. A date is computed from all its readings each time, so
late data, revisions and repeats end in the same hours as data in order.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.cleaning import ABOVE_MAXIMUM, DEAD_ZEROS, NEGATIVE, OTHER_KIND, UNCERTAIN_CLOCK
from domain.devices import REGISTER_METRICS, Metric
from domain.malls import MallClock
from storage.models import Mall

CHUNK_DAYS = 31
# A zone's clock change can move the edge of a business day by this much against a search by
# instants; the business date itself decides.
EDGE = timedelta(hours=2)

_PENDING = sa.text("""
    SELECT mall_id, business_date FROM ingest.touched_dates
    WHERE cleaned_at IS NULL AND (CAST(:mall_id AS bigint) IS NULL OR mall_id = :mall_id)
    ORDER BY mall_id, business_date
""")

# What a meter consumed from the last register of a changed date on belongs to the next day that
# has one: with it all days between are other days to the marts.
_NEIGHBOURS = sa.text("""
    SELECT CAST(:last AS date) + days AS neighbour
    FROM generate_series(1, (
        SELECT max(after.business_date) - CAST(:last AS date)
        FROM app.devices AS devices
        CROSS JOIN unnest(CAST(:register_metrics AS text[])) AS registers (metric)
        CROSS JOIN LATERAL (
            SELECT hours.business_date FROM ingest.reading_hours AS hours
            WHERE hours.device_id = devices.id AND hours.metric = registers.metric
                AND hours.hour_start >= :upper AND hours.is_used
            ORDER BY hours.hour_start LIMIT 1
        ) AS after
        WHERE devices.mall_id = :mall_id AND devices.kind = 'METER'
    )) AS days
""")

# In order of date, as landing takes them: two that wait for each other would be a deadlock.
_LOCK = sa.text("""
    SELECT business_date, cleaned_at IS NULL AS is_pending FROM ingest.touched_dates
    WHERE mall_id = :mall_id AND business_date = ANY(:dates)
    ORDER BY business_date FOR UPDATE
""")

_FORGET = sa.text("""
    DELETE FROM ingest.reading_hours WHERE mall_id = :mall_id AND business_date = ANY(:dates)
""")

_GATHER = sa.text("""
    WITH placed AS (
        SELECT
            readings.device_id,
            readings.metric,
            readings.interval_start,
            readings.interval_end,
            date_trunc('hour', readings.interval_start, :time_zone) AS hour_start,
            CAST(
                (readings.interval_start AT TIME ZONE :time_zone)
                - make_interval(hours => :cutoff_hour) AS date
            ) AS business_date,
            greatest(least(readings.value, :largest_value), -:largest_value) AS value,
            abs(readings.value) > :largest_value AS is_immense,
            readings.quality = 'UNCERTAIN' AS is_uncertain,
            readings.value < 0 AND readings.metric = ANY(:never_negative) AS is_negative,
            CASE
                WHEN devices.kind NOT IN ('FOOTFALL', 'POS') THEN false
                WHEN devices.feed_kind = 'INTERVAL'
                    THEN readings.interval_end = readings.interval_start
                ELSE readings.interval_end > readings.interval_start
            END AS is_other_kind,
            devices.physical_maximum
        FROM ingest.readings AS readings
        INNER JOIN app.devices AS devices ON readings.device_id = devices.id
        WHERE devices.mall_id = :mall_id
            AND readings.interval_start >= :lower AND readings.interval_start < :upper
    ),

    judged AS (
        SELECT
            *,
            NOT (is_uncertain OR is_negative OR is_other_kind OR is_immense) AS is_kept,
            CASE
                WHEN interval_end > interval_start
                    THEN extract(epoch FROM interval_end - interval_start) / 60
            END AS minutes
        FROM placed
        WHERE business_date = ANY(:dates)
    ),

    -- What a rule has left out of an hour is not part of its value, unless nothing else is there.
    gathered AS (
        SELECT
            device_id,
            metric,
            hour_start,
            business_date,
            bool_or(is_kept) AS has_kept,
            CASE
                WHEN metric = ANY(:register_metrics)
                    THEN (array_agg(value ORDER BY is_kept DESC, interval_start DESC))[1]
                WHEN metric = :mean_metric
                    THEN coalesce(avg(value) FILTER (WHERE is_kept), avg(value))
                ELSE coalesce(sum(value) FILTER (WHERE is_kept), sum(value))
            END AS value,
            coalesce(
                max(interval_end) FILTER (WHERE is_kept), max(interval_end)
            ) AS measured_at,
            coalesce(
                nullif(count(*) FILTER (WHERE is_kept), 0), count(*)
            ) AS samples,
            -- A day counts as 1440 minutes also when the clock changed in it.
            CASE
                WHEN coalesce(max(minutes) FILTER (WHERE is_kept), max(minutes)) >= 1380
                    THEN 1440
                ELSE coalesce(sum(minutes) FILTER (WHERE is_kept), sum(minutes), 60)
            END AS covers_minutes,
            bool_or(is_uncertain) AS is_uncertain,
            bool_or(is_negative) AS is_negative,
            bool_or(is_other_kind) AS is_other_kind,
            bool_or(is_immense) AS is_immense,
            max(physical_maximum) AS physical_maximum
        FROM judged
        GROUP BY device_id, metric, hour_start, business_date
    ),

    -- Windows, not joins: an empty guess of the planner would make a join quadratic.
    watched AS (
        SELECT
            *,
            bool_or(has_kept AND value > 0 AND metric = ANY(:evidence_metrics)) OVER (
                PARTITION BY business_date
            ) AS saw_people,
            bool_and(value = 0) FILTER (WHERE has_kept) OVER counter_day AS is_all_zeros,
            sum(covers_minutes) FILTER (
                WHERE has_kept AND (covers_minutes = 1440 OR mod(
                    1440 + CAST(
                        extract(epoch FROM CAST(hour_start AT TIME ZONE :time_zone AS time)
                        - CAST(:opens_at AS time)) / 60 AS int
                    ), 1440
                ) < :opening_minutes)
            ) OVER counter_day AS open_minutes
        FROM gathered
        WINDOW counter_day AS (PARTITION BY business_date, device_id, metric)
    ),

    flagged AS (
        SELECT
            *,
            metric = ANY(:zero_metrics) AND saw_people AND coalesce(is_all_zeros, false)
            AND coalesce(open_minutes, 0) >= :minimum_opening_hours * 60 AS is_blind,
            is_immense OR (
                metric <> ALL(:register_metrics)
                AND value > physical_maximum * greatest(covers_minutes, 60) / 60
            ) AS is_above
        FROM watched
    )

    INSERT INTO ingest.reading_hours (
        device_id, metric, hour_start, measured_at, mall_id, business_date, value, samples,
        covers_minutes, flags, is_used, rules, cleaned_at
    )
    SELECT
        device_id, metric, hour_start, measured_at, :mall_id, business_date,
        greatest(least(value, :largest_value), -:largest_value), samples, covers_minutes,
        array_remove(
            ARRAY[
                CASE WHEN is_uncertain THEN 'uncertain_clock' END,
                CASE WHEN is_negative THEN 'negative' END,
                CASE WHEN is_other_kind THEN 'other_kind' END,
                CASE WHEN is_above THEN 'above_maximum' END,
                CASE WHEN is_blind THEN 'dead_zeros' END
            ], NULL
        ),
        has_kept AND NOT coalesce(is_above, false) AND NOT is_blind,
        CASE
            WHEN is_uncertain OR is_negative OR is_other_kind OR is_above OR is_blind
                THEN jsonb_strip_nulls(jsonb_build_object(
                    'uncertain_clock', CASE WHEN is_uncertain THEN :uncertain_clock_version END,
                    'negative', CASE WHEN is_negative THEN :negative_version END,
                    'other_kind', CASE WHEN is_other_kind THEN :other_kind_version END,
                    'above_maximum', CASE WHEN is_above THEN :above_maximum_version END,
                    'dead_zeros', CASE WHEN is_blind THEN :dead_zeros_version END
                ))
            ELSE '{}'
        END,
        :now
    FROM flagged
    -- Hours of a date that had another number before the mall's cut-off hour was changed.
    ON CONFLICT (device_id, metric, hour_start, business_date) DO UPDATE SET
        measured_at = excluded.measured_at, mall_id = excluded.mall_id,
        business_date = excluded.business_date, value = excluded.value,
        samples = excluded.samples, covers_minutes = excluded.covers_minutes,
        flags = excluded.flags, is_used = excluded.is_used, rules = excluded.rules,
        cleaned_at = excluded.cleaned_at
""").bindparams(
    sa.bindparam("largest_value", type_=sa.Numeric),
    sa.bindparam("cutoff_hour", type_=sa.Integer),
    *(
        sa.bindparam(f"{rule.name}_version", value=rule.version, type_=sa.Integer)
        for rule in (UNCERTAIN_CLOCK, NEGATIVE, OTHER_KIND, ABOVE_MAXIMUM, DEAD_ZEROS)
    ),
)

_FLAGGED = sa.text("""
    SELECT flag, count(*) AS hours FROM ingest.reading_hours, unnest(flags) AS flag
    WHERE mall_id = :mall_id AND business_date = ANY(:dates)
    GROUP BY flag
""")

_CLEANED = sa.text("""
    UPDATE ingest.touched_dates SET
        cleaned_at = :now,
        revision = touched_dates.revision + 1,
        hours_used = (
            SELECT count(*) FROM ingest.reading_hours AS hours
            WHERE hours.mall_id = touched_dates.mall_id
                AND hours.business_date = touched_dates.business_date AND hours.is_used
        )
    WHERE mall_id = :mall_id AND business_date = ANY(:dates)
""")

# A neighbour that waits for its own cleaning stays waiting.
_REVISED = sa.text("""
    INSERT INTO ingest.touched_dates (mall_id, business_date, touched_at, cleaned_at, revision)
    SELECT :mall_id, neighbour, :now, :now, 1
    FROM unnest(CAST(:neighbours AS date[])) AS neighbour ORDER BY neighbour
    ON CONFLICT (mall_id, business_date) DO UPDATE SET revision = touched_dates.revision + 1
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
    """`dates` are (mall id, business date) in order; `flagged` counts hours per rule name."""

    dates: tuple[tuple[int, date], ...]
    hours_written: int
    flagged: dict[str, int]


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
    cleaned: list[tuple[int, date]] = []
    hours_written = 0
    flagged: Counter[str] = Counter()
    for mall, dates in _chunks(pending):
        with engine.begin() as connection:
            done, hours, flags = _clean(connection, mall_id=mall, dates=dates, now=now)
        cleaned += [(mall, day) for day in done]
        hours_written += hours
        flagged.update(flags)
    return CleaningResult(tuple(cleaned), hours_written, dict(sorted(flagged.items())))


def touch_dates(
    session: Session, *, mall_id: int, first: date, last: date | None = None, now: datetime
) -> None:
    """Have the known business dates from `first` to `last` (both included; None: to the last
    known) cleaned and their marts rebuilt. A date of which nothing was ever heard stays unknown.

    For changes of what readings mean rather than of readings: a device hung up, taken down or
    corrected for days gone by.
    """
    session.execute(
        _TOUCH, {"mall_id": mall_id, "first": first, "last": last or date.max, "now": now}
    )


def _clean(
    connection: sa.Connection, *, mall_id: int, dates: list[date], now: datetime
) -> tuple[list[date], int, dict[str, int]]:
    """Dates cleaned, hours written, hours per flag; in the connection's transaction."""
    clock = _clock(connection, mall_id)
    lower, upper = clock.business_day(dates[0])[0], clock.business_day(dates[-1])[1]
    scope: dict[str, Any] = {"mall_id": mall_id, "now": now, "dates": dates}
    registers = sorted(REGISTER_METRICS)
    neighbours = set(
        connection.scalars(
            _NEIGHBOURS,
            {**scope, "register_metrics": registers, "upper": upper, "last": dates[-1]},
        )
    ) - set(dates)
    locked = connection.execute(_LOCK, {**scope, "dates": sorted({*dates, *neighbours})})
    waiting = {row.business_date for row in locked if row.is_pending}
    dates = [day for day in dates if day in waiting]
    if not dates:
        return [], 0, {}
    scope["dates"] = dates
    connection.execute(_FORGET, scope)
    hours = connection.execute(
        _GATHER,
        {
            **scope,
            "lower": lower - EDGE,
            "upper": upper + EDGE,
            "time_zone": clock.time_zone,
            "cutoff_hour": clock.cutoff_hour,
            "opens_at": clock.opens_at,
            "opening_minutes": _opening_minutes(clock),
            "register_metrics": registers,
            "mean_metric": Metric.TEMPERATURE.value,
            "never_negative": _listed(NEGATIVE.parameters["metrics"]),
            "largest_value": ABOVE_MAXIMUM.parameters["largest_value"],
            "zero_metrics": _listed(DEAD_ZEROS.parameters["metrics"]),
            "evidence_metrics": _listed(DEAD_ZEROS.parameters["evidence_metrics"]),
            "minimum_opening_hours": DEAD_ZEROS.parameters["minimum_opening_hours"],
        },
    ).rowcount
    flagged = {row.flag: row.hours for row in connection.execute(_FLAGGED, scope)}
    connection.execute(_CLEANED, scope)
    connection.execute(_REVISED, {**scope, "neighbours": sorted(neighbours)})
    return dates, hours, flagged


def _clock(connection: sa.Connection, mall_id: int) -> MallClock:
    row = connection.execute(
        sa.select(
            Mall.time_zone, Mall.business_day_cutoff_hour, Mall.opens_at, Mall.closes_at
        ).where(Mall.id == mall_id)
    ).one()
    return MallClock(
        time_zone=row.time_zone,
        cutoff_hour=row.business_day_cutoff_hour,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
    )


def _opening_minutes(clock: MallClock) -> int:
    """Minutes from opening to closing; closing at the time of opening is open all day."""
    opens, closes = (time.hour * 60 + time.minute for time in (clock.opens_at, clock.closes_at))
    return (closes - opens) % 1440 or 1440


def _listed(values: object) -> list[str]:
    return list(values) if isinstance(values, tuple) else []


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
