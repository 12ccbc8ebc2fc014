{{
    config(
        indexes=[{'columns': ['mall_id', 'business_date'], 'unique': true}],
        pre_hook="{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
    )
}}

with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

shop_days as (

    select * from {{ ref('shop_days') }}

),

device_days as (

    select * from {{ ref('device_days') }}

),

shops as (

    select
        dates.mall_id,
        dates.business_date,
        sum(shop_days.net_sales) as net_sales,
        sum(shop_days.transactions) as transactions,
        sum(shop_days.electricity_kwh) as electricity_kwh,
        sum(shop_days.water_m3) as water_m3,
        sum(shop_days.gas_m3) as gas_m3,
        count(*) filter (where shop_days.sales_expected > 0) as shops_expected,
        count(*) filter (where shop_days.is_sales_complete) as shops_reporting,
        sum(shop_days.sales_expected) as sales_expected,
        sum(shop_days.sales_received) as sales_received
    from dates
    inner join shop_days
        on
            dates.mall_id = shop_days.mall_id
            and dates.business_date = shop_days.business_date
    group by dates.mall_id, dates.business_date

),

-- Who enters the mall is counted at its entrances: visitors of shops are counted again in each.
entrances as (

    select
        dates.mall_id,
        dates.business_date,
        sum(device_days.quantity) filter (
            where device_days.metric = 'footfall_in'
        ) as footfall_in,
        sum(device_days.quantity) filter (
            where device_days.metric = 'footfall_out'
        ) as footfall_out,
        sum(device_days.expected_intervals) filter (
            where device_days.metric = 'footfall_in'
        ) as footfall_expected,
        sum(device_days.used_intervals) filter (
            where device_days.metric = 'footfall_in'
        ) as footfall_received
    from dates
    inner join device_days
        on
            dates.mall_id = device_days.mall_id
            and dates.business_date = device_days.business_date
    where device_days.place = 'ENTRANCE'
    group by dates.mall_id, dates.business_date

)

select
    dates.mall_id,
    dates.business_date,
    shops.net_sales::numeric(14, 2) as net_sales,
    shops.transactions::bigint as transactions,
    entrances.footfall_in::bigint as footfall_in,
    entrances.footfall_out::bigint as footfall_out,
    shops.electricity_kwh::numeric(18, 6) as electricity_kwh,
    shops.water_m3::numeric(18, 6) as water_m3,
    shops.gas_m3::numeric(18, 6) as gas_m3,
    coalesce(shops.shops_expected, 0)::int as shops_expected,
    coalesce(shops.shops_reporting, 0)::int as shops_reporting,
    round(
        shops.sales_received::numeric / nullif(shops.sales_expected, 0), 4
    )::numeric(5, 4) as sales_completeness,
    round(
        entrances.footfall_received::numeric / nullif(entrances.footfall_expected, 0), 4
    )::numeric(5, 4) as footfall_completeness,
    dates.revision as source_revision
from dates
left join shops
    on
        dates.mall_id = shops.mall_id
        and dates.business_date = shops.business_date
left join entrances
    on
        dates.mall_id = entrances.mall_id
        and dates.business_date = entrances.business_date
