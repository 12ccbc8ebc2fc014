{{
    config(
        indexes=[
            {'columns': ['mall_id', 'week_start']},
            {'columns': ['shop_id', 'week_start'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_business_dates_grouped_to_weeks', 'week_start') }}",
    )
}}

{{ days_summed('shop', 'weeks') }}
