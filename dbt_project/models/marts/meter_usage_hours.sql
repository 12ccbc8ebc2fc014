{{
    config(
        indexes=[
            {'columns': ['mall_id', 'business_date']},
            {
                'columns': ['device_id', 'metric', 'closing_at', 'installation_id', 'hour_start'],
                'unique': true,
            },
        ],
        pre_hook="{{ forget_changed_periods('int_malls_expanded_to_business_dates', 'business_date') }}",
    )
}}

with dates as (

    {{ periods_to_build(ref('int_malls_expanded_to_business_dates'), 'business_date') }}

),

malls as (

    select * from {{ ref('stg_app__malls') }}

),

devices as (

    select * from {{ ref('stg_app__devices') }}

),

installations as (

    select * from {{ ref('stg_app__device_installations') }}

),

used_hours as not materialized (

    select *
    from {{ ref('stg_ingest__reading_hours') }}
    where is_used

),

hung_up as (

    select
        devices.mall_id,
        devices.device_id,
        devices.modulus,
        coalesce(installations.ratio, devices.ratio) as ratio,
        devices.physical_maximum,
        devices.has_electricity_dial,
        devices.has_water_dial,
        devices.has_gas_dial,
        installations.installation_id,
        installations.shop_id,
        installations.installed_date,
        coalesce(installations.removed_date, 'infinity') as removed_date,
        installations.initial_register,
        installations.final_register,
        malls.time_zone,
        (installations.installed_date + make_interval(hours => malls.cutoff_hour))
        at time zone malls.time_zone as installed_at,
        -- The same dial runs on where only the place or the ratio is another from a day on, and
        -- nobody has read it between.
        (
            installations.initial_register is null
            and lag(installations.final_register) over by_date is null
            and lag(installations.removed_date) over by_date = installations.installed_date - 1
        ) is true as runs_on
    from devices
    inner join malls on devices.mall_id = malls.mall_id
    inner join installations on devices.device_id = installations.device_id
    where devices.device_kind = 'METER'
    window
        by_date as (
            partition by devices.device_id
            order by installations.installed_date, installations.installation_id
        )

),

dials as (

    select
        *,
        count(*) filter (where not runs_on) over (
            partition by device_id
            order by installed_date, installation_id
        ) as dial
    from hung_up

),

meters as (

    select
        *,
        min(installed_at) over (partition by device_id, dial) as dial_began_at
    from dials

),

-- Every register of a date closes a segment; so does the final register of a meter taken down.
readings as (

    select distinct on (registers.device_id, registers.metric, registers.hour_start)
        meters.*,
        registers.metric,
        dates.business_date,
        dates.revision,
        registers.hour_start as before_hour,
        registers.measured_at as closing_at,
        registers.value as closing_register,
        registers.is_estimated as is_closing_estimated
    from dates
    inner join used_hours as registers
        on
            dates.mall_id = registers.mall_id
            and dates.business_date = registers.business_date
    inner join meters
        on
            registers.device_id = meters.device_id
            and registers.business_date between meters.installed_date and meters.removed_date
    where
        (registers.metric = 'electricity_register' and meters.has_electricity_dial)
        or (registers.metric = 'water_register' and meters.has_water_dial)
        or (registers.metric = 'gas_register' and meters.has_gas_dial)
    order by
        registers.device_id asc,
        registers.metric asc,
        registers.hour_start asc,
        meters.installed_date desc,
        meters.installation_id desc

),

finals as (

    select
        meters.*,
        last_shown.metric,
        dates.business_date,
        dates.revision,
        dates.day_end as before_hour,
        dates.day_end as closing_at,
        meters.final_register as closing_register,
        false as is_closing_estimated
    from dates
    inner join meters
        on
            dates.mall_id = meters.mall_id
            and dates.business_date = meters.removed_date
            and meters.final_register is not null
    cross join lateral (
        select registers.metric
        from used_hours as registers
        where
            registers.device_id = meters.device_id
            and registers.metric in ('electricity_register', 'water_register', 'gas_register')
            and registers.hour_start >= meters.installed_at
            and registers.hour_start < dates.day_end
        order by registers.hour_start desc
        limit 1
    ) as last_shown

),

closings as (

    select * from readings
    union all
    select * from finals

),

