"""What is known of one shop beyond its record: its months from the marts."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class ShopMonth:
    """`month` is its first day; figures are None when nothing was received."""

    month: date
    net_sales: Decimal | None
    transactions: int | None
    footfall_in: int | None
    electricity_kwh: Decimal | None
    sales_completeness: Decimal | None


def list_shop_months(connection: Connection, *, shop_id: int, limit: int) -> tuple[ShopMonth, ...]:
    """The newest months first; empty before the marts are built."""
    known = connection.scalar(sa.text("SELECT to_regclass('marts.shop_months')"))
    if known is None:
        return ()
    rows = connection.execute(
        sa.text(
            "SELECT month, net_sales, transactions, footfall_in, electricity_kwh,"
            " sales_completeness FROM marts.shop_months WHERE shop_id = :shop_id"
            " ORDER BY month DESC LIMIT :limit"
        ),
        {"shop_id": shop_id, "limit": limit},
    )
    return tuple(ShopMonth(**row._mapping) for row in rows)
