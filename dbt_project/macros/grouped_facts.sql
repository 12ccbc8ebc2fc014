{# Facts of shops and common areas brought together: by business type, floor, zone or mall. #}

{# `of` a business_type, floor, zone or mall; `period` hours or days.

   Sales and consumption are the sums of the shops. Visitors are those whom the counters in common
   areas count (of the mall: those at its entrances) and not the sum of the shops' visitors, which
   stands beside them as shop_visits; of business types, which have no common area, they are the
   shops' own. #}
{% macro facts_grouped(of, period) -%}
{%- set times = ['business_date'] if period == 'days' else ['business_date', 'hour_start'] -%}
{%- set keys = [] if of == 'mall' else [of] -%}
with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

parts as (

    select
        places.mall_id,
        {%- for time in times %}
        places.{{ time }},
        {%- endfor %}
        dates.revision,
        {%- if of == 'business_type' %}
        shops.business_type,
        {%- elif of != 'mall' %}
        places.{{ of }},
        {%- endif %}
        {{ part(measures_of_shops(of)) }},
        places.footfall_in as shop_visits,
        (places.sales_expected > 0)::int as shops_expected,
        {%- if period == 'days' %}
        places.is_sales_complete::int as shops_reporting
        {%- else %}
        (
            places.sales_expected > 0 and places.sales_received = places.sales_expected
        )::int as shops_reporting
        {%- endif %}
    from dates
    inner join {{ ref('shop_' ~ period) }} as places
        on
            dates.mall_id = places.mall_id
            and dates.business_date = places.business_date
    {%- if of == 'business_type' %}
    inner join {{ ref('stg_app__shops') }} as shops on places.shop_id = shops.shop_id
    {%- else %}

    union all

    select
        places.mall_id,
        {%- for time in times %}
        places.{{ time }},
        {%- endfor %}
        dates.revision,
        {%- if of != 'mall' %}
        places.{{ of }},
        {%- endif %}
        {{ part(measures_of_counters()) }},
        null as shop_visits,
        0 as shops_expected,
        0 as shops_reporting
    from dates
    inner join {{ ref('common_area_' ~ period) }} as places
        on
            dates.mall_id = places.mall_id
            and dates.business_date = places.business_date
    {%- if of == 'mall' %}
    where places.place = 'ENTRANCE'
    {%- endif %}
    {%- endif %}
    {%- if of == 'mall' and period == 'days' %}

    union all

    -- A day on which nothing hung anywhere is a day too.
    select
        dates.mall_id,
        dates.business_date,
        dates.revision,
        {{ part({}) }},
        null as shop_visits,
        0 as shops_expected,
        0 as shops_reporting
    from dates
    {%- endif %}

),

united as (

    select
        mall_id,
        {%- for column in times + keys %}
        {{ column }},
        {%- endfor %}
        revision,
        {{ united('parts') }},
        sum(shop_visits) as shop_visits,
        sum(shops_expected) as shops_expected,
        sum(shops_reporting) as shops_reporting
    from parts
    group by mall_id, {{ (times + keys) | join(', ') }}, revision

)

select
    mall_id,
    {%- for column in times + keys %}
    {{ column }},
    {%- endfor %}
    {{ measures() }},
    {%- if of != 'business_type' %}
    shop_visits::bigint as shop_visits,
    {%- endif %}
    shops_expected::int as shops_expected,
    shops_reporting::int as shops_reporting,
    revision as source_revision
from united
{%- endmacro %}

{% macro measures_of_shops(of) -%}
    {%- set given = {} -%}
    {%- for name, _ in additive() if of == 'business_type' or not name.startswith('footfall') -%}
    {%- do given.update({name: 'places.' ~ name}) -%}
    {%- endfor -%}
    {{ return(given) }}
{%- endmacro %}

{% macro measures_of_counters() -%}
    {%- set given = {} -%}
    {%- for name, _ in additive() if name.startswith('footfall') -%}
    {%- do given.update({name: 'places.' ~ name}) -%}
    {%- endfor -%}
    {{ return(given) }}
{%- endmacro %}

{# The days of a shop, business_type, floor, zone or mall summed to weeks or months. #}
{% macro days_summed(of, period) -%}
{%- set spans = {
    'weeks': ('int_business_dates_grouped_to_weeks', 'week_start'),
    'months': ('int_business_dates_grouped_to_months', 'month'),
} -%}
{%- set dates, start = spans[period] -%}
{%- set key = {'shop': 'shop_id', 'mall': none}.get(of, of) -%}
{%- set is_complete = 'days.is_sales_complete' if of == 'shop' else
    'days.shops_expected > 0 and days.shops_reporting = days.shops_expected' -%}
with periods as (

    {{ periods_to_build(ref(dates), start) }}

),

united as (

    select
        periods.mall_id,
        periods.{{ start }},
        {%- if key %}
        days.{{ key }},
        {%- endif %}
        periods.revision,
        {{ united('days') }},
        {%- if of not in ('shop', 'business_type') %}
        sum(days.shop_visits) as shop_visits,
        {%- endif %}
        count(*) as days,
        count(*) filter (where days.sales_expected > 0) as trading_days,
        count(*) filter (where {{ is_complete }}) as complete_days
    from periods
    inner join {{ ref(of ~ '_days') }} as days
        on
            periods.mall_id = days.mall_id
            and days.business_date between periods.first_date and periods.last_date
    group by periods.mall_id, periods.{{ start }},{{ ' days.' ~ key ~ ',' if key }} periods.revision

)

select
    mall_id,
    {{ start }},
    {%- if key %}
    {{ key }},
    {%- endif %}
    {{ measures() }},
    {%- if of not in ('shop', 'business_type') %}
    shop_visits::bigint as shop_visits,
    {%- endif %}
    days::int as days,
    trading_days::int as trading_days,
    complete_days::int as complete_days,
    revision as source_revision
from united
{%- endmacro %}
