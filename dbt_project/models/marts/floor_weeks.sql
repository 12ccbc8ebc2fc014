{{
    config(
        indexes=[
            {'columns': ['mall_id', 'week_start', 'floor'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_business_dates_grouped_to_weeks', 'week_start') }}",
    )
}}

{{ days_summed('floor', 'weeks') }}
