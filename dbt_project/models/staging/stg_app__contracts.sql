with source as (

    select * from {{ source('app', 'contracts') }}

),

renamed as (

    select
        id as contract_id,
        mall_id,
        shop_id
    from source

)

select * from renamed
