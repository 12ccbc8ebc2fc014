{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date', 'floor', 'zone'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
    )
}}

with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

device_days as (

    select * from {{ ref('device_days') }}

),

usage_hours as (

    select * from {{ ref('meter_usage_hours') }}

),

installations as (

    select * from {{ ref('stg_app__device_installations') }}

),

measured as (

    select
        dates.mall_id,
        dates.business_date,
        dates.revision,
        device_days.floor,
        device_days.zone,
        device_days.place,
        {{ measured_by_devices('device_days') }}
    from dates
    inner join device_days
        on
            dates.mall_id = device_days.mall_id
            and dates.business_date = device_days.business_date
    where device_days.shop_id is null
    group by
        dates.mall_id,
        dates.business_date,
        dates.revision,
        device_days.floor,
        device_days.zone,
        device_days.place

),

consumed as (

    select
        dates.mall_id,
        dates.business_date,
        installations.floor,
        installations.zone,
        {{ consumed_by_meters('usage_hours') }}
    from dates
    inner join usage_hours
        on
            dates.mall_id = usage_hours.mall_id
            and dates.business_date = usage_hours.business_date
    inner join installations on usage_hours.installation_id = installations.installation_id
    where usage_hours.shop_id is null
    group by dates.mall_id, dates.business_date, installations.floor, installations.zone

),

united as (

    select
        measured.*,
        null as net_sales,
        null as transactions,
        0 as sales_expected,
        0 as sales_received,
        {{ consumed_columns('consumed') }}
    from measured
    left join consumed
        on
            measured.mall_id = consumed.mall_id
            and measured.business_date = consumed.business_date
            and measured.floor = consumed.floor
            and measured.zone = consumed.zone

)

select
    mall_id,
    business_date,
    floor,
    zone,
    place,
    {{ measures() }},
    revision as source_revision
from united
