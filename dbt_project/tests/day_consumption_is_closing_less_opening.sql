{{ config(meta={'dagster': {'ref': {'name': 'meter_usage_hours'}}}) }}
-- On every day and every register: the sum of the steps is what the dial showed at the end, less
-- what it showed at the beginning, plus a modulus for each rollover; and each step begins where
-- the one before it ended.
with steps as (

    select
        usage_hours.*,
        devices.modulus,
        lag(usage_hours.closing_register) over device_day as register_before
    from {{ ref('meter_usage_hours') }} as usage_hours
    inner join {{ ref('stg_app__devices') }} as devices
        on usage_hours.device_id = devices.device_id
    where usage_hours.opening_register is not null
    window
        device_day as (
            partition by
                usage_hours.device_id,
                usage_hours.metric,
                usage_hours.installation_id,
                usage_hours.business_date
            order by usage_hours.closing_at
        )

)

select
    device_id,
    metric,
    installation_id,
    business_date
from steps
group by device_id, metric, installation_id, business_date
having
    bool_or(register_before <> opening_register)
    or sum(consumption)
    <> (array_agg(closing_register order by closing_at desc))[1]
    - (array_agg(opening_register order by closing_at))[1]
    + sum(rollovers) * coalesce(max(modulus), 0)
