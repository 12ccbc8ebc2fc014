{# The facts of shops, common areas, business types, floors, zones and malls by hour, day, week
   and month: each measures the same things, so what those are stands here once.

   Each model selects the parts it is made of, unites them (`united`) and writes `measures`. #}

{% macro energies() -%}
    {{ return([('electricity', 'electricity_kwh'), ('water', 'water_m3'), ('gas', 'gas_m3')]) }}
{%- endmacro %}

{# Measures that add up over places and days, with their type. #}
{% macro additive() -%}
    {{ return([
        ('net_sales', 'numeric(14, 2)'),
        ('transactions', 'bigint'),
        ('footfall_in', 'bigint'),
        ('footfall_out', 'bigint'),
        ('footfall_in_estimated', 'bigint'),
        ('electricity_kwh', 'numeric(18, 6)'),
        ('electricity_kwh_estimated', 'numeric(18, 6)'),
        ('water_m3', 'numeric(18, 6)'),
        ('water_m3_estimated', 'numeric(18, 6)'),
        ('gas_m3', 'numeric(18, 6)'),
        ('gas_m3_estimated', 'numeric(18, 6)'),
        ('sales_expected', 'int'),
        ('sales_received', 'int'),
        ('footfall_expected', 'int'),
        ('footfall_received', 'int'),
        ('footfall_estimated', 'int'),
        ('energy_expected', 'int'),
        ('energy_received', 'int'),
        ('energy_estimated', 'int'),
    ]) }}
{%- endmacro %}

{# Each measure under its name and type, and how complete each kind of them is, 0 to 1; null where
   nothing is expected. #}
{% macro measures() -%}
    {%- for name, type in additive() %}
    {{ name }}::{{ type }} as {{ name }},
    {%- endfor %}
    {%- for what in ('sales', 'footfall', 'energy') %}
    round(
        {{ what }}_received::numeric / nullif({{ what }}_expected, 0), 4
    )::numeric(5, 4) as {{ what }}_completeness{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# Visitors, and what counters and meters owed, of rows with metric, quantity and intervals. #}
{% macro measured_by_devices(source) -%}
    {%- for column, metric in (
        ('quantity', 'footfall_in'), ('quantity', 'footfall_out')
    ) %}
    sum({{ source }}.{{ column }}) filter (
        where {{ source }}.metric = '{{ metric }}'
    ) as {{ metric }},
    {%- endfor %}
    coalesce(sum({{ source }}.estimated_quantity) filter (
        where {{ source }}.metric = 'footfall_in'
    ), 0) as footfall_in_estimated,
    {%- for state in ('expected', 'used', 'estimated') %}
    {%- set name = 'received' if state == 'used' else state %}
    coalesce(sum({{ source }}.{{ state }}_intervals) filter (
        where {{ source }}.metric = 'footfall_in'
    ), 0) as footfall_{{ name }},
    coalesce(sum({{ source }}.{{ state }}_intervals) filter (
        where {{ is_energy(source ~ '.metric') }}
    ), 0) as energy_{{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# What meters consumed, of steps of registers and intervals: null where there is no step. #}
{% macro consumed_by_meters(source) -%}
    {%- for energy, name in energies() %}
    sum({{ source }}.billed_consumption) filter (
        where {{ source }}.metric in {{ metrics_of(energy) }}
    ) as {{ name }},
    coalesce(sum({{ source }}.billed_consumption) filter (
        where {{ source }}.metric in {{ metrics_of(energy) }} and {{ source }}.is_estimated
    ), 0) as {{ name }}_estimated{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro consumed_columns(source) -%}
    {%- for _, name in energies() %}
    {{ source }}.{{ name }},
    coalesce({{ source }}.{{ name }}_estimated, 0) as {{ name }}_estimated
    {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Every measure of a part of the facts: what is `given`, else null. #}
{% macro part(given) -%}
    {%- for name, type in additive() %}
    ({{ given.get(name, 'null') }})::{{ type }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Each measure of `source` over its parts: null where no part tells a quantity, and no part of it
   estimated, expected or received where none tells of that. #}
{% macro united(source) -%}
    {%- for name, type in additive() %}
    {%- if name.endswith(('_estimated', '_expected', '_received')) %}
    coalesce(sum({{ source }}.{{ name }}), 0)::{{ type }} as {{ name }}
    {%- else %}
    sum({{ source }}.{{ name }})::{{ type }} as {{ name }}
    {%- endif %}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
