{{ config(meta={'dagster': {'ref': {'name': 'shop_hours'}}}) }}
-- The hours of a shop's day hold all that its meters consumed on it.
select
    shop_days.shop_id,
    shop_days.business_date
from {{ ref('shop_days') }} as shop_days
left join {{ ref('shop_hours') }} as shop_hours
    on
        shop_days.mall_id = shop_hours.mall_id
        and shop_days.shop_id = shop_hours.shop_id
        and shop_days.business_date = shop_hours.business_date
group by
    shop_days.shop_id,
    shop_days.business_date,
    shop_days.electricity_kwh,
    shop_days.water_m3
having
    shop_days.electricity_kwh is distinct from sum(shop_hours.electricity_kwh)
    or shop_days.water_m3 is distinct from sum(shop_hours.water_m3)
