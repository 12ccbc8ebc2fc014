{{ config(meta={'dagster': {'ref': {'name': 'business_type_days'}}}) }}
-- The business types of a day share out the mall's sales without a rest.
select
    mall_days.mall_id,
    mall_days.business_date,
    mall_days.net_sales,
    sum(business_type_days.net_sales) as types_net_sales
from {{ ref('mall_days') }} as mall_days
left join {{ ref('business_type_days') }} as business_type_days
    on
        mall_days.mall_id = business_type_days.mall_id
        and mall_days.business_date = business_type_days.business_date
group by mall_days.mall_id, mall_days.business_date, mall_days.net_sales
having mall_days.net_sales is distinct from sum(business_type_days.net_sales)
