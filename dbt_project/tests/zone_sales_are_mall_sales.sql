{{ config(meta={'dagster': {'ref': {'name': 'zone_days'}}}) }}
{{ groups_share_out_the_mall('zone_days') }}
