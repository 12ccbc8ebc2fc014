{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date', 'business_type'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
    )
}}

with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

shop_days as (

    select * from {{ ref('shop_days') }}

),

shops as (

    select * from {{ ref('stg_app__shops') }}

)

select
    dates.mall_id,
    dates.business_date,
    shops.business_type,
    sum(shop_days.net_sales)::numeric(14, 2) as net_sales,
    sum(shop_days.transactions)::bigint as transactions,
    count(*) filter (where shop_days.sales_expected > 0)::int as shops,
    count(*) filter (where shop_days.is_sales_complete)::int as shops_reporting,
    dates.revision as source_revision
from dates
inner join shop_days
    on
        dates.mall_id = shop_days.mall_id
        and dates.business_date = shop_days.business_date
inner join shops on shop_days.shop_id = shops.shop_id
group by dates.mall_id, dates.business_date, shops.business_type, dates.revision
