{# How the marts stay incremental: each row of an incremental model carries the revision of its
   period (a business date, a week, a month) as `source_revision`. Before a run,
   `forget_changed_periods` deletes the periods whose revision is another by now; the model then
   builds what is not there, which is what `periods_to_build` selects. Each finds its periods by
   an index of the model on (mall_id, period): the cost follows the periods that changed. #}

{% macro periods_to_build(periods, period) -%}
    select periods.*
    from {{ periods }} as periods
    {%- if is_incremental() %}
    left join lateral (
        select true as is_built
        from {{ this }} as built
        where
            built.mall_id = periods.mall_id
            and built.{{ period }} = periods.{{ period }}
        limit 1
    ) as known on true
    where known.is_built is null
    {%- endif %}
{%- endmacro %}

{% macro forget_changed_periods(periods, period) -%}
    {%- if is_incremental() %}
    delete from {{ this }}
    where (mall_id, {{ period }}) in (
        select
            periods.mall_id,
            periods.{{ period }}
        from {{ ref(periods) }} as periods
        cross join lateral (
            select built.source_revision
            from {{ this }} as built
            where
                built.mall_id = periods.mall_id
                and built.{{ period }} = periods.{{ period }}
            limit 1
        ) as known
        where known.source_revision <> periods.revision
    )
    {%- endif %}
{%- endmacro %}

{# The last date that a mall must have rows for, from the variable `through`; null when not told. #}
{% macro through(mall_code) -%}
    {%- set told = var('through', '') -%}
    {%- if not told -%}
    null::date
    {%- elif told is mapping -%}
    case {{ mall_code }}
        {%- for code, day in told.items() %}
        when {{ dbt.string_literal(dbt.escape_single_quotes(code)) }} then '{{ day }}'::date
        {%- endfor %}
    end
    {%- else -%}
    '{{ told }}'::date
    {%- endif -%}
{%- endmacro %}
