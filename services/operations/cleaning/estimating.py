"""Hours of which nothing usable was measured get a value that is marked as estimated.

Belongs here: the weekday medians of counters and interval meters, the interpolation of registers,
and writing what changed of either. Not here: which dates to estimate (dependents).

An estimate stands in the place of the hour: what was measured there and taken out of use is kept
under rules -> estimate -> measured, with its flags, and comes back when the estimate goes.
"""

from collections.abc import Collection
from datetime import date, timedelta

import sqlalchemy as sa

from domain.cleaning import INTERPOLATION, OUTLIER, WEEKDAY_MEDIAN, EstimateMethod
from services.operations.cleaning.dependents import INTERPOLATION_REACH, WEEKS
from services.operations.cleaning.scope import Cleaning, listed, parameter

_CREATE_WEEKDAYS = sa.text("""
    CREATE TEMPORARY TABLE IF NOT EXISTS cleaning_weekdays (
        device_id bigint, metric text, hour_start timestamptz, business_date date,
        covers_minutes int, samples int, median numeric, mad numeric
    ) ON COMMIT DELETE ROWS
""")

# The same wall time of the weeks before; an hour that a clock change repeats has one.
_WEEKDAYS = sa.text("""
    WITH seen AS (
        SELECT
            hours.device_id, hours.metric, hours.covers_minutes, hours.value,
            hours.business_date + 7 * ahead.weeks AS business_date,
            (
                (hours.hour_start AT TIME ZONE :time_zone) + make_interval(weeks => ahead.weeks)
            ) AT TIME ZONE :time_zone AS hour_start
        FROM ingest.reading_hours AS hours
        CROSS JOIN generate_series(1, :weeks) AS ahead (weeks)
        WHERE hours.mall_id = :mall_id AND hours.business_date = ANY(:history)
            AND hours.metric = ANY(:metrics) AND hours.is_used AND NOT hours.is_estimated
            AND hours.business_date + 7 * ahead.weeks = ANY(:dates)
    ),

    gathered AS (
        SELECT
            device_id, metric, hour_start, business_date, covers_minutes,
            array_agg(value ORDER BY value) AS ordered,
            CAST(count(*) AS int) AS size
        FROM seen
        GROUP BY device_id, metric, hour_start, business_date, covers_minutes
        HAVING count(*) >= :minimum_samples
    ),

    centred AS (
        SELECT
            *, (ordered[(size + 1) / 2] + ordered[size / 2 + 1]) / 2 AS median
        FROM gathered
    )

    INSERT INTO cleaning_weekdays
    SELECT
        device_id, metric, hour_start, business_date, covers_minutes, size, median,
        (away.ordered[(size + 1) / 2] + away.ordered[size / 2 + 1]) / 2
    FROM centred
    CROSS JOIN LATERAL (
        SELECT array_agg(abs(one - median) ORDER BY abs(one - median)) AS ordered
        FROM unnest(centred.ordered) AS one
    ) AS away
""").bindparams(
    sa.bindparam("weeks", WEEKS, type_=sa.Integer),
    sa.bindparam(
        "metrics",
        sorted(
            {*listed(OUTLIER.parameters["metrics"]), *listed(WEEKDAY_MEDIAN.parameters["metrics"])}
        ),
    ),
    sa.bindparam(
        "minimum_samples",
        min(parameter(OUTLIER, "minimum_samples"), parameter(WEEKDAY_MEDIAN, "minimum_samples")),
    ),
)

_CREATE_WANTED = sa.text("""
    CREATE TEMPORARY TABLE IF NOT EXISTS cleaning_estimates (
        device_id bigint, metric text, hour_start timestamptz, business_date date,
        measured_at timestamptz, value numeric(18, 6), detail jsonb
    ) ON COMMIT DELETE ROWS
""")

