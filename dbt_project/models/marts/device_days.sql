{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date']},
            {'columns': ['device_id', 'metric', 'business_date'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
    )
}}

with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

devices as (

    select * from {{ ref('stg_app__devices') }}

),

installations as (

    select * from {{ ref('stg_app__device_installations') }}

),

hours as (

    select * from {{ ref('int_reading_hours_narrowed_to_marts') }}

),

-- Where each device hung on each date; of two places on one day the newer counts.
installed as (

    select distinct on (devices.device_id, dates.business_date)
        dates.mall_id,
        dates.business_date,
        dates.revision,
        dates.time_zone,
        dates.opens_at,
        dates.opening_minutes,
        dates.day_end,
        (extract(epoch from dates.day_end - dates.day_start) / 60)::int as day_minutes,
        devices.device_id,
        devices.device_kind,
        devices.feed_kind,
        devices.expected_interval_minutes as interval_minutes,
        installations.shop_id,
        installations.place
    from dates
    inner join devices on dates.mall_id = devices.mall_id
    inner join installations
        on
            devices.device_id = installations.device_id
            and dates.business_date >= installations.installed_date
            and dates.business_date <= coalesce(installations.removed_date, 'infinity')
    order by
        devices.device_id asc,
        dates.business_date asc,
        installations.installed_date desc,
        installations.installation_id desc

),

received as (

    select
        hours.device_id,
        hours.business_date,
        hours.metric,
        sum(hours.value) filter (where hours.is_used) as used_value,
        count(*) filter (where hours.is_used) as used_hours,
        sum(hours.covers_minutes) filter (where opening.is_open) as open_minutes,
        sum(hours.covers_minutes) filter (
            where opening.is_open and hours.is_used
        ) as used_open_minutes,
        sum(points.in_hour) as points,
        sum(points.in_hour) filter (where hours.is_used) as used_points
    from installed
    inner join hours
        on
            installed.mall_id = hours.mall_id
            and installed.device_id = hours.device_id
            and installed.business_date = hours.business_date
    cross join
        lateral (
            select
                hours.covers_minutes >= 1440 or mod(
                    1440 + (
                        extract(
                            epoch from
                            (hours.hour_start at time zone installed.time_zone)::time
                            - installed.opens_at
                        ) / 60
                    )::int, 1440
                ) < installed.opening_minutes as is_open
        ) as opening
    cross join
        lateral (
            select
                least(
                    hours.samples, greatest(1, 60 / installed.interval_minutes)
                ) as in_hour
        ) as points
    group by hours.device_id, hours.business_date, hours.metric

),

-- What each device owes: a till its sales and a counter its entries from the first day on, a
-- meter the registers it has shown once; the rest is shown on the days it comes.
owed as (

    select
        installed.device_id,
        installed.business_date,
        case installed.device_kind
            when 'POS' then 'sales'
            when 'FOOTFALL' then 'footfall_in'
            else 'temperature'
        end as metric
    from installed
    where installed.device_kind in ('POS', 'FOOTFALL', 'ENVIRONMENT')

    union

    select
        installed.device_id,
        installed.business_date,
        registers.metric
    from installed
    cross join (
        values ('electricity_register'), ('water_register'), ('gas_register')
    ) as registers (metric)
    where
        installed.device_kind = 'METER'
        and exists (
            select 1
            from hours
            where
                hours.device_id = installed.device_id
                and hours.metric = registers.metric
                and hours.hour_start < installed.day_end
        )

    union

    select
        received.device_id,
        received.business_date,
        received.metric
    from received

),

counted as (

    select
        installed.mall_id,
        owed.device_id,
        owed.business_date,
        owed.metric,
        installed.shop_id,
        installed.place,
        received.used_value,
        installed.revision,
        intervals.expected,
        case
            when intervals.unit = 'DAY'
                then (received.device_id is not null)::int
            when intervals.unit = 'POINT' then coalesce(received.points, 0)
            else coalesce(received.open_minutes, 0) / installed.interval_minutes
        end as received,
        case
            when intervals.unit = 'DAY' then (coalesce(received.used_hours, 0) > 0)::int
            when intervals.unit = 'POINT' then coalesce(received.used_points, 0)
            else coalesce(received.used_open_minutes, 0) / installed.interval_minutes
        end as used
    from owed
    inner join installed
        on
            owed.device_id = installed.device_id
            and owed.business_date = installed.business_date
    left join received
        on
            owed.device_id = received.device_id
            and owed.business_date = received.business_date
            and owed.metric = received.metric
    cross join
        lateral (
            select
                case
                -- One day file; or sales as they happen, complete when any came that day.
                    when
                        installed.device_kind = 'POS'
                        and (
                            installed.feed_kind = 'EVENT'
                            or installed.interval_minutes >= 1440
                        ) then 'DAY'
                    when installed.feed_kind = 'INTERVAL' and installed.interval_minutes >= 1440
                        then 'DAY'
                    when installed.feed_kind = 'INTERVAL' then 'MINUTES'
                    else 'POINT'
                end as unit
        ) as units
    cross join lateral (
        select
            units.unit,
            case units.unit
                when 'DAY' then 1
                -- Intervals count within opening hours, points around the clock.
                when 'MINUTES'
                    then greatest(1, installed.opening_minutes / installed.interval_minutes)
                else installed.day_minutes / installed.interval_minutes
            end as expected
    ) as intervals

)

select
    mall_id,
    device_id,
    business_date,
    metric,
    shop_id,
    place,
    (
        case
            when metric in ('sales', 'transactions', 'footfall_in', 'footfall_out')
                then used_value
        end
    )::numeric(18, 6) as quantity,
    expected as expected_intervals,
    least(received, expected)::int as received_intervals,
    least(used, expected)::int as used_intervals,
    round(least(used, expected)::numeric / nullif(expected, 0), 4)::numeric(5, 4) as completeness,
    revision as source_revision
from counted
