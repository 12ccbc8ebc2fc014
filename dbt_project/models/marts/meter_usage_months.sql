{{
    config(
        indexes=[
            {'columns': ['mall_id', 'month']},
            {'columns': ['device_id', 'metric', 'month', 'shop_id', 'ratio'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_business_dates_grouped_to_months', 'month') }}",
    )
}}

with months as (

    {{ periods_to_build(ref('int_business_dates_grouped_to_months'), 'month') }}

),

device_days as (

    select * from {{ ref('device_days') }}

),

usage_hours as (

    select * from {{ ref('meter_usage_hours') }}

),

devices as (

    select * from {{ ref('stg_app__devices') }}

),

installations as (

    select * from {{ ref('stg_app__device_installations') }}

),

expected as (

    select
        months.mall_id,
        device_days.shop_id,
        device_days.device_id,
        device_days.metric,
        months.month,
        months.revision,
        coalesce(installations.ratio, devices.ratio)::numeric(12, 6) as ratio,
        sum(device_days.expected_intervals) as hours_expected,
        sum(device_days.used_intervals) as hours_received,
        sum(device_days.estimated_intervals) as hours_estimated
    from months
    inner join device_days
        on
            months.mall_id = device_days.mall_id
            and device_days.business_date between months.first_date and months.last_date
    inner join devices on device_days.device_id = devices.device_id
    inner join installations on device_days.installation_id = installations.installation_id
    where devices.device_kind = 'METER' and {{ is_energy('device_days.metric') }}
    group by
        months.mall_id,
        device_days.shop_id,
        device_days.device_id,
        device_days.metric,
        months.month,
        months.revision,
        coalesce(installations.ratio, devices.ratio)

),

consumed as (

    select
        usage_hours.shop_id,
        usage_hours.device_id,
        usage_hours.metric,
        usage_hours.ratio,
        months.month,
        (array_agg(usage_hours.opening_register order by usage_hours.closing_at))[1]
            as opening_register,
        min(usage_hours.opening_at) as opening_at,
        (array_agg(usage_hours.closing_register order by usage_hours.closing_at desc))[1]
            as closing_register,
        max(usage_hours.closing_at) as closing_at,
        sum(usage_hours.consumption) as consumption,
        sum(usage_hours.billed_consumption) as billed_consumption,
        sum(usage_hours.consumption) filter (
            where usage_hours.is_estimated
        ) as estimated_consumption,
        sum(usage_hours.rollovers) as rollovers,
        count(*) filter (where usage_hours.is_reversed) as reversals,
        count(*) filter (where usage_hours.is_implausible) as implausible_steps
    from months
    inner join usage_hours
        on
            months.mall_id = usage_hours.mall_id
            and usage_hours.business_date between months.first_date and months.last_date
    group by
        usage_hours.shop_id,
        usage_hours.device_id,
        usage_hours.metric,
        usage_hours.ratio,
        months.month

)

select
    expected.mall_id,
    expected.shop_id,
    expected.device_id,
    expected.metric,
    expected.month,
    consumed.opening_register::numeric(18, 6) as opening_register,
    consumed.opening_at,
    consumed.closing_register::numeric(18, 6) as closing_register,
    consumed.closing_at,
    consumed.consumption::numeric(18, 6) as consumption,
    coalesce(consumed.estimated_consumption, 0)::numeric(18, 6) as estimated_consumption,
    expected.ratio,
    consumed.billed_consumption::numeric(18, 6) as billed_consumption,
    coalesce(consumed.rollovers, 0)::int as rollovers,
    coalesce(consumed.reversals, 0)::int as reversals,
    coalesce(consumed.implausible_steps, 0)::int as implausible_steps,
    expected.hours_expected::int as hours_expected,
    expected.hours_received::int as hours_received,
    expected.hours_estimated::int as hours_estimated,
    round(
        expected.hours_received::numeric / nullif(expected.hours_expected, 0), 4
    )::numeric(5, 4) as completeness,
    expected.revision as source_revision
from expected
left join consumed
    on
        expected.device_id = consumed.device_id
        and expected.metric = consumed.metric
        and expected.month = consumed.month
        and expected.ratio = consumed.ratio
        and expected.shop_id is not distinct from consumed.shop_id
