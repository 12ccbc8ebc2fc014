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
        physical_maximum
    from source

)

select * from renamed
