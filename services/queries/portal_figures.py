"""A shop's own sales and visitors, by day and month, from the marts.

The marts are dbt's: before its first run they are absent, and every function answers with
nothing. A figure is None when nothing was received, which is not zero.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class ShopDay:
    """One business date. `*_expected` are the tills, or the counters' intervals, that owe data.

    A figure that is not expected (a shop without a counter) is neither complete nor missing.
    """

    business_date: date
    net_sales: Decimal | None
    transactions: int | None
    footfall_in: int | None
    sales_expected: int
    sales_received: int
    footfall_expected: int
    footfall_received: int

    @property
    def has_complete_sales(self) -> bool:
        return 0 < self.sales_expected == self.sales_received

    @property
    def has_complete_footfall(self) -> bool:
        return 0 < self.footfall_expected == self.footfall_received


@dataclass(frozen=True, slots=True)
class ShopMonthFigures:
    """A month, named by its first day. `trading_days` have a till that owes data, of which
    `complete_days` came whole; completeness 0 to 1, None when nothing was expected.
    """

    month: date
    net_sales: Decimal | None
    transactions: int | None
    footfall_in: int | None
    trading_days: int
    complete_days: int
    sales_completeness: Decimal | None
    footfall_completeness: Decimal | None


def list_own_months(
    connection: Connection, *, shop_ids: Set[int], limit: int
) -> tuple[ShopMonthFigures, ...]:
    """The newest months first. For one shop; the ids of several give a row for each."""
    rows = _rows(
        connection,
        "shop_months",
        "SELECT month, net_sales, transactions, footfall_in, trading_days, complete_days,"
        " sales_completeness, footfall_completeness FROM marts.shop_months"
        " WHERE shop_id = ANY(:shop_ids) ORDER BY month DESC LIMIT :limit",
        {"shop_ids": sorted(shop_ids), "limit": limit},
    )
    return tuple(ShopMonthFigures(**row._mapping) for row in rows)


def list_own_days(
    connection: Connection, *, shop_ids: Set[int], start: date, end: date
) -> tuple[ShopDay, ...]:
    """Business dates `start` to `end`, both included, by date; days without a row are absent."""
    rows = _rows(
        connection,
        "shop_days",
        "SELECT business_date, net_sales, transactions, footfall_in, sales_expected,"
        " sales_received, footfall_expected, footfall_received FROM marts.shop_days"
        " WHERE shop_id = ANY(:shop_ids) AND business_date BETWEEN :start AND :end"
        " ORDER BY business_date",
        {"shop_ids": sorted(shop_ids), "start": start, "end": end},
    )
    return tuple(ShopDay(**row._mapping) for row in rows)


def _rows(connection: Connection, mart: str, query: str, values: dict[str, Any]) -> Sequence[Any]:
    known = connection.scalar(sa.text("SELECT to_regclass(:name)"), {"name": f"marts.{mart}"})
    return connection.execute(sa.text(query), values).all() if known is not None else ()
