{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date']},
            {'columns': ['device_id', 'metric', 'rule', 'business_date'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
    )
}}

with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

hours as (

    select * from {{ ref('stg_ingest__reading_hours') }}

)

select
    dates.mall_id,
    dates.business_date,
    hours.device_id,
    hours.metric,
    flags.rule,
    count(*)::int as hours,
    count(*) filter (where hours.is_used)::int as used_hours,
    dates.revision as source_revision
from dates
inner join hours
    on
        dates.mall_id = hours.mall_id
        and dates.business_date = hours.business_date
cross join lateral unnest(string_to_array(nullif(hours.flags, ''), ',')) as flags (rule)
group by
    dates.mall_id,
    dates.business_date,
    hours.device_id,
    hours.metric,
    flags.rule,
    dates.revision
