{{
    config(
        indexes=[
            {'columns': ['mall_id', 'month']},
            {'columns': ['shop_id', 'month'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_business_dates_grouped_to_months', 'month') }}",
    )
}}

with months as (

    {{ periods_to_build(ref('int_business_dates_grouped_to_months'), 'month') }}

),

shop_days as (

    select * from {{ ref('shop_days') }}

)

select
    months.mall_id,
    shop_days.shop_id,
    months.month,
    sum(shop_days.net_sales)::numeric(14, 2) as net_sales,
    sum(shop_days.transactions)::bigint as transactions,
    sum(shop_days.footfall_in)::bigint as footfall_in,
    sum(shop_days.footfall_out)::bigint as footfall_out,
    sum(shop_days.electricity_kwh)::numeric(18, 6) as electricity_kwh,
    sum(shop_days.water_m3)::numeric(18, 6) as water_m3,
    sum(shop_days.gas_m3)::numeric(18, 6) as gas_m3,
    count(*) filter (where shop_days.sales_expected > 0)::int as trading_days,
    count(*) filter (where shop_days.is_sales_complete)::int as complete_days,
    round(
        sum(shop_days.sales_received)::numeric / nullif(sum(shop_days.sales_expected), 0), 4
    )::numeric(5, 4) as sales_completeness,
    round(
        sum(shop_days.footfall_received)::numeric / nullif(sum(shop_days.footfall_expected), 0),
        4
    )::numeric(5, 4) as footfall_completeness,
    months.revision as source_revision
from months
inner join shop_days
    on
        months.mall_id = shop_days.mall_id
        and shop_days.business_date between months.first_date and months.last_date
group by months.mall_id, shop_days.shop_id, months.month, months.revision
