{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date']},
            {'columns': ['shop_id', 'business_date'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
    )
}}

with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

device_days as (

    select * from {{ ref('device_days') }}

),

usage_hours as (

    select * from {{ ref('meter_usage_hours') }}

),

-- A sum of nothing is null: a shop whose till was silent has no sales figure, not zero sales.
counted as (

    select
        dates.mall_id,
        device_days.shop_id,
        dates.business_date,
        dates.revision,
        sum(device_days.quantity) filter (where device_days.metric = 'sales') as net_sales,
        sum(device_days.quantity) filter (
            where device_days.metric = 'transactions'
        ) as transactions,
        sum(device_days.quantity) filter (
            where device_days.metric = 'footfall_in'
        ) as footfall_in,
        sum(device_days.quantity) filter (
            where device_days.metric = 'footfall_out'
        ) as footfall_out,
        count(*) filter (where device_days.metric = 'sales') as sales_expected,
        count(*) filter (
            where
            device_days.metric = 'sales'
            and device_days.used_intervals = device_days.expected_intervals
        ) as sales_received,
        coalesce(sum(device_days.expected_intervals) filter (
            where device_days.metric = 'footfall_in'
        ), 0) as footfall_expected,
        coalesce(sum(device_days.used_intervals) filter (
            where device_days.metric = 'footfall_in'
        ), 0) as footfall_received
    from dates
    inner join device_days
        on
            dates.mall_id = device_days.mall_id
            and dates.business_date = device_days.business_date
    where device_days.shop_id is not null
    group by dates.mall_id, device_days.shop_id, dates.business_date, dates.revision

),

consumed as (

    select
        usage_hours.shop_id,
        usage_hours.business_date,
        sum(usage_hours.billed_consumption) filter (
            where usage_hours.metric = 'electricity_register'
        ) as electricity_kwh,
        sum(usage_hours.billed_consumption) filter (
            where usage_hours.metric = 'water_register'
        ) as water_m3,
        sum(usage_hours.billed_consumption) filter (
            where usage_hours.metric = 'gas_register'
        ) as gas_m3
    from dates
    inner join usage_hours
        on
            dates.mall_id = usage_hours.mall_id
            and dates.business_date = usage_hours.business_date
    group by usage_hours.shop_id, usage_hours.business_date

)

select
    counted.mall_id,
    counted.shop_id,
    counted.business_date,
    counted.net_sales::numeric(14, 2) as net_sales,
    counted.transactions::bigint as transactions,
    counted.footfall_in::bigint as footfall_in,
    counted.footfall_out::bigint as footfall_out,
    consumed.electricity_kwh::numeric(18, 6) as electricity_kwh,
    consumed.water_m3::numeric(18, 6) as water_m3,
    consumed.gas_m3::numeric(18, 6) as gas_m3,
    counted.sales_expected::int as sales_expected,
    counted.sales_received::int as sales_received,
    counted.footfall_expected::int as footfall_expected,
    counted.footfall_received::int as footfall_received,
    counted.sales_expected > 0
    and counted.sales_received = counted.sales_expected as is_sales_complete,
    counted.revision as source_revision
from counted
left join consumed
    on
        counted.shop_id = consumed.shop_id
        and counted.business_date = consumed.business_date
