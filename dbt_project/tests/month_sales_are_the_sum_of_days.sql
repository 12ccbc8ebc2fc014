{{ config(meta={'dagster': {'ref': {'name': 'shop_months'}}}) }}
-- Each shop's month equals the sum of its days.
select
    shop_months.shop_id,
    shop_months.month,
    shop_months.net_sales,
    sum(shop_days.net_sales) as days_net_sales
from {{ ref('shop_months') }} as shop_months
inner join {{ ref('shop_days') }} as shop_days
    on
        shop_months.shop_id = shop_days.shop_id
        and shop_months.month = date_trunc('month', shop_days.business_date)::date
group by shop_months.shop_id, shop_months.month, shop_months.net_sales
having shop_months.net_sales is distinct from sum(shop_days.net_sales)
