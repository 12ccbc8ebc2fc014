with source as (

    select * from {{ source('app', 'malls') }}

),

renamed as (

    select
        id as mall_id,
        code as mall_code,
        time_zone,
        business_day_cutoff_hour::int as cutoff_hour,
        opens_at,
        closes_at,
        -- A mall that closes at the time it opens is open all day; one that closes before it
        -- opens closes on the next day.
        coalesce(
            nullif(mod(
                (1440 + extract(epoch from closes_at - opens_at) / 60)::int, 1440
            ), 0),
            1440
        ) as opening_minutes
    from source

)

select * from renamed
