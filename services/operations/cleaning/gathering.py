"""The first step of cleaning: hours of business dates, from all that came, and the hard rules.

Belongs here: adding up readings and a till's transactions by hour, and the rules that take a
value out of use: each looks at one business date alone. Not here: soft rules (judging), hours of
which nothing usable came (estimating).
"""

from collections.abc import Collection
from datetime import date, timedelta

import sqlalchemy as sa

from domain.cleaning import (
    ABOVE_MAXIMUM,
    CLEANING_RULES,
    DEAD_ZEROS,
    EXCLUDED_BY_HAND,
    NEGATIVE,
    OTHER_KIND,
    TILL_METRICS,
    UNCERTAIN_CLOCK,
)
from domain.devices import DECLARED_METRICS, REGISTER_METRICS, STATE_METRICS, USED_METRICS, Metric
from services.operations.cleaning.scope import Cleaning, listed
from services.operations.cleaning.till_hours import place_sales

# A zone's clock change can move the edge of a business day by this much against a search by
# instants; the business date itself decides.
EDGE = timedelta(hours=2)

_FORGET = sa.text("""
    DELETE FROM ingest.reading_hours WHERE mall_id = :mall_id AND business_date = ANY(:dates)
""")

_GATHER = sa.text("""
    WITH decided AS (
        SELECT
            device_id, metric, hour_start, business_date,
            jsonb_object_agg(rule, id) FILTER (WHERE verdict = 'RELEASE') AS released,
            max(id) FILTER (WHERE verdict = 'EXCLUDE') AS excluded
        FROM ingest.cleaning_decisions
        WHERE mall_id = :mall_id AND business_date = ANY(:dates) AND withdrawn_at IS NULL
        GROUP BY device_id, metric, hour_start, business_date
    ),

    measured AS (
        SELECT
            readings.device_id,
            readings.metric,
            readings.interval_start,
            readings.interval_end,
            CAST(
                (readings.interval_start AT TIME ZONE :time_zone)
                - make_interval(hours => :cutoff_hour) AS date
            ) AS business_date,
            readings.value,
            1 AS counts,
            readings.quality = 'UNCERTAIN' AS is_uncertain,
            CASE
                WHEN readings.metric = ANY(:declared_metrics)
                    THEN readings.interval_end = readings.interval_start
                WHEN
                    devices.kind NOT IN ('FOOTFALL', 'POS')
                    AND readings.metric <> ALL(:used_metrics || :register_metrics)
                    THEN false
                WHEN kinds.kind = 'INTERVAL'
                    THEN readings.interval_end = readings.interval_start
                ELSE readings.interval_end > readings.interval_start
                    AND readings.metric <> ALL(:register_metrics)
            END AS is_other_kind
        FROM app.devices AS devices
        INNER JOIN ingest.readings AS readings ON readings.device_id = devices.id
        CROSS JOIN LATERAL (
            SELECT coalesce(devices.metric_kinds ->> readings.metric, devices.feed_kind) AS kind
        ) AS kinds
        WHERE devices.mall_id = :mall_id
            AND readings.metric = ANY(:metrics)
            AND readings.interval_start >= :lower AND readings.interval_start < :upper
    ),

    -- Of a till that sends its transactions one by one, no other figure of the day counts.
    came AS (
        SELECT
            measured.device_id, measured.metric, measured.interval_start, measured.interval_end,
            measured.business_date, measured.value, measured.counts, measured.is_uncertain,
            measured.is_other_kind OR tills.device_id IS NOT NULL AS is_other_kind
        FROM measured
        LEFT JOIN (
            SELECT DISTINCT device_id, business_date FROM pg_temp.cleaning_sales
        ) AS tills
            ON tills.device_id = measured.device_id
                AND tills.business_date = measured.business_date
                AND measured.metric = ANY(:till_metrics)
        WHERE measured.business_date = ANY(:dates)

        UNION ALL

        SELECT
            sold.device_id, told.metric, sold.occurred_at, sold.occurred_at,
            sold.business_date, told.value, sold.counts, sold.is_uncertain,
            coalesce(devices.metric_kinds ->> told.metric, devices.feed_kind) = 'INTERVAL'
        FROM pg_temp.cleaning_sales AS sold
        INNER JOIN app.devices AS devices ON sold.device_id = devices.id
        CROSS JOIN LATERAL (
            VALUES
            ('sales', sold.sales),
            ('transactions', sold.counts),
            ('gross_sales', sold.gross_sales),
            ('refunds', sold.refunds),
            ('discounts', sold.discounts),
            ('tax', sold.tax)
        ) AS told (metric, value)
        WHERE sold.business_date = ANY(:dates)
    ),

    placed AS (
        SELECT
            *,
            date_trunc('hour', interval_start, :time_zone) AS hour_start,
            abs(value) > :largest_value AS is_immense,
            value < 0 AND metric = ANY(:never_negative) AS is_negative
        FROM came
    ),

    judged AS (
        SELECT
            placed.device_id,
            placed.metric,
            placed.hour_start,
            placed.business_date,
            placed.interval_start,
            placed.interval_end,
            greatest(least(placed.value, :largest_value), -:largest_value) AS value,
            placed.counts,
            placed.is_uncertain,
            placed.is_negative,
            placed.is_other_kind,
            placed.is_immense,
            coalesce(decided.released, '{}') AS released,
            decided.excluded,
            (NOT placed.is_uncertain OR decided.released ? 'uncertain_clock') IS TRUE
            AND (NOT placed.is_negative OR decided.released ? 'negative') IS TRUE
            AND (NOT placed.is_other_kind OR decided.released ? 'other_kind') IS TRUE
            AND (NOT placed.is_immense OR decided.released ? 'above_maximum') IS TRUE
            AS is_kept,
            CASE
                WHEN placed.interval_end > placed.interval_start
                    THEN extract(epoch FROM placed.interval_end - placed.interval_start) / 60
            END AS minutes
        FROM placed
        LEFT JOIN decided
            ON decided.device_id = placed.device_id AND decided.metric = placed.metric
                AND decided.hour_start = placed.hour_start
                AND decided.business_date = placed.business_date
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
                WHEN metric = ANY(:mean_metrics)
                    THEN coalesce(avg(value) FILTER (WHERE is_kept), avg(value))
                ELSE coalesce(sum(value) FILTER (WHERE is_kept), sum(value))
            END AS value,
            coalesce(
                max(interval_end) FILTER (WHERE is_kept), max(interval_end)
            ) AS measured_at,
            coalesce(sum(counts) FILTER (WHERE is_kept), sum(counts)) AS samples,
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
            -- One hour has one decision of a rule: the rows of a group say the same.
            coalesce((array_agg(released))[1], '{}') AS released,
            max(excluded) AS excluded
        FROM judged
        GROUP BY device_id, metric, hour_start, business_date
    ),

    -- Windows, not joins: an empty guess of the planner would make a join quadratic.
    watched AS (
        SELECT
            gathered.*,
            devices.physical_maximum * greatest(covers_minutes, 60) / 60 AS maximum,
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
        INNER JOIN app.devices AS devices ON gathered.device_id = devices.id
        WINDOW counter_day AS (PARTITION BY business_date, device_id, metric)
    ),

    flagged AS (
        SELECT
            *,
            metric = ANY(:zero_metrics) AND saw_people AND coalesce(is_all_zeros, false)
            AND coalesce(open_minutes, 0) >= :minimum_opening_hours * 60 AS is_blind,
            is_immense OR (metric <> ALL(:register_metrics) AND value > maximum) IS TRUE
            AS is_above
        FROM watched
    ),

    explained AS (
        SELECT
            *,
            jsonb_strip_nulls(jsonb_build_object(
                'uncertain_clock', CASE WHEN is_uncertain THEN jsonb_build_object(
                    'version', :uncertain_clock_version,
                    'released', released -> 'uncertain_clock'
                ) END,
                'negative', CASE WHEN is_negative THEN jsonb_build_object(
                    'version', :negative_version, 'released', released -> 'negative'
                ) END,
                'other_kind', CASE WHEN is_other_kind THEN jsonb_build_object(
                    'version', :other_kind_version, 'released', released -> 'other_kind'
                ) END,
                'above_maximum', CASE WHEN is_above THEN jsonb_build_object(
                    'version', :above_maximum_version,
                    'maximum', coalesce(trim_scale(round(maximum, 6)), :largest_value),
                    'released', released -> 'above_maximum'
                ) END,
                'dead_zeros', CASE WHEN is_blind THEN jsonb_build_object(
                    'version', :dead_zeros_version,
                    'open_minutes', trim_scale(round(open_minutes)),
                    'released', released -> 'dead_zeros'
                ) END,
                'excluded_by_hand', CASE WHEN excluded IS NOT NULL THEN jsonb_build_object(
                    'version', :excluded_by_hand_version, 'decision', excluded
                ) END
            )) AS rules
        FROM flagged
    )

    INSERT INTO ingest.reading_hours (
        device_id, metric, hour_start, measured_at, mall_id, business_date, value, samples,
        covers_minutes, flags, is_used, rules, cleaned_at
    )
    SELECT
        device_id, metric, hour_start, measured_at, :mall_id, business_date,
        greatest(least(value, :largest_value), -:largest_value), samples, covers_minutes,
        ARRAY(
            SELECT rule FROM unnest(CAST(:hard_rules AS text[])) AS rule
            WHERE rules ? rule
        ),
        has_kept
        AND NOT (coalesce(is_above, false) AND NOT released ? 'above_maximum')
        AND NOT (is_blind AND NOT released ? 'dead_zeros')
        AND excluded IS NULL,
        rules,
        :now
    FROM explained
""").bindparams(
    sa.bindparam("cutoff_hour", type_=sa.Integer),
    sa.bindparam(
        "hard_rules",
        [rule.name for rule in CLEANING_RULES if rule.is_hard],
        type_=sa.ARRAY(sa.Text),
    ),
    sa.bindparam("largest_value", ABOVE_MAXIMUM.parameters["largest_value"], type_=sa.Numeric),
    sa.bindparam("metrics", [metric.value for metric in Metric]),
    sa.bindparam("register_metrics", sorted(REGISTER_METRICS), type_=sa.ARRAY(sa.Text)),
    sa.bindparam("used_metrics", sorted(USED_METRICS), type_=sa.ARRAY(sa.Text)),
    sa.bindparam("mean_metrics", sorted(STATE_METRICS)),
    sa.bindparam("declared_metrics", sorted(DECLARED_METRICS)),
    sa.bindparam("till_metrics", list(TILL_METRICS)),
    sa.bindparam("never_negative", listed(NEGATIVE.parameters["metrics"])),
    sa.bindparam("zero_metrics", listed(DEAD_ZEROS.parameters["metrics"])),
    sa.bindparam("evidence_metrics", listed(DEAD_ZEROS.parameters["evidence_metrics"])),
    sa.bindparam("minimum_opening_hours", DEAD_ZEROS.parameters["minimum_opening_hours"]),
    *(
        sa.bindparam(f"{rule.name}_version", rule.version, type_=sa.Integer)
        for rule in (
            UNCERTAIN_CLOCK,
            NEGATIVE,
            OTHER_KIND,
            ABOVE_MAXIMUM,
            DEAD_ZEROS,
            EXCLUDED_BY_HAND,
        )
    ),
)

