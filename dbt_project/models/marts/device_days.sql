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

-- Asked twice below, and each time for a few rows: kept whole it would be all that ever came.
hours as not materialized (

    select * from {{ ref('int_reading_hours_narrowed_to_marts') }}

),

-- A shop on several floors is where most of its area is, and its figures are not cut up.
shop_places as (

    {{ shops_placed('dates') }}

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
        devices.is_declaring,
        devices.expected_interval_minutes as interval_minutes,
        installations.installation_id,
        installations.shop_id,
        installations.place,
        case
            when installations.shop_id is null then installations.floor
            else coalesce(shop_places.floor, '')
        end as floor,
        case
            when installations.shop_id is null then installations.zone
            else coalesce(shop_places.zone, '')
        end as zone
    from dates
    inner join devices on dates.mall_id = devices.mall_id
    inner join installations
        on
            devices.device_id = installations.device_id
            and dates.business_date >= installations.installed_date
            and dates.business_date <= coalesce(installations.removed_date, 'infinity')
    left join shop_places
        on
            installations.shop_id = shop_places.shop_id
            and dates.business_date = shop_places.business_date
    order by
        devices.device_id asc,
        dates.business_date asc,
        installations.installed_date desc,
        installations.installation_id desc

),

came as (

    select
        hours.device_id,
        hours.business_date,
        hours.metric,
        hours.value,
        hours.covers_minutes,
        hours.is_used,
        hours.is_estimated,
        installed.device_kind = 'METER'
        or hours.covers_minutes >= 1440
        or {{ is_open('hours.hour_start', 'installed') }} as is_owed,
        least(hours.samples, greatest(1, 60 / installed.interval_minutes)) as points
    from installed
    inner join hours
        on
            installed.mall_id = hours.mall_id
            and installed.device_id = hours.device_id
            and installed.business_date = hours.business_date

),

-- An estimate is part of the quantity and was never received.
received as (

    select
        device_id,
        business_date,
        metric,
        sum(value) filter (where is_used) as used_value,
        sum(value) filter (where is_used and is_estimated) as estimated_value,
        count(*) filter (where not is_estimated) as hours,
        count(*) filter (where is_used and not is_estimated) as used_hours,
        count(*) filter (where is_used and is_estimated) as estimated_hours,
        sum(covers_minutes) filter (where is_owed and not is_estimated) as minutes,
        sum(covers_minutes) filter (
            where is_owed and is_used and not is_estimated
        ) as used_minutes,
        sum(covers_minutes) filter (
            where is_owed and is_used and is_estimated
        ) as estimated_minutes,
        sum(points) filter (where not is_estimated) as points,
        sum(points) filter (where is_used and not is_estimated) as used_points
    from came
    group by device_id, business_date, metric

),

-- What each device owes: a till its sales (one that declares for its shop the declaration) and a
-- counter its entries from the first day on, a meter or sensor what it has shown once; the rest
-- is shown on the days it comes.
owed as (

    select
        installed.device_id,
        installed.business_date,
        case
            when installed.device_kind = 'FOOTFALL' then 'footfall_in'
            when installed.is_declaring then 'declared_sales'
            else 'sales'
        end as metric
    from installed
    where installed.device_kind in ('POS', 'FOOTFALL')

    union

    select
        installed.device_id,
        installed.business_date,
        shown.metric
    from installed
    inner join (
        values
        ('METER', 'electricity_register'),
        ('METER', 'water_register'),
        ('METER', 'gas_register'),
        ('METER', 'electricity_used'),
        ('METER', 'water_used'),
        ('METER', 'gas_used'),
        ('ENVIRONMENT', 'temperature'),
        ('ENVIRONMENT', 'humidity'),
        ('ENVIRONMENT', 'carbon_dioxide')
    ) as shown (device_kind, metric) on installed.device_kind = shown.device_kind
    where
        exists (
            select 1
            from hours
            where
                hours.device_id = installed.device_id
                and hours.metric = shown.metric
                and hours.hour_start < installed.day_end
        )

    union

    select
        received.device_id,
        received.business_date,
        received.metric
    from received

),

-- A sensor that has never said anything owes a temperature.
owed_at_least as (

    select * from owed

    union all

    select
        installed.device_id,
        installed.business_date,
        'temperature' as metric
    from installed
    where
        installed.device_kind = 'ENVIRONMENT'
        and not exists (
            select 1
            from owed
            where
                owed.device_id = installed.device_id
                and owed.business_date = installed.business_date
        )

),

counted as (

    select
        installed.*,
        owed.metric,
        received.used_value,
        received.estimated_value,
        intervals.expected,
        case intervals.unit
            when 'DAY' then (coalesce(received.hours, 0) > 0)::int
            when 'POINT' then coalesce(received.points, 0)
            else coalesce(received.minutes, 0) / installed.interval_minutes
        end as received,
        case intervals.unit
            when 'DAY' then (coalesce(received.used_hours, 0) > 0)::int
            when 'POINT' then coalesce(received.used_points, 0)
            else coalesce(received.used_minutes, 0) / installed.interval_minutes
        end as used,
        case intervals.unit
            when 'DAY' then (coalesce(received.estimated_hours, 0) > 0)::int
            when 'POINT'
                then
                    coalesce(received.estimated_hours, 0)
                    * greatest(1, 60 / installed.interval_minutes)
            else coalesce(received.estimated_minutes, 0) / installed.interval_minutes
        end as estimated
    from owed_at_least as owed
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
                            or owed.metric in ('declared_sales', 'declared_transactions')
                        ) then 'DAY'
                    when
                        (installed.feed_kind = 'INTERVAL' or owed.metric like '%\_used')
                        and installed.interval_minutes >= 1440
                        then 'DAY'
                    when owed.metric like '%\_used' then 'MINUTES AROUND THE CLOCK'
                    when owed.metric like '%\_register' then 'POINT'
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
                else greatest(1, installed.day_minutes / installed.interval_minutes)
            end as expected
    ) as intervals

)

select
    mall_id,
    device_id,
    business_date,
    metric,
    installation_id,
    shop_id,
    place,
    floor,
    zone,
    case when {{ is_flow('metric') }} then used_value end::numeric(18, 6) as quantity,
    case when {{ is_flow('metric') }} then estimated_value end::numeric(18, 6)
        as estimated_quantity,
    expected as expected_intervals,
    least(received, expected)::int as received_intervals,
    least(used, expected)::int as used_intervals,
    least(estimated, expected - least(used, expected))::int as estimated_intervals,
    round(least(used, expected)::numeric / expected, 4)::numeric(5, 4) as completeness,
    revision as source_revision
from counted
