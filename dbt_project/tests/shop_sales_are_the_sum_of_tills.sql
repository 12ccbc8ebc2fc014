{{ config(meta={'dagster': {'ref': {'name': 'till_days'}}}) }}
-- Each shop's day equals the sum of its tills, to the cent, null included.
select
    shop_days.shop_id,
    shop_days.business_date,
    shop_days.net_sales,
    sum(till_days.net_sales) as tills_net_sales
from {{ ref('shop_days') }} as shop_days
left join {{ ref('till_days') }} as till_days
    on
        shop_days.shop_id = till_days.shop_id
        and shop_days.business_date = till_days.business_date
        and shop_days.mall_id = till_days.mall_id
group by shop_days.shop_id, shop_days.business_date, shop_days.net_sales
having shop_days.net_sales is distinct from sum(till_days.net_sales)
