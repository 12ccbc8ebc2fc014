{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date']},
            {'columns': ['device_id', 'business_date'], 'unique': true},
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

devices as (

    select * from {{ ref('stg_app__devices') }}

),

told as (

    select
        dates.mall_id,
        device_days.device_id,
        device_days.shop_id,
        dates.business_date,
        dates.revision,
        max(device_days.quantity) filter (where device_days.metric = 'sales') as net_sales,
        max(device_days.quantity) filter (
            where device_days.metric = 'transactions'
        ) as transactions,
        max(device_days.quantity) filter (
            where device_days.metric = 'declared_sales'
        ) as declared_sales,
        max(device_days.quantity) filter (
            where device_days.metric = 'declared_transactions'
        ) as declared_transactions,
        coalesce(max(device_days.used_intervals) filter (
            where device_days.metric = 'sales'
        ), 0) > 0 as has_sales
    from dates
    inner join device_days
        on
            dates.mall_id = device_days.mall_id
            and dates.business_date = device_days.business_date
    inner join devices on device_days.device_id = devices.device_id
    where devices.device_kind = 'POS' and not devices.is_declaring
    group by
        dates.mall_id,
        device_days.device_id,
        device_days.shop_id,
        dates.business_date,
        dates.revision

),

-- A till that has sold nothing sends no transaction; its declaration of zero is its day.
filled as (

    select
        *,
        case
            when net_sales is null and declared_sales = 0 then 0 else net_sales
        end as counted_sales,
        case
            when net_sales is null and declared_sales = 0
                then coalesce(transactions, declared_transactions)
            else transactions
        end as counted_transactions
    from told

),

compared as (

    select
        *,
        counted_sales - declared_sales as sales_difference,
        counted_transactions - declared_transactions as transactions_difference,
        has_sales or declared_sales = 0 as is_received
    from filled

)

select
    mall_id,
    device_id,
    shop_id,
    business_date,
    counted_sales::numeric(14, 2) as net_sales,
    counted_transactions::bigint as transactions,
    declared_sales::numeric(14, 2) as declared_sales,
    declared_transactions::bigint as declared_transactions,
    sales_difference::numeric(14, 2) as sales_difference,
    transactions_difference::bigint as transactions_difference,
    coalesce(is_received, false) as is_received,
    case
        when declared_sales is null and declared_transactions is null then null
        else
            coalesce(is_received, false)
            and coalesce(sales_difference, 0) = 0
            and coalesce(transactions_difference, 0) = 0
    end as is_reconciled,
    coalesce(is_received, false)
    and coalesce(sales_difference, 0) = 0
    and coalesce(transactions_difference, 0) = 0 as is_final,
    revision as source_revision
from compared
