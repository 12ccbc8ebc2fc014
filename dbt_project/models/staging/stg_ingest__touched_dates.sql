with source as (

    select * from {{ source('ingest', 'touched_dates') }}

),

renamed as (

    select
        mall_id,
        business_date,
        cleaned_at,
        revision,
        hours_used
    from source

)

select * from renamed
