"""Transactions of tills as landing writes them, for the tests of cleaning."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import psycopg
from measured_mall import NOW, MeasuredMall

from domain.sales import SaleKind


@dataclass(frozen=True)
class Rung:
    """One transaction; `amount` is its gross sales, of a RETURN what was given back."""

    number: str
    at: datetime
    amount: object = 0
    kind: SaleKind = SaleKind.SALE
    day: date | None = None  # the till's own; None: the cut-off decides
    voids: str = ""
    discount: object = 0
    tax: object = 0
    quality: str = "GOOD"


def ring(mall: MeasuredMall, till_id: int, sales: Iterable[Rung]) -> None:
    """Write transactions: the newest wins, their business dates are touched."""
    sales = list(sales)
    days = {sale.day or mall.clock.business_date(sale.at) for sale in sales}
    with psycopg.connect(
        mall.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    ) as connection:
        for sale in sales:
            is_return = sale.kind == SaleKind.RETURN
            gross = Decimal(0) if is_return else Decimal(str(sale.amount))
            refunds = Decimal(str(sale.amount)) if is_return else Decimal(0)
            discount = Decimal(str(sale.discount))
            connection.execute(
                "INSERT INTO ingest.till_transactions (device_id, business_date, number, "
                "has_stated_date, occurred_at, kind, gross_sales, refunds, discounts, tax, "
                "net_sales, original_number, quality, received_at) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
                "ON CONFLICT (device_id, business_date, number) DO UPDATE SET "
                "kind = excluded.kind, gross_sales = excluded.gross_sales, "
                "refunds = excluded.refunds, net_sales = excluded.net_sales",
                (
                    till_id,
                    sale.day or mall.clock.business_date(sale.at),
                    sale.number,
                    sale.day is not None,
                    sale.at,
                    sale.kind.value,
                    gross,
                    refunds,
                    discount,
                    Decimal(str(sale.tax)),
                    gross - refunds - discount,
                    sale.voids,
                    sale.quality,
                    NOW,
                ),
            )
        connection.cursor().executemany(
            "INSERT INTO ingest.touched_dates (mall_id, business_date, touched_at) "
            "VALUES (%s, %s, %s) ON CONFLICT (mall_id, business_date) "
            "DO UPDATE SET touched_at = excluded.touched_at, cleaned_at = NULL",
            [(mall.id, day, NOW) for day in sorted(days)],
        )
