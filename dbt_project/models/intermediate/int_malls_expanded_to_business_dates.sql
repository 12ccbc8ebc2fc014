with malls as (

    select * from {{ ref('stg_app__malls') }}

),

touched_dates as (

    select * from {{ ref('stg_ingest__touched_dates') }}

),

-- A date that only a wrong clock has named widens nothing.
spans as (

    select
        touched_dates.mall_id,
        min(touched_dates.business_date) as first_date,
        greatest(
            max(touched_dates.business_date), {{ through('malls.mall_code') }}
        ) as last_date
    from touched_dates
    inner join malls on touched_dates.mall_id = malls.mall_id
    where touched_dates.hours_used > 0
    group by touched_dates.mall_id, malls.mall_code

),

expanded as (

    select
        spans.mall_id,
        spans.first_date + days.day_number as business_date
    from spans
    cross join
        lateral
        generate_series(0, spans.last_date - spans.first_date) as days (day_number)

)

select
    expanded.mall_id,
    expanded.business_date,
    coalesce(touched_dates.revision, 0) as revision,
    malls.time_zone,
    malls.cutoff_hour,
    malls.opens_at,
    malls.opening_minutes,
    (expanded.business_date + make_interval(hours => malls.cutoff_hour))
    at time zone malls.time_zone as day_start,
    (expanded.business_date + 1 + make_interval(hours => malls.cutoff_hour))
    at time zone malls.time_zone as day_end
from expanded
inner join malls on expanded.mall_id = malls.mall_id
left join touched_dates
    on
        expanded.mall_id = touched_dates.mall_id
        and expanded.business_date = touched_dates.business_date
