with source as (

    select * from {{ source('app', 'devices') }}

),

renamed as (

    select
        id as device_id,
        mall_id,
        code as device_code,
        kind as device_kind,
        feed_kind,
        expected_interval_minutes,
        modulus,
        ratio,
        physical_maximum,
        -- The one kind of feed that counts, where a metric has another than its device.
        coalesce(metric_kinds ->> 'sales', feed_kind) as sales_feed_kind,
        coalesce(metric_kinds ->> 'electricity_register', feed_kind) <> 'INTERVAL'
            as has_electricity_dial,
        coalesce(metric_kinds ->> 'water_register', feed_kind) <> 'INTERVAL' as has_water_dial,
        coalesce(metric_kinds ->> 'gas_register', feed_kind) <> 'INTERVAL' as has_gas_dial,
        -- It tells the day of a whole shop, to be held against what the shop's tills have sent.
        kind = 'POS'
        and adapter = 'shop_days'
        and coalesce(metric_kinds ->> 'sales', feed_kind) = 'EVENT' as is_declaring
    from source

)

select * from renamed
