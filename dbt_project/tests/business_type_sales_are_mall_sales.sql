{{ config(meta={'dagster': {'ref': {'name': 'business_type_days'}}}) }}
{{ groups_share_out_the_mall('business_type_days') }}
