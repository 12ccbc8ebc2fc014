"""The soft rules: they flag what is odd and leave it in use.

Belongs here: stuck, still, outlier and imbalance over what the hard rules left in use, and the
flags of hours that follow. Not here: the hard rules (gathering), which dates to judge
(dependents).

Each rule writes what it found to a table of the transaction; then the flags of just these rules
on just these dates become what was found, and only hours whose flags change are written.
"""

from collections.abc import Collection
from datetime import date, timedelta

import sqlalchemy as sa

from domain.cleaning import CLEANING_RULES, IMBALANCE, OUTLIER, STILL, STUCK, CleaningRule
from domain.devices import REGISTER_METRICS
from services.operations.cleaning.dependents import STILL_REACH
from services.operations.cleaning.scope import Cleaning, listed, parameter

_CREATE = sa.text("""
    CREATE TEMPORARY TABLE IF NOT EXISTS cleaning_findings (
        device_id bigint, metric text, hour_start timestamptz, business_date date, rule text,
        detail jsonb
    ) ON COMMIT DELETE ROWS
""")

_STUCK = sa.text("""
    WITH counted AS (
        SELECT
            device_id, metric, hour_start, business_date, value,
            lag(value) OVER counter_day = value
            AND lag(hour_start) OVER counter_day = hour_start - interval '1 hour' AS goes_on
        FROM ingest.reading_hours
        WHERE mall_id = :mall_id AND business_date = ANY(:dates) AND metric = ANY(:metrics)
            AND is_used AND NOT is_estimated AND value <> 0 AND covers_minutes <= 60
            AND mod(
                1440 + CAST(
                    extract(epoch FROM CAST(hour_start AT TIME ZONE :time_zone AS time)
                    - CAST(:opens_at AS time)) / 60 AS int
                ), 1440
            ) < :opening_minutes
        WINDOW counter_day AS (
            PARTITION BY device_id, metric, business_date ORDER BY hour_start
        )
    ),

    numbered AS (
        SELECT *, count(*) FILTER (WHERE goes_on IS NOT TRUE) OVER (
            PARTITION BY device_id, metric, business_date ORDER BY hour_start
        ) AS run
        FROM counted
    ),

    lengths AS (
        SELECT *, count(*) OVER (
            PARTITION BY device_id, metric, business_date, run
        ) AS hours
        FROM numbered
    )

    INSERT INTO cleaning_findings
    SELECT
        device_id, metric, hour_start, business_date, 'stuck',
        jsonb_build_object(
            'version', CAST(:version AS int), 'hours', hours, 'value', trim_scale(value)
        )
    FROM lengths WHERE hours >= :hours
""").bindparams(
    metrics=listed(STUCK.parameters["metrics"]),
    hours=STUCK.parameters["hours"],
    version=STUCK.version,
)

_STILL = sa.text("""
    WITH days AS (
        SELECT
            device_id, metric, business_date,
            metric = ANY(:register_metrics) AS is_register,
            min(value) AS low, max(value) AS high, max(hour_start) AS last_hour
        FROM ingest.reading_hours
        WHERE mall_id = :mall_id AND business_date = ANY(:history) AND metric = ANY(:metrics)
            AND is_used AND NOT is_estimated
        GROUP BY device_id, metric, business_date
    ),

    watched AS (
        SELECT
            *,
            count(*) OVER recent AS recent_days,
            min(low) OVER recent AS recent_low,
            max(high) OVER recent AS recent_high,
            min(low) OVER earlier AS earlier_low,
            max(high) OVER earlier AS earlier_high
        FROM days
        WINDOW
            recent AS (
                PARTITION BY device_id, metric ORDER BY business_date
                RANGE BETWEEN make_interval(days => :still_days - 1) PRECEDING AND CURRENT ROW
            ),
            earlier AS (
                PARTITION BY device_id, metric ORDER BY business_date
                RANGE BETWEEN make_interval(days => :still_days + :moved_days - 1) PRECEDING
                AND make_interval(days => :still_days) PRECEDING
            )
    )

    INSERT INTO cleaning_findings
    SELECT
        device_id, metric, last_hour, business_date, 'still',
        jsonb_build_object(
            'version', CAST(:version AS int), 'days', recent_days, 'value', trim_scale(recent_high)
        )
    FROM watched
    WHERE business_date = ANY(:dates) AND recent_days = :still_days AND recent_low = recent_high
        AND CASE
            WHEN is_register THEN earlier_low < recent_low
            ELSE recent_high = 0 AND earlier_high > 0
        END
""").bindparams(
    sa.bindparam("register_metrics", sorted(REGISTER_METRICS)),
    sa.bindparam("metrics", listed(STILL.parameters["metrics"])),
    sa.bindparam("still_days", parameter(STILL, "still_days"), type_=sa.Integer),
    sa.bindparam("moved_days", parameter(STILL, "moved_days"), type_=sa.Integer),
    sa.bindparam("version", STILL.version),
)

