{{ config(meta={'dagster': {'ref': {'name': 'meter_usage_months'}}}) }}
-- Within one installation a month's steps add up to what the dial says, each rollover taken for
-- one modulus.
select
    usage_months.device_id,
    usage_months.metric,
    usage_months.month
from {{ ref('meter_usage_months') }} as usage_months
inner join {{ ref('stg_app__devices') }} as devices
    on usage_months.device_id = devices.device_id
inner join {{ ref('meter_usage_hours') }} as usage_hours
    on
        usage_months.device_id = usage_hours.device_id
        and usage_months.metric = usage_hours.metric
        and usage_months.ratio = usage_hours.ratio
        and usage_months.month = date_trunc('month', usage_hours.business_date)::date
        and usage_months.shop_id is not distinct from usage_hours.shop_id
where usage_hours.opening_register is not null
group by
    usage_months.device_id,
    usage_months.metric,
    usage_months.month,
    usage_months.ratio,
    usage_months.consumption,
    usage_months.opening_register,
    usage_months.closing_register,
    usage_months.rollovers,
    devices.modulus
having
    count(distinct usage_hours.installation_id) = 1
    and usage_months.consumption
    <> usage_months.closing_register
    - usage_months.opening_register
    + usage_months.rollovers * coalesce(devices.modulus, 0)
