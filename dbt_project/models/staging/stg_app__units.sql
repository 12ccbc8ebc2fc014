with source as (

    select * from {{ source('app', 'units') }}

),

renamed as (

    select
        id as unit_id,
        mall_id,
        code as unit_code,
        floor,
        zone,
        area_m2
    from source

)

select * from renamed