_MEDIANS = sa.text("""
    WITH told_by_day AS MATERIALIZED (
        SELECT DISTINCT device_id, metric, business_date FROM ingest.reading_hours
        WHERE mall_id = :mall_id AND business_date = ANY(:dates) AND metric = ANY(:metrics)
            AND is_used AND NOT is_estimated AND covers_minutes > 60
    )

    INSERT INTO cleaning_estimates
    SELECT
        seen.device_id, seen.metric, seen.hour_start, seen.business_date,
        seen.hour_start + interval '1 hour', seen.median,
        jsonb_build_object(
            'method', 'weekday_median', 'version', CAST(:version AS int), 'n', seen.samples
        )
    FROM cleaning_weekdays AS seen
    INNER JOIN app.devices AS devices ON seen.device_id = devices.id
    WHERE seen.business_date = ANY(:dates) AND seen.business_date < :last_measured
        AND seen.metric = ANY(:metrics) AND seen.covers_minutes = 60
        AND seen.samples >= :minimum_samples
        -- Of visitors that are told one by one, an hour without any is an hour without any.
        AND coalesce(devices.metric_kinds ->> seen.metric, devices.feed_kind) = 'INTERVAL'
        AND mod(
            1440 + CAST(
                extract(epoch FROM CAST(seen.hour_start AT TIME ZONE :time_zone AS time)
                - CAST(:opens_at AS time)) / 60 AS int
            ), 1440
        ) < :opening_minutes
        AND CAST(
            (seen.hour_start AT TIME ZONE :time_zone) - make_interval(hours => :cutoff_hour)
            AS date
        ) = seen.business_date
        AND EXISTS (
            SELECT FROM app.device_installations AS places
            WHERE places.device_id = seen.device_id
                AND seen.business_date >= places.installed_date
                AND seen.business_date <= coalesce(places.removed_date, 'infinity')
        )
        AND (seen.device_id, seen.metric, seen.business_date) NOT IN (
            SELECT device_id, metric, business_date FROM told_by_day
        )
""").bindparams(
    sa.bindparam("metrics", listed(WEEKDAY_MEDIAN.parameters["metrics"])),
    sa.bindparam("minimum_samples", WEEKDAY_MEDIAN.parameters["minimum_samples"]),
    sa.bindparam("cutoff_hour", type_=sa.Integer),
    sa.bindparam("version", WEEKDAY_MEDIAN.version),
)

_INTERPOLATED = sa.text("""
    WITH shown AS (
        SELECT
            hours.device_id, hours.metric, hours.hour_start, hours.measured_at, hours.value,
            places.id AS place_id, devices.expected_interval_minutes,
            lead(hours.hour_start) OVER dial AS next_hour,
            lead(hours.measured_at) OVER dial AS next_at,
            lead(hours.value) OVER dial AS next_value,
            lead(places.id) OVER dial AS next_place_id
        FROM ingest.reading_hours AS hours
        INNER JOIN app.devices AS devices ON hours.device_id = devices.id
        LEFT JOIN LATERAL (
            SELECT installations.id FROM app.device_installations AS installations
            WHERE installations.device_id = hours.device_id
                AND hours.business_date >= installations.installed_date
                AND hours.business_date <= coalesce(installations.removed_date, 'infinity')
            ORDER BY installations.installed_date DESC, installations.id DESC LIMIT 1
        ) AS places ON true
        WHERE hours.mall_id = :mall_id AND hours.business_date BETWEEN :reach_from AND :reach_to
            AND hours.metric = ANY(:metrics) AND hours.is_used AND NOT hours.is_estimated
        WINDOW dial AS (PARTITION BY hours.device_id, hours.metric ORDER BY hours.hour_start)
    ),

    between_readings AS (
        SELECT
            shown.*, steps.hour,
            CAST(
                (steps.hour AT TIME ZONE :time_zone) - make_interval(hours => :cutoff_hour)
                AS date
            ) AS business_date
        FROM shown
        CROSS JOIN LATERAL generate_series(
            hour_start + interval '1 hour', next_hour - interval '1 hour', interval '1 hour'
        ) AS steps (hour)
        WHERE next_at - measured_at
            > make_interval(mins => expected_interval_minutes) * CAST(:intervals AS float8)
            AND next_at - measured_at <= make_interval(days => :longest_days)
            AND next_value >= value AND place_id = next_place_id
    )

    INSERT INTO cleaning_estimates
    SELECT
        device_id, metric, hour, business_date, hour,
        round(
            value + (next_value - value) * extract(epoch FROM hour - measured_at)
            / extract(epoch FROM next_at - measured_at), 6
        ),
        jsonb_build_object(
            'method', 'interpolation', 'version', CAST(:version AS int),
            'from', measured_at, 'from_value', trim_scale(value),
            'to', next_at, 'to_value', trim_scale(next_value)
        )
    FROM between_readings
    WHERE business_date = ANY(:dates)
""").bindparams(
    sa.bindparam("metrics", listed(INTERPOLATION.parameters["metrics"])),
    sa.bindparam("cutoff_hour", type_=sa.Integer),
    sa.bindparam("longest_days", INTERPOLATION.parameters["longest_days"], type_=sa.Integer),
    sa.bindparam("intervals", INTERPOLATION.parameters["expected_intervals"], type_=sa.Numeric),
    sa.bindparam("version", INTERPOLATION.version),
)