-- The register before it on the same dial: of the same day, else found in the days before;
-- the first one follows the initial register.
followed as (

    select
        *,
        lag(closing_register) over device_day as register_before,
        lag(closing_at) over device_day as shown_before,
        lag(is_closing_estimated) over device_day as is_estimated_before
    from closings
    window
        device_day as (
            partition by installation_id, metric, business_date
            order by before_hour
        )

),

segments as (

    select
        followed.*,
        coalesce(
            followed.register_before, earlier.value, followed.initial_register
        ) as opening_register,
        coalesce(
            followed.shown_before, earlier.measured_at, followed.installed_at
        ) as opening_at,
        followed.is_closing_estimated
        or coalesce(
            followed.is_estimated_before, earlier.is_estimated, false
        ) as is_estimated
    from followed
    left join lateral (
        select
            registers.value,
            registers.measured_at,
            registers.is_estimated
        from used_hours as registers
        where
            followed.shown_before is null
            and registers.device_id = followed.device_id
            and registers.metric = followed.metric
            and registers.hour_start < followed.before_hour
            and registers.hour_start >= followed.dial_began_at
        order by registers.hour_start desc
        limit 1
    ) as earlier on true
    where
        coalesce(
            followed.register_before, earlier.value, followed.initial_register
        ) is not null

),

measured as (

    select
        *,
        closing_register - opening_register as step,
        greatest(extract(epoch from closing_at - opening_at) / 3600, 1) as hours,
        -- What a register shows on the full hour was consumed in the hour before.
        closing_at - interval '1 microsecond' as until
    from segments

),

-- A register that falls has rolled over only if it stood above 90 % of its modulus and the
-- difference over it is plausible; else it ran backwards or was misread, and the step stays
-- negative so that the sum of all steps remains what the dial says.
judged as (

    select
        *,
        (
            step < 0
            and opening_register > 0.9 * modulus
            and step + modulus <= coalesce(physical_maximum * hours, 0.1 * modulus)
        ) is true as is_rollover
    from measured

),

stepped as (

    select
        mall_id,
        shop_id,
        device_id,
        metric,
        installation_id,
        greatest(date_trunc('hour', until, time_zone), installed_at) as hour_start,
        business_date,
        opening_register,
        opening_at,
        closing_register,
        closing_at,
        step + case when is_rollover then modulus else 0 end as consumption,
        ratio,
        is_rollover,
        physical_maximum,
        hours,
        is_estimated,
        revision
    from judged

),

-- A meter that tells what was used in an interval has no dial to show.
told as (

    select distinct on (intervals.device_id, intervals.metric, intervals.hour_start)
        meters.mall_id,
        meters.shop_id,
        meters.device_id,
        intervals.metric,
        meters.installation_id,
        intervals.hour_start,
        dates.business_date,
        null::numeric as opening_register,
        intervals.hour_start as opening_at,
        null::numeric as closing_register,
        intervals.measured_at as closing_at,
        intervals.value as consumption,
        meters.ratio,
        false as is_rollover,
        meters.physical_maximum,
        greatest(intervals.covers_minutes / 60.0, 1) as hours,
        intervals.is_estimated,
        dates.revision
    from dates
    inner join used_hours as intervals
        on
            dates.mall_id = intervals.mall_id
            and dates.business_date = intervals.business_date
    inner join meters
        on
            intervals.device_id = meters.device_id
            and intervals.business_date between meters.installed_date and meters.removed_date
    where
        (intervals.metric = 'electricity_used' and not meters.has_electricity_dial)
        or (intervals.metric = 'water_used' and not meters.has_water_dial)
        or (intervals.metric = 'gas_used' and not meters.has_gas_dial)
    order by
        intervals.device_id asc,
        intervals.metric asc,
        intervals.hour_start asc,
        meters.installed_date desc,
        meters.installation_id desc

),

consumed as (

    select * from stepped
    union all
    select * from told

)

select
    mall_id,
    shop_id,
    device_id,
    metric,
    installation_id,
    hour_start,
    business_date,
    opening_register::numeric(18, 6) as opening_register,
    opening_at,
    closing_register::numeric(18, 6) as closing_register,
    closing_at,
    consumption::numeric(18, 6) as consumption,
    ratio::numeric(12, 6) as ratio,
    (consumption * ratio)::numeric(18, 6) as billed_consumption,
    is_rollover::int as rollovers,
    consumption < 0 as is_reversed,
    (consumption > physical_maximum * hours) is true as is_implausible,
    is_estimated,
    round(hours, 2)::numeric(12, 2) as hours_covered,
    revision as source_revision
from consumed
