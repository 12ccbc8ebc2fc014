"""Usage and sales that a month's bills are made of, read from the marts.

Belongs here: reads of schema marts for the bill run. Marts that dbt has not built yet hold no
rows: the gates will say what is missing.
"""

from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import date
from decimal import Decimal

import psycopg
from psycopg.rows import TupleRow

from domain.bill_inputs import SalesTotal
from domain.calendar import ONE_DAY, Period, month_of
from domain.charges import ChargeType
from domain.devices import REGISTER_METRICS, UNIT_OF_METRIC, Metric
from domain.pricing.metered import HourUse, MeterUsage

Connection = psycopg.Connection[TupleRow]

CHARGE_OF_METRIC = {
    Metric.ELECTRICITY: ChargeType.ELECTRICITY,
    Metric.WATER: ChargeType.WATER,
    Metric.GAS: ChargeType.GAS,
    Metric.ELECTRICITY_USED: ChargeType.ELECTRICITY,
    Metric.WATER_USED: ChargeType.WATER,
    Metric.GAS_USED: ChargeType.GAS,
}


def exists_table(connection: Connection, table: str) -> bool:
    """Whether dbt has built a table, given as `schema.name`."""
    row = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
    return row is not None and row[0] is not None


def read_usage(
    connection: Connection, *, mall_id: int, month: Period, timed: Set[tuple[int, ChargeType]]
) -> dict[int, list[MeterUsage]]:
    """What each shop's meters counted, by shop, meters by code; with hours of use where the
    shop and charge are `timed`. A meter whose ratio changed within the month stands there once
    for each.
    """
    usage: dict[int, list[MeterUsage]] = defaultdict(list)
    if not exists_table(connection, "marts.meter_usage_months"):
        return usage
    hours = _hours(connection, mall_id, month, timed)
    for row in connection.execute(
        """
        SELECT u.shop_id, u.device_id, d.code, u.metric, u.opening_register, u.opening_at,
               u.closing_register, u.closing_at, u.consumption, u.ratio, u.rollovers,
               u.hours_expected, u.hours_received, u.reversals + u.implausible_steps,
               u.estimated_consumption
        FROM marts.meter_usage_months AS u JOIN app.devices AS d ON d.id = u.device_id
        WHERE u.mall_id = %s AND u.month = %s AND u.shop_id IS NOT NULL AND u.metric = ANY(%s)
        ORDER BY u.shop_id, d.code, u.metric, u.opening_at, u.ratio
        """,
        (mall_id, month.first, [metric.value for metric in CHARGE_OF_METRIC]),
    ):
        shop_id, device_id, code, metric, opening, opened, closing, closed, *counted = row
        consumption, ratio, rollovers, expected, received, anomalies, estimated = counted
        usage[shop_id].append(
            MeterUsage(
                device_id=device_id,
                device_code=code,
                charge_type=CHARGE_OF_METRIC[Metric(metric)],
                unit=UNIT_OF_METRIC[Metric(metric)],
                opening_register=opening,
                opening_at=opened,
                closing_register=closing,
                closing_at=closed,
                consumption=consumption,
                ratio=ratio,
                rollovers=rollovers or 0,
                hours_expected=expected or 0,
                hours_received=received or 0,
                anomalies=anomalies or 0,
                hours=tuple(hours.get((shop_id, device_id, metric, ratio), ())),
                estimated=estimated,
                has_dial=Metric(metric) in REGISTER_METRICS,
            )
        )
    return usage


def _hours(
    connection: Connection, mall_id: int, month: Period, timed: Set[tuple[int, ChargeType]]
) -> dict[tuple[int, int, str, Decimal], list[HourUse]]:
    """Hours of use by shop, device, metric and ratio, on the mall's clock."""
    hours: dict[tuple[int, int, str, Decimal], list[HourUse]] = defaultdict(list)
    if not timed or not exists_table(connection, "marts.meter_usage_hours"):
        return hours
    for shop_id, device_id, metric, ratio, day, hour, *used in connection.execute(
        """
        SELECT u.shop_id, u.device_id, u.metric, u.ratio, u.business_date,
               extract(hour FROM u.hour_start AT TIME ZONE m.time_zone)::int, sum(u.consumption),
               coalesce(sum(u.consumption) FILTER (WHERE u.is_estimated), 0)
        FROM marts.meter_usage_hours AS u JOIN app.malls AS m ON m.id = u.mall_id
        WHERE u.mall_id = %s AND u.shop_id = ANY(%s)
          AND u.business_date BETWEEN %s AND %s AND u.consumption > 0
        GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
        """,
        (mall_id, sorted({shop_id for shop_id, _ in timed}), month.first, month.last),
    ):
        if (shop_id, CHARGE_OF_METRIC.get(Metric(metric))) in timed:
            hours[shop_id, device_id, metric, ratio].append(HourUse(day, hour, *used))
    return hours


def read_sales(
    connection: Connection, *, mall_id: int, asked: Sequence[tuple[int, int, Period]]
) -> dict[int, list[SalesTotal]]:
    """Sales by contract of the (contract id, shop id, period) `asked` for, summed by Postgres."""
    sales: dict[int, list[SalesTotal]] = defaultdict(list)
    if not asked or not exists_table(connection, "marts.shop_days"):
        return sales
    for at, amount, complete in connection.execute(
        """
        SELECT asked.at, sum(d.net_sales), count(*) FILTER (WHERE d.is_sales_complete)
        FROM unnest(%s::bigint[], %s::date[], %s::date[])
             WITH ORDINALITY AS asked (shop_id, first, last, at)
        LEFT JOIN marts.shop_days AS d
          ON d.mall_id = %s AND d.shop_id = asked.shop_id
         AND d.business_date BETWEEN asked.first AND asked.last
        GROUP BY asked.at ORDER BY asked.at
        """,
        (
            [shop_id for _, shop_id, _ in asked],
            [period.first for _, _, period in asked],
            [period.last for _, _, period in asked],
            mall_id,
        ),
    ):
        contract_id, _, period = asked[at - 1]
        sales[contract_id].append(SalesTotal(period, amount, period.days, complete))
    return sales


def read_missing_usage(
    connection: Connection, *, contract_ids: Sequence[int], month: Period
) -> dict[int, list[str]]:
    """Meters on last month's bills whose usage of that month is no longer in the marts."""
    gone: dict[int, list[str]] = defaultdict(list)
    if not exists_table(connection, "marts.meter_usage_months"):
        return gone
    previous: date = month_of(month.first - ONE_DAY).first
    for contract_id, device in connection.execute(
        """
        SELECT DISTINCT b.contract_id, meter ->> 'device'
        FROM app.bills AS b
        JOIN app.bill_lines AS l ON l.bill_id = b.id
        CROSS JOIN LATERAL json_array_elements(l.derivation #> '{sources,meters}') AS meter
        WHERE b.contract_id = ANY(%s) AND b.period_start = %s AND b.state <> 'VOID'
          AND NOT EXISTS (
              SELECT FROM marts.meter_usage_months AS u
              WHERE u.device_id = (meter ->> 'device_id')::bigint AND u.month = b.period_start
                AND u.consumption IS NOT NULL
          )
        ORDER BY 1, 2
        """,
        (list(contract_ids), previous),
    ):
        gone[contract_id].append(device)
    return gone
