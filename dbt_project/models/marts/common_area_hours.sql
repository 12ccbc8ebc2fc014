{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date', 'hour_start', 'floor', 'zone'], 'unique': true},
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

{{ hours_of_places('dates', of_shops=false) }},

united as (

    select
        parts.mall_id,
        parts.business_date,
        parts.hour_start,
        parts.floor,
        parts.zone,
        parts.place,
        parts.revision,
        {{ united('parts') }}
    from parts
    group by
        parts.mall_id,
        parts.business_date,
        parts.hour_start,
        parts.floor,
        parts.zone,
        parts.place,
        parts.revision
    having {{ is_hour_shown('parts') }}

)

select
    mall_id,
    business_date,
    hour_start,
    floor,
    zone,
    place,
    {{ measures() }},
    revision as source_revision
from united