# Hours that belong to one of the dates by the mall's clock as it is now, and stand under the date
# before or after: they were gathered before the cut-off hour was changed. What a till itself
# dates so stays.
_MOVED = sa.text("""
    DELETE FROM ingest.reading_hours AS hours
    WHERE hours.mall_id = :mall_id AND hours.business_date = ANY(:beside)
        AND CAST(
            (hours.hour_start AT TIME ZONE :time_zone) - make_interval(hours => :cutoff_hour)
            AS date
        ) = ANY(:dates)
        AND NOT EXISTS (
            SELECT FROM ingest.till_transactions AS sales
            WHERE sales.device_id = hours.device_id AND sales.has_stated_date
                AND sales.business_date = hours.business_date
                AND date_trunc('hour', sales.occurred_at, :time_zone) = hours.hour_start
        )
    RETURNING hours.business_date
""")


def gather(cleaning: Cleaning, dates: Collection[date]) -> int:
    """Compute the hours of the dates anew, as the hard rules and people's decisions leave them;
    how many there are. Soft flags and estimates are gone.
    """
    days = sorted(dates)
    place_sales(cleaning, days)
    cleaning.run(_FORGET, days)
    return sum(_gather_run(cleaning, run) for run in runs_of_days(days))


def _gather_run(cleaning: Cleaning, days: list[date]) -> int:
    lower = cleaning.clock.business_day(days[0])[0]
    upper = cleaning.clock.business_day(days[-1])[1]
    return cleaning.run(_GATHER, days, lower=lower - EDGE, upper=upper + EDGE).rowcount


def forget_moved(cleaning: Cleaning, dates: Collection[date]) -> set[date]:
    """Dates beside these that lost hours to them because the mall's cut-off hour is another one:
    they are not known in full any more.
    """
    beside = dates_beside(dates) - set(dates)
    return set(cleaning.run(_MOVED, dates, beside=sorted(beside)).scalars())


def dates_beside(dates: Collection[date]) -> set[date]:
    return {day + timedelta(days=away) for day in dates for away in (-1, 1)}


def runs_of_days(days: list[date]) -> list[list[date]]:
    """Days in order, as runs without a day missing between them."""
    runs: list[list[date]] = []
    for day in days:
        if runs and (day - runs[-1][-1]).days == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs
