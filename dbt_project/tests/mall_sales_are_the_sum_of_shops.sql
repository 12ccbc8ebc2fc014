{{ config(meta={'dagster': {'ref': {'name': 'mall_days'}}}) }}
-- Each of the mall's days equals the sum of its shops, to the cent, null included.
select
    mall_days.mall_id,
    mall_days.business_date,
    mall_days.net_sales,
    sum(shop_days.net_sales) as shops_net_sales
from {{ ref('mall_days') }} as mall_days
left join {{ ref('shop_days') }} as shop_days
    on
        mall_days.mall_id = shop_days.mall_id
        and mall_days.business_date = shop_days.business_date
group by mall_days.mall_id, mall_days.business_date, mall_days.net_sales
having mall_days.net_sales is distinct from sum(shop_days.net_sales)
