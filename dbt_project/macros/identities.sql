{# Days on which the groups of a mart do not share out the mall's sales and electricity without a
   rest. #}
{% macro groups_share_out_the_mall(mart) -%}
select
    mall_days.mall_id,
    mall_days.business_date
from {{ ref('mall_days') }} as mall_days
left join {{ ref(mart) }} as parts
    on
        mall_days.mall_id = parts.mall_id
        and mall_days.business_date = parts.business_date
group by
    mall_days.mall_id,
    mall_days.business_date,
    mall_days.net_sales,
    mall_days.electricity_kwh
having
    mall_days.net_sales is distinct from sum(parts.net_sales)
    or mall_days.electricity_kwh is distinct from sum(parts.electricity_kwh)
{%- endmacro %}
