{{
    config(
        indexes=[
            {'columns': ['mall_id', 'month']},
            {'columns': ['shop_id', 'month'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_business_dates_grouped_to_months', 'month') }}",
    )
}}

{{ days_summed('shop', 'months') }}
