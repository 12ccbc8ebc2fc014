with source as (

    select * from {{ source('app', 'contract_units') }}

),

renamed as (

    select
        contract_id,
        unit_id,
        lower(period) as first_date,
        coalesce(upper(period) - 1, 'infinity') as last_date
    from source
    where is_held

)

select * from renamed
