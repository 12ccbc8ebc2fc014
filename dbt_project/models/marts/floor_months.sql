{{
    config(
        indexes=[
            {'columns': ['mall_id', 'month', 'floor'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_business_dates_grouped_to_months', 'month') }}",
    )
}}

{{ days_summed('floor', 'months') }}
