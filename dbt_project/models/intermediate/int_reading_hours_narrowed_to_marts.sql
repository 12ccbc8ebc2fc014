with hours as (

    select * from {{ ref('stg_ingest__reading_hours') }}

),

devices as (

    select * from {{ ref('stg_app__devices') }}

),

events_told_apart as (

    select
        hours.*,
        devices.feed_kind = 'EVENT' and devices.device_kind = 'POS' as is_till_of_events
    from hours
    inner join devices on hours.device_id = devices.device_id

)

select
    mall_id,
    device_id,
    business_date,
    metric,
    hour_start,
    measured_at,
    value,
    samples,
    covers_minutes,
    is_used
from events_told_apart
where
    metric in (
        'sales', 'footfall_in', 'footfall_out', 'temperature',
        'electricity_register', 'water_register', 'gas_register'
    )
    or (metric = 'transactions' and not is_till_of_events)

union all

-- A till that sends each sale tells the number of transactions by the number of sales.
select
    mall_id,
    device_id,
    business_date,
    'transactions' as metric,
    hour_start,
    measured_at,
    samples as value,
    samples,
    covers_minutes,
    is_used
from events_told_apart
where metric = 'sales' and is_till_of_events
