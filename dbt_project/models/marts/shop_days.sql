{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date']},
            {'columns': ['shop_id', 'business_date'], 'unique': true},
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

till_days as (

    select * from {{ ref('till_days') }}

),

usage_hours as (

    select * from {{ ref('meter_usage_hours') }}

),

-- A sum of nothing is null: a shop whose till was silent has no sales figure, not zero sales.
measured as (

    select
        dates.mall_id,
        device_days.shop_id,
        dates.business_date,
        dates.revision,
        min(device_days.floor) as floor,
        min(device_days.zone) as zone,
        {{ measured_by_devices('device_days') }},
        -- What a device of the shop that is no till declares for all of them.
        sum(device_days.quantity) filter (
            where device_days.metric = 'declared_sales' and devices.is_declaring
        ) as declared_sales,
        sum(device_days.quantity) filter (
            where device_days.metric = 'declared_transactions' and devices.is_declaring
        ) as declared_transactions
    from dates
    inner join device_days
        on
            dates.mall_id = device_days.mall_id
            and dates.business_date = device_days.business_date
    inner join {{ ref('stg_app__devices') }} as devices
        on device_days.device_id = devices.device_id
    where device_days.shop_id is not null
    group by dates.mall_id, device_days.shop_id, dates.business_date, dates.revision

),

sold as (

    select
        till_days.shop_id,
        till_days.business_date,
        sum(till_days.net_sales) as net_sales,
        sum(till_days.transactions) as transactions,
        count(*) as sales_expected,
        count(*) filter (where till_days.is_received) as sales_received,
        count(*) filter (where till_days.is_received and not till_days.is_final) as differing
    from dates
    inner join till_days
        on
            dates.mall_id = till_days.mall_id
            and dates.business_date = till_days.business_date
    group by till_days.shop_id, till_days.business_date

),

consumed as (

    select
        usage_hours.shop_id,
        usage_hours.business_date,
        {{ consumed_by_meters('usage_hours') }}
    from dates
    inner join usage_hours
        on
            dates.mall_id = usage_hours.mall_id
            and dates.business_date = usage_hours.business_date
    group by usage_hours.shop_id, usage_hours.business_date

),

judged as (

    select
        measured.*,
        sold.net_sales,
        sold.transactions,
        coalesce(sold.sales_expected, 0) as sales_expected,
        coalesce(sold.sales_received, 0) as sales_received,
        {{ consumed_columns('consumed') }},
        case
            when coalesce(sold.sales_expected, 0) = 0 then 'NO_TILL'
            when sold.sales_received < sold.sales_expected then 'MISSING'
            when
                sold.differing > 0
                or sold.net_sales <> measured.declared_sales
                or sold.transactions <> measured.declared_transactions
                then 'UNRECONCILED'
            else 'COMPLETE'
        end as sales_state
    from measured
    left join sold
        on
            measured.shop_id = sold.shop_id
            and measured.business_date = sold.business_date
    left join consumed
        on
            measured.shop_id = consumed.shop_id
            and measured.business_date = consumed.business_date

)

select
    mall_id,
    shop_id,
    business_date,
    floor,
    zone,
    {{ measures() }},
    declared_sales::numeric(14, 2) as declared_sales,
    declared_transactions::bigint as declared_transactions,
    sales_state,
    sales_state = 'COMPLETE' as is_sales_complete,
    revision as source_revision
from judged
