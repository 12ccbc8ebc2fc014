"""Sales and usage of shops by month, read from the marts.

Belongs here: the figures that turnover rent and metered charges are made of, for lists and
reports. What the bill run itself reads is in `services.queries.bill_facts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.calendar import month_of
from domain.devices import UNIT_OF_METRIC, Metric


@dataclass(frozen=True, slots=True)
class MeterMonth:
    """One meter's month. Registers and `consumption` are dial units; `billed_consumption` is
    consumption x `ratio`, in `unit`; `estimated_consumption` dial units of it were not measured.
    None where nothing was received; a meter that sends intervals has no registers.
    """

    device_code: str
    metric: Metric
    unit: str
    opening_register: Decimal | None
    opening_at: datetime | None
    closing_register: Decimal | None
    closing_at: datetime | None
    consumption: Decimal | None
    ratio: Decimal
    billed_consumption: Decimal | None
    rollovers: int
    completeness: Decimal | None
    estimated_consumption: Decimal


@dataclass(frozen=True, slots=True)
class ShopMonth:
    """A shop's month: net sales (tax included) with their completeness from 0 to 1, and its
    meters. None where nothing was received: missing is not zero.
    """

    shop_id: int
    shop_code: str
    shop_name: str
    net_sales: Decimal | None
    transactions: int | None
    sales_completeness: Decimal | None
    meters: tuple[MeterMonth, ...]


def list_sales_and_usage(
    session: Session, *, mall_id: int, month: date, shop_ids: Sequence[int] | None = None
) -> tuple[ShopMonth, ...]:
    """Shops with sales or usage in a month, by code; of `shop_ids` only, where given.

    `month` is any day of it. Needs the marts shop_months and meter_usage_months.
    """
    first = month_of(month).first
    parameters = {"mall_id": mall_id, "month": first, "shop_ids": shop_ids and list(shop_ids)}
    meters: dict[int, list[MeterMonth]] = {}
    for row in session.execute(
        sa.text("""
            SELECT u.shop_id, d.code, u.metric, u.opening_register, u.opening_at,
                   u.closing_register, u.closing_at, u.consumption, u.ratio,
                   u.billed_consumption, u.rollovers, u.completeness, u.estimated_consumption
            FROM marts.meter_usage_months AS u JOIN app.devices AS d ON d.id = u.device_id
            WHERE u.mall_id = :mall_id AND u.month = :month AND u.shop_id IS NOT NULL
            ORDER BY u.shop_id, u.metric, d.code, u.opening_at, u.ratio
        """),
        parameters,
    ):
        metric = Metric(row.metric)
        meters.setdefault(row.shop_id, []).append(
            MeterMonth(
                row.code,
                metric,
                UNIT_OF_METRIC[metric],
                row.opening_register,
                row.opening_at,
                row.closing_register,
                row.closing_at,
                row.consumption,
                row.ratio,
                row.billed_consumption,
                row.rollovers,
                row.completeness,
                row.estimated_consumption,
            )
        )
    return tuple(
        ShopMonth(
            row.id,
            row.code,
            row.name,
            row.net_sales,
            row.transactions,
            row.sales_completeness,
            tuple(meters.get(row.id, ())),
        )
        for row in session.execute(
            sa.text("""
                SELECT s.id, s.code, s.name, m.net_sales, m.transactions, m.sales_completeness
                FROM app.shops AS s
                LEFT JOIN marts.shop_months AS m ON m.shop_id = s.id AND m.month = :month
                WHERE s.mall_id = :mall_id
                  AND (CAST(:shop_ids AS bigint[]) IS NULL OR s.id = ANY(:shop_ids))
                ORDER BY s.code
            """),
            parameters,
        )
        if row.net_sales is not None or row.id in meters
    )
