-- One scan with what each row stands for beside it, no union: so a join to some dates reads
-- those dates by their index.
select
    hours.mall_id,
    hours.device_id,
    hours.business_date,
    counted.metric,
    hours.hour_start,
    hours.measured_at,
    counted.value,
    hours.samples,
    hours.covers_minutes,
    hours.is_used,
    hours.is_estimated
from {{ ref('stg_ingest__reading_hours') }} as hours
inner join {{ ref('stg_app__devices') }} as devices on hours.device_id = devices.device_id
cross join
    lateral (
        select devices.device_kind = 'POS' and devices.sales_feed_kind = 'EVENT' as is_true
    ) as is_till_of_events
cross join
    lateral (
        select
            hours.metric,
            hours.value
        where not (is_till_of_events.is_true and hours.metric = 'transactions')
        union all
        -- A till that sends each sale tells the number of transactions by the number of sales.
        select
            'transactions' as metric,
            hours.samples::numeric as value
        where is_till_of_events.is_true and hours.metric = 'sales'
    ) as counted
where
    hours.metric in (
        'sales', 'transactions', 'declared_sales', 'declared_transactions',
        'footfall_in', 'footfall_out',
        'temperature', 'humidity', 'carbon_dioxide'
    )
    -- Of a meter that sends registers and intervals one kind counts.
    or (hours.metric = 'electricity_register' and devices.has_electricity_dial)
    or (hours.metric = 'water_register' and devices.has_water_dial)
    or (hours.metric = 'gas_register' and devices.has_gas_dial)
    or (hours.metric = 'electricity_used' and not devices.has_electricity_dial)
    or (hours.metric = 'water_used' and not devices.has_water_dial)
    or (hours.metric = 'gas_used' and not devices.has_gas_dial)
