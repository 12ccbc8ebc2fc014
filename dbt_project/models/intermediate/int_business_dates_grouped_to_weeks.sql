-- A date more or another revision of one makes another revision of its week.
select
    mall_id,
    date_trunc('week', business_date)::date as week_start,
    min(business_date) as first_date,
    max(business_date) as last_date,
    (sum(revision) + count(*))::bigint as revision
from {{ ref('int_malls_expanded_to_business_dates') }}
group by mall_id, date_trunc('week', business_date)::date
