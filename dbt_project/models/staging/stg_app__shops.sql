with source as (

    select * from {{ source('app', 'shops') }}

),

renamed as (

    select
        id as shop_id,
        mall_id,
        code as shop_code,
        business_type
    from source

)

select * from renamed