# What somebody excluded by hand, measured or estimated, stays out.
_NOT_WANTED = sa.text("""
    DELETE FROM cleaning_estimates AS wanted
    WHERE EXISTS (
        SELECT FROM ingest.reading_hours AS hours
        WHERE hours.device_id = wanted.device_id AND hours.metric = wanted.metric
            AND hours.hour_start = wanted.hour_start
            AND hours.business_date = wanted.business_date
            AND hours.is_used AND NOT hours.is_estimated
    ) OR EXISTS (
        SELECT FROM ingest.cleaning_decisions AS decided
        WHERE decided.device_id = wanted.device_id AND decided.metric = wanted.metric
            AND decided.hour_start = wanted.hour_start
            AND decided.business_date = wanted.business_date
            AND decided.verdict = 'EXCLUDE' AND decided.withdrawn_at IS NULL
    )
""")

_FORGET = sa.text("""
    DELETE FROM ingest.reading_hours AS hours
    WHERE hours.mall_id = :mall_id AND hours.business_date = ANY(:dates)
        AND hours.metric = ANY(:metrics)
        AND hours.is_estimated AND NOT hours.rules -> 'estimate' ? 'measured'
        AND NOT EXISTS (
            SELECT FROM cleaning_estimates AS wanted
            WHERE wanted.device_id = hours.device_id AND wanted.metric = hours.metric
                AND wanted.hour_start = hours.hour_start
                AND wanted.business_date = hours.business_date
        )
    RETURNING hours.business_date
""")

_RESTORE = sa.text("""
    UPDATE ingest.reading_hours AS hours
    SET
        value = CAST(hours.rules #>> '{estimate,measured,value}' AS numeric),
        samples = CAST(hours.rules #>> '{estimate,measured,samples}' AS int),
        covers_minutes = CAST(hours.rules #>> '{estimate,measured,covers_minutes}' AS int),
        measured_at = CAST(hours.rules #>> '{estimate,measured,measured_at}' AS timestamptz),
        rules = hours.rules - 'estimate', is_used = false, is_estimated = false,
        cleaned_at = :now
    WHERE hours.mall_id = :mall_id AND hours.business_date = ANY(:dates)
        AND hours.metric = ANY(:metrics)
        AND hours.is_estimated AND hours.rules -> 'estimate' ? 'measured'
        AND NOT EXISTS (
            SELECT FROM cleaning_estimates AS wanted
            WHERE wanted.device_id = hours.device_id AND wanted.metric = hours.metric
                AND wanted.hour_start = hours.hour_start
                AND wanted.business_date = hours.business_date
        )
    RETURNING hours.business_date
""")

