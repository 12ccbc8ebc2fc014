{{
    config(
        indexes=[
            {'columns': ['mall_id', 'week_start']},
            {'columns': ['shop_id', 'week_start'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_business_dates_grouped_to_weeks', 'week_start') }}",
    )
}}

with weeks as (

    {{ periods_to_build(ref('int_business_dates_grouped_to_weeks'), 'week_start') }}

),

shop_days as (

    select * from {{ ref('shop_days') }}

)

select
    weeks.mall_id,
    shop_days.shop_id,
    weeks.week_start,
    sum(shop_days.net_sales)::numeric(14, 2) as net_sales,
    sum(shop_days.transactions)::bigint as transactions,
    sum(shop_days.footfall_in)::bigint as footfall_in,
    sum(shop_days.footfall_out)::bigint as footfall_out,
    count(*)::int as days,
    count(*) filter (where shop_days.is_sales_complete)::int as complete_days,
    weeks.revision as source_revision
from weeks
inner join shop_days
    on
        weeks.mall_id = shop_days.mall_id
        and shop_days.business_date between weeks.first_date and weeks.last_date
group by weeks.mall_id, shop_days.shop_id, weeks.week_start, weeks.revision
