{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date', 'hour_start'], 'unique': true},
        ],
        pre_hook="{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
    )
}}

{{ facts_grouped('mall', 'hours') }}
