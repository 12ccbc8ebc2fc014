{{ config(meta={'dagster': {'ref': {'name': 'floor_days'}}}) }}
{{ groups_share_out_the_mall('floor_days') }}
