{# What stands for what is measured, in one place: which metrics add up, what an hour within
   opening hours is, and where a shop is. #}

{% macro is_flow(metric) -%}
    {{ metric }} in (
        'sales', 'transactions', 'declared_sales', 'declared_transactions',
        'footfall_in', 'footfall_out', 'electricity_used', 'water_used', 'gas_used'
    )
{%- endmacro %}

{# Whether an hour begins within opening hours; `clock` has time_zone, opens_at, opening_minutes. #}
{% macro is_open(hour_start, clock) -%}
    mod(
        1440 + (
            extract(
                epoch from
                ({{ hour_start }} at time zone {{ clock }}.time_zone)::time - {{ clock }}.opens_at
            ) / 60
        )::int, 1440
    ) < {{ clock }}.opening_minutes
{%- endmacro %}

{# Floor and zone of each shop on each of the `dates`: of its units, the floor with the most area,
   and on it the zone with the most. #}
{% macro shops_placed(dates) -%}
    select distinct on (shop_id, business_date)
        shop_id,
        business_date,
        floor,
        zone
    from (
        select
            lets.shop_id,
            dates.business_date,
            lets.floor,
            lets.zone,
            sum(lets.area_m2) as zone_area_m2,
            sum(sum(lets.area_m2)) over (
                partition by lets.shop_id, dates.business_date, lets.floor
            ) as floor_area_m2
        from {{ dates }} as dates
        inner join {{ ref('int_shops_joined_to_units') }} as lets
            on
                dates.mall_id = lets.mall_id
                and dates.business_date between lets.first_date and lets.last_date
        group by lets.shop_id, dates.business_date, lets.floor, lets.zone
    ) as areas
    order by
        shop_id asc,
        business_date asc,
        floor_area_m2 desc,
        floor asc,
        zone_area_m2 desc,
        zone asc
{%- endmacro %}

{# The metrics of a kind of energy: a dial's registers, or the intervals of a meter without one. #}
{% macro metrics_of(energy) -%}
    ('{{ energy }}_register', '{{ energy }}_used')
{%- endmacro %}

{% macro is_energy(metric) -%}
    {{ metric }} in (
        'electricity_register', 'water_register', 'gas_register',
        'electricity_used', 'water_used', 'gas_used'
    )
{%- endmacro %}
