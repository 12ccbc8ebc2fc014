with source as (

    select * from {{ source('app', 'device_installations') }}

),

renamed as (

    select
        id as installation_id,
        device_id,
        shop_id,
        zone,
        floor,
        installed_date,
        removed_date,
        initial_register,
        final_register,
        ratio,
        case
            when shop_id is not null then 'SHOP'
            when zone like 'ENTRANCE%' then 'ENTRANCE'
            else 'CORRIDOR'
        end as place
    from source

)

select * from renamed
