{# A release may give a mart other columns: one that was built before is then built anew, from what
   ingest holds. Before a run the tables are held against the contracts of their models. #}
{% macro forget_marts_of_another_shape() -%}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
    {%- set built = run_query("
        select tables.relname, string_agg(columns.attname, ',' order by columns.attname::text)
        from pg_class as tables
        inner join pg_attribute as columns on tables.oid = columns.attrelid
        where tables.relkind = 'r' and columns.attnum > 0 and not columns.attisdropped
            and tables.relnamespace = to_regnamespace('marts')
        group by tables.relname
    ") -%}
    {%- set shapes = {} -%}
    {%- for row in built.rows -%}
    {%- do shapes.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() -%}
    {%- if node.resource_type == 'model' and node.schema == 'marts' and node.alias in shapes -%}
    {%- if shapes[node.alias].split(',') | sort != node.columns.keys() | sort %}
    {%- do adapter.cache_dropped(
        adapter.get_relation(node.database, node.schema, node.alias)
    ) %}
drop table marts.{{ node.alias }};
    {%- endif -%}
    {%- endif -%}
    {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