_OUTLIER = sa.text("""
    INSERT INTO cleaning_findings
    SELECT
        hours.device_id, hours.metric, hours.hour_start, hours.business_date, 'outlier',
        jsonb_build_object(
            'version', CAST(:version AS int),
            'z', trim_scale(round(0.6745 * (hours.value - seen.median) / scale.spread, 2)),
            'median', trim_scale(round(seen.median, 6)),
            'mad', trim_scale(round(seen.mad, 6)),
            'spread', trim_scale(round(scale.spread, 6)),
            'n', seen.samples
        )
    FROM ingest.reading_hours AS hours
    INNER JOIN cleaning_weekdays AS seen
        ON seen.device_id = hours.device_id AND seen.metric = hours.metric
            AND seen.hour_start = hours.hour_start AND seen.business_date = hours.business_date
            AND seen.covers_minutes = hours.covers_minutes
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN seen.mad > 0 THEN seen.mad
            ELSE greatest(:floor, :floor_share * abs(seen.median))
        END AS spread
    ) AS scale
    WHERE hours.mall_id = :mall_id AND hours.business_date = ANY(:dates)
        AND hours.metric = ANY(:metrics) AND hours.is_used AND NOT hours.is_estimated
        AND seen.samples >= :minimum_samples
        AND 0.6745 * abs(hours.value - seen.median) > :limit * scale.spread
""").bindparams(
    sa.bindparam("metrics", listed(OUTLIER.parameters["metrics"])),
    sa.bindparam("version", OUTLIER.version),
    sa.bindparam("minimum_samples", OUTLIER.parameters["minimum_samples"]),
    sa.bindparam("limit", OUTLIER.parameters["limit"], type_=sa.Numeric),
    sa.bindparam("floor", OUTLIER.parameters["floor"], type_=sa.Numeric),
    sa.bindparam("floor_share", OUTLIER.parameters["floor_share"], type_=sa.Numeric),
)

# People who came in by one entrance leave by another: all entrances are one place.
_IMBALANCE = sa.text("""
    WITH counted AS (
        SELECT DISTINCT ON (
            hours.device_id, hours.metric, hours.hour_start, hours.business_date
        )
            hours.device_id, hours.metric, hours.hour_start, hours.business_date, hours.value,
            CASE
                WHEN places.shop_id IS NOT NULL THEN concat('shop ', places.shop_id)
                WHEN places.zone LIKE 'ENTRANCE%' THEN 'entrances'
                ELSE concat('zone ', places.zone)
            END AS place
        FROM ingest.reading_hours AS hours
        INNER JOIN app.device_installations AS places
            ON places.device_id = hours.device_id
                AND hours.business_date >= places.installed_date
                AND hours.business_date <= coalesce(places.removed_date, 'infinity')
        WHERE hours.mall_id = :mall_id AND hours.business_date = ANY(:dates)
            AND hours.business_date < :last_measured
            AND hours.metric IN ('footfall_in', 'footfall_out')
            AND hours.is_used AND NOT hours.is_estimated
        ORDER BY
            hours.device_id, hours.metric, hours.hour_start, hours.business_date,
            places.installed_date DESC, places.id DESC
    ),

    closed AS (
        SELECT
            place, business_date,
            sum(value) FILTER (WHERE metric = 'footfall_in') AS entered,
            sum(value) FILTER (WHERE metric = 'footfall_out') AS came_out
        FROM counted GROUP BY place, business_date
    )

    INSERT INTO cleaning_findings
    SELECT DISTINCT ON (counted.device_id, counted.metric, counted.business_date)
        counted.device_id, counted.metric, counted.hour_start, counted.business_date,
        'imbalance',
        jsonb_build_object(
            'version', CAST(:version AS int), 'in', trim_scale(entered),
            'out', trim_scale(came_out),
            'share', round(abs(entered - came_out) / greatest(entered, came_out), 4)
        )
    FROM counted
    INNER JOIN closed
        ON closed.place = counted.place AND closed.business_date = counted.business_date
    WHERE greatest(entered, came_out) >= :minimum
        AND abs(entered - came_out) > :share * greatest(entered, came_out)
    ORDER BY
        counted.device_id, counted.metric, counted.business_date, counted.hour_start DESC
""").bindparams(
    sa.bindparam("version", IMBALANCE.version),
    sa.bindparam("minimum", IMBALANCE.parameters["minimum"], type_=sa.Numeric),
    sa.bindparam("share", IMBALANCE.parameters["share"], type_=sa.Numeric),
)

