with source as (

    select * from {{ source('ingest', 'reading_hours') }}

),

renamed as (

    select
        device_id,
        metric,
        hour_start,
        measured_at,
        mall_id,
        business_date,
        value,
        samples,
        covers_minutes,
        array_to_string(flags, ',') as flags,
        is_used,
        is_estimated
    from source

)

select * from renamed