_PUT = sa.text("""
    INSERT INTO ingest.reading_hours AS hours (
        device_id, metric, hour_start, measured_at, mall_id, business_date, value, samples,
        covers_minutes, is_used, is_estimated, rules, cleaned_at
    )
    SELECT
        device_id, metric, hour_start, measured_at, :mall_id, business_date, value, 0, 60, true,
        true, jsonb_build_object('estimate', detail), :now
    FROM cleaning_estimates
    ON CONFLICT (device_id, metric, hour_start, business_date) DO UPDATE SET
        value = excluded.value, measured_at = excluded.measured_at, samples = 0,
        covers_minutes = 60, is_used = true, is_estimated = true,
        rules = (hours.rules - 'estimate') || jsonb_build_object(
            'estimate',
            (excluded.rules -> 'estimate') || CASE
                WHEN NOT hours.is_estimated THEN jsonb_build_object(
                    'measured', jsonb_build_object(
                        'value', hours.value, 'samples', hours.samples,
                        'covers_minutes', hours.covers_minutes,
                        'measured_at', hours.measured_at
                    )
                )
                WHEN hours.rules -> 'estimate' ? 'measured' THEN jsonb_build_object(
                    'measured', hours.rules -> 'estimate' -> 'measured'
                )
                ELSE '{}'
            END
        ),
        cleaned_at = excluded.cleaned_at
    WHERE NOT hours.is_estimated OR hours.value <> excluded.value
        OR (hours.rules -> 'estimate') - 'measured' <> excluded.rules -> 'estimate'
    RETURNING hours.business_date
""")


def gather_weekdays(cleaning: Cleaning, dates: Collection[date]) -> None:
    """Put what the same weekday and hour of the weeks before said, for each hour of the dates,
    into pg_temp.cleaning_weekdays: number, median and MAD of what was measured and used.
    """
    cleaning.connection.execute(_CREATE_WEEKDAYS)
    cleaning.connection.execute(sa.text("TRUNCATE pg_temp.cleaning_weekdays"))
    history = {day - timedelta(weeks=weeks) for day in dates for weeks in range(1, WEEKS + 1)}
    cleaning.run(_WEEKDAYS, dates, history=sorted(history))
    cleaning.connection.execute(sa.text("ANALYZE pg_temp.cleaning_weekdays"))


def estimate_by_weekday(
    cleaning: Cleaning, dates: Collection[date], last_measured: date | None
) -> set[date]:
    """Estimate counters and interval meters on the dates; the dates on which estimates changed.

    Reads pg_temp.cleaning_weekdays. Nothing is missing yet from the last measured date.
    """
    _begin(cleaning)
    cleaning.run(_MEDIANS, dates, last_measured=last_measured)
    return _write(cleaning, dates, WEEKDAY_MEDIAN)


def interpolate_registers(cleaning: Cleaning, dates: Collection[date]) -> set[date]:
    """Interpolate registers on the dates; the dates on which estimates changed."""
    _begin(cleaning)
    reach = timedelta(days=INTERPOLATION_REACH)
    cleaning.run(_INTERPOLATED, dates, reach_from=min(dates) - reach, reach_to=max(dates) + reach)
    return _write(cleaning, dates, INTERPOLATION)


def _begin(cleaning: Cleaning) -> None:
    cleaning.connection.execute(_CREATE_WANTED)
    cleaning.connection.execute(sa.text("TRUNCATE pg_temp.cleaning_estimates"))


def _write(cleaning: Cleaning, dates: Collection[date], method: EstimateMethod) -> set[date]:
    cleaning.connection.execute(_NOT_WANTED)
    cleaning.connection.execute(sa.text("ANALYZE pg_temp.cleaning_estimates"))
    metrics = listed(method.parameters["metrics"])
    changed: set[date] = set()
    for statement in (_FORGET, _RESTORE):
        changed.update(cleaning.run(statement, dates, metrics=metrics).scalars())
    changed.update(cleaning.run(_PUT, dates).scalars())
    return changed