_APPLY = sa.text("""
    WITH spoken AS (
        SELECT
            found.device_id, found.metric, found.hour_start, found.business_date,
            array_agg(found.rule) AS flags,
            jsonb_object_agg(
                found.rule,
                found.detail || CASE
                    WHEN decided.id IS NULL THEN '{}'
                    ELSE jsonb_build_object('released', decided.id)
                END
            ) AS rules
        FROM cleaning_findings AS found
        LEFT JOIN ingest.cleaning_decisions AS decided
            ON decided.device_id = found.device_id AND decided.metric = found.metric
                AND decided.hour_start = found.hour_start
                AND decided.business_date = found.business_date
                AND decided.rule = found.rule AND decided.verdict = 'RELEASE'
                AND decided.withdrawn_at IS NULL
        WHERE found.rule = ANY(:spoken_rules)
        GROUP BY found.device_id, found.metric, found.hour_start, found.business_date
    ),

    wanted AS (
        SELECT
            hours.device_id, hours.metric, hours.hour_start, hours.business_date,
            ARRAY(
                SELECT rule FROM unnest(CAST(:every_rule AS text[])) AS rule
                WHERE (rule = ANY(hours.flags) AND rule <> ALL(:spoken_rules))
                    OR rule = ANY(spoken.flags)
            ) AS flags,
            (hours.rules - CAST(:spoken_rules AS text[])) || coalesce(spoken.rules, '{}') AS rules
        FROM ingest.reading_hours AS hours
        LEFT JOIN spoken
            ON spoken.device_id = hours.device_id AND spoken.metric = hours.metric
                AND spoken.hour_start = hours.hour_start
                AND spoken.business_date = hours.business_date
        WHERE hours.mall_id = :mall_id AND hours.business_date = ANY(:dates)
            AND (spoken.device_id IS NOT NULL OR hours.flags && CAST(:spoken_rules AS text[]))
    )

    UPDATE ingest.reading_hours AS hours
    SET flags = wanted.flags, rules = wanted.rules, cleaned_at = :now
    FROM wanted
    WHERE hours.device_id = wanted.device_id AND hours.metric = wanted.metric
        AND hours.hour_start = wanted.hour_start AND hours.business_date = wanted.business_date
        AND (hours.flags <> wanted.flags OR hours.rules <> wanted.rules)
    RETURNING hours.business_date
""").bindparams(
    sa.bindparam("every_rule", [rule.name for rule in CLEANING_RULES], type_=sa.ARRAY(sa.Text)),
    sa.bindparam("spoken_rules", type_=sa.ARRAY(sa.Text)),
)


def judge_weekly(
    cleaning: Cleaning, dates: Collection[date], last_measured: date | None
) -> set[date]:
    """Say stuck, outlier and imbalance again on these dates; the dates whose flags changed.

    pg_temp.cleaning_weekdays holds the weeks before (estimating.gather_weekdays). The last date
    that the mall has sent anything of may go on: its doors are not closed yet.
    """
    _begin(cleaning)
    cleaning.run(_STUCK, dates)
    cleaning.run(_OUTLIER, dates)
    cleaning.run(_IMBALANCE, dates, last_measured=last_measured)
    return _apply(cleaning, dates, STUCK, OUTLIER, IMBALANCE)


def judge_still(cleaning: Cleaning, dates: Collection[date]) -> set[date]:
    """Say still again on these dates; the dates whose flags changed."""
    _begin(cleaning)
    history = {day - timedelta(days=days) for day in dates for days in range(STILL_REACH)}
    cleaning.run(_STILL, dates, history=sorted(history))
    return _apply(cleaning, dates, STILL)


def _begin(cleaning: Cleaning) -> None:
    cleaning.connection.execute(_CREATE)
    cleaning.connection.execute(sa.text("TRUNCATE pg_temp.cleaning_findings"))


def _apply(cleaning: Cleaning, dates: Collection[date], *rules: CleaningRule) -> set[date]:
    cleaning.connection.execute(sa.text("ANALYZE pg_temp.cleaning_findings"))
    changed = cleaning.run(_APPLY, dates, spoken_rules=[rule.name for rule in rules])
    return set(changed.scalars())
