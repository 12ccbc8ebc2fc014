{# The facts of an hour: CTE `parts` with the rows of tills, counters and meters of each hour of
   `dates`, of those at shops or of those in common areas. Only what tells hours has any: a day
   file has no hours, nor has an interval of more than one. A till that sends each sale was silent
   in an hour in which it sold nothing.

   How many dates there are is a guess that Postgres makes far too low; it would then go through
   all hours once for each other hour. Models of this macro forbid that (`join_by_hash`), and
   `near` keeps what is hashed to the dates in question. #}

{% macro join_by_hash() -%}
    set local enable_nestloop = off
{%- endmacro %}

{% macro near(dates, rows) -%}
    {{ rows }}.mall_id = any(array(select near.mall_id from {{ dates }} as near))
    and {{ rows }}.business_date between
    (select min(near.business_date) from {{ dates }} as near)
    and (select max(near.business_date) from {{ dates }} as near)
{%- endmacro %}

{% macro hours_of_places(dates, of_shops) -%}
{%- set is_asked = 'shop_id is not null' if of_shops else 'shop_id is null' -%}
hours as (

    select
        dates.mall_id,
        dates.business_date,
        dates.revision,
        shown.hour_start,
        {{ is_open('shown.hour_start', 'dates') }} as is_open
    from {{ dates }} as dates
    cross join
        lateral
        generate_series(
            dates.day_start, dates.day_end - interval '1 microsecond', interval '1 hour'
        ) as shown (hour_start)

),

cleaned as (

    select cleaned.*
    from {{ dates }} as dates
    inner join {{ ref('int_reading_hours_narrowed_to_marts') }} as cleaned
        on
            dates.mall_id = cleaned.mall_id
            and dates.business_date = cleaned.business_date
    where cleaned.covers_minutes <= 60 and {{ near(dates, 'cleaned') }}

),

telling as (

    select
        device_days.*,
        devices.sales_feed_kind = 'EVENT' as sends_each_sale,
        greatest(devices.expected_interval_minutes, 1) as interval_minutes,
        greatest(1, 60 / devices.expected_interval_minutes) as in_hour
    from {{ dates }} as dates
    inner join {{ ref('device_days') }} as device_days
        on
            dates.mall_id = device_days.mall_id
            and dates.business_date = device_days.business_date
    inner join {{ ref('stg_app__devices') }} as devices
        on device_days.device_id = devices.device_id
    where
        device_days.{{ is_asked }}
        and {{ near(dates, 'device_days') }}
        and (
            devices.expected_interval_minutes <= 60
            or (devices.device_kind = 'POS' and devices.sales_feed_kind = 'EVENT')
        )

),

sensed as (

    select
        hours.mall_id,
        hours.business_date,
        hours.revision,
        hours.hour_start,
        telling.shop_id,
        telling.floor,
        telling.zone,
        telling.place,
        telling.metric,
        cleaned.value,
        cleaned.is_used is true as is_used,
        cleaned.is_used and cleaned.is_estimated as is_estimated,
        case
            when {{ is_energy('telling.metric') }} or hours.is_open then telling.in_hour else 0
        end as expected,
        case
            when telling.metric like '%\_register' then cleaned.samples
            else cleaned.covers_minutes / telling.interval_minutes
        end as came
    from hours
    inner join telling
        on
            hours.mall_id = telling.mall_id
            and hours.business_date = telling.business_date
    left join cleaned
        on
            telling.device_id = cleaned.device_id
            and telling.metric = cleaned.metric
            and hours.business_date = cleaned.business_date
            and hours.hour_start = cleaned.hour_start
    where
        telling.metric in ('footfall_in', 'footfall_out')
        or {{ is_energy('telling.metric') }}

),

sold as (

    select
        hours.mall_id,
        hours.business_date,
        hours.revision,
        hours.hour_start,
        telling.shop_id,
        telling.floor,
        telling.zone,
        hours.is_open or sales.value is not null as is_expected,
        case
            when telling.sends_each_sale
                then till_days.is_received and coalesce(sales.is_used, true)
            else coalesce(sales.is_used, false)
        end as is_received,
        sales.value as net_sales,
        transactions.value as transactions
    from hours
    inner join telling
        on
            hours.mall_id = telling.mall_id
            and hours.business_date = telling.business_date
    inner join {{ ref('till_days') }} as till_days
        on
            telling.mall_id = till_days.mall_id
            and telling.business_date = till_days.business_date
            and telling.device_id = till_days.device_id
    left join cleaned as sales
        on
            telling.device_id = sales.device_id
            and hours.business_date = sales.business_date
            and hours.hour_start = sales.hour_start
            and sales.metric = 'sales'
    left join cleaned as transactions
        on
            telling.device_id = transactions.device_id
            and hours.business_date = transactions.business_date
            and hours.hour_start = transactions.hour_start
            and transactions.metric = 'transactions'
    where telling.metric = 'sales' and {{ near(dates, 'till_days') }}

),

consumed as (

    select
        usage_hours.mall_id,
        usage_hours.business_date,
        dates.revision,
        usage_hours.hour_start,
        usage_hours.shop_id,
        installations.floor,
        installations.zone,
        installations.place,
        {{ consumed_by_meters('usage_hours') }}
    from {{ dates }} as dates
    inner join {{ ref('meter_usage_hours') }} as usage_hours
        on
            dates.mall_id = usage_hours.mall_id
            and dates.business_date = usage_hours.business_date
    inner join {{ ref('stg_app__device_installations') }} as installations
        on usage_hours.installation_id = installations.installation_id
    where usage_hours.{{ is_asked }} and {{ near(dates, 'usage_hours') }}
    group by
        usage_hours.mall_id,
        usage_hours.business_date,
        dates.revision,
        usage_hours.hour_start,
        usage_hours.shop_id,
        installations.floor,
        installations.zone,
        installations.place

),

parts as (

    select
        mall_id,
        business_date,
        hour_start,
        revision,
        shop_id,
        floor,
        zone,
        place,
        {{ part({
            'footfall_in': "case when metric = 'footfall_in' and is_used then value end",
            'footfall_out': "case when metric = 'footfall_out' and is_used then value end",
            'footfall_in_estimated':
                "case when metric = 'footfall_in' and is_used and is_estimated then value end",
            'footfall_expected': "case when metric = 'footfall_in' then expected end",
            'footfall_received':
                "case when metric = 'footfall_in' and is_used and not is_estimated"
                " then least(came, expected) end",
            'footfall_estimated':
                "case when metric = 'footfall_in' and is_estimated then expected end",
            'energy_expected': "case when " ~ is_energy('metric') ~ " then expected end",
            'energy_received':
                "case when " ~ is_energy('metric') ~ " and is_used and not is_estimated"
                " then least(came, expected) end",
            'energy_estimated':
                "case when " ~ is_energy('metric') ~ " and is_estimated then expected end",
        }) }}
    from sensed

    union all

    select
        mall_id,
        business_date,
        hour_start,
        revision,
        shop_id,
        floor,
        zone,
        'SHOP' as place,
        {{ part({
            'net_sales': "case when is_received then coalesce(net_sales, 0) end",
            'transactions': "case when is_received then coalesce(transactions, 0) end",
            'sales_expected': "is_expected::int",
            'sales_received': "(is_expected and is_received)::int",
        }) }}
    from sold
    where is_expected or net_sales is not null

    union all

    select
        mall_id,
        business_date,
        hour_start,
        revision,
        shop_id,
        case when shop_id is null then floor end as floor,
        case when shop_id is null then zone end as zone,
        place,
        {{ part({
            'electricity_kwh': 'electricity_kwh',
            'electricity_kwh_estimated': 'electricity_kwh_estimated',
            'water_m3': 'water_m3',
            'water_m3_estimated': 'water_m3_estimated',
            'gas_m3': 'gas_m3',
            'gas_m3_estimated': 'gas_m3_estimated',
        }) }}
    from consumed

)
{%- endmacro %}

{# An hour is shown when anything was owed in it or came. #}
{% macro is_hour_shown(source) -%}
    sum({{ source }}.sales_expected) > 0
    or sum({{ source }}.footfall_expected) > 0
    or sum({{ source }}.energy_expected) > 0
    or count({{ source }}.net_sales) > 0
    or count({{ source }}.footfall_in) > 0
    or count({{ source }}.footfall_out) > 0
    {%- for _, name in energies() %}
    or count({{ source }}.{{ name }}) > 0
    {%- endfor %}
{%- endmacro %}
