{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date']},
            {'columns': ['shop_id', 'business_date', 'hour_start'], 'unique': true},
        ],
        pre_hook=[
            "{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
            "{{ join_by_hash() }}",
        ],
    )
}}

with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

{{ hours_of_places('dates', of_shops=true) }},

shop_places as (

    {{ shops_placed('dates') }}

),

united as (

    select
        parts.mall_id,
        parts.shop_id,
        parts.business_date,
        parts.hour_start,
        coalesce(min(shop_places.floor), '') as floor,
        coalesce(min(shop_places.zone), '') as zone,
        parts.revision,
        {{ united('parts') }}
    from parts
    left join shop_places
        on
            parts.shop_id = shop_places.shop_id
            and parts.business_date = shop_places.business_date
    group by
        parts.mall_id, parts.shop_id, parts.business_date, parts.hour_start, parts.revision
    having {{ is_hour_shown('parts') }}

)

select
    mall_id,
    shop_id,
    business_date,
    hour_start,
    floor,
    zone,
    {{ measures() }},
    revision as source_revision
from united
