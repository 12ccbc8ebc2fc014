"""What the home page shows: the mall's days from the marts, and what waits for a person.

Belongs here: reads for the dashboard. Not here: charts (services.charts). The marts are dbt's:
before its first run they are absent, and every function answers with nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

ENOUGH = Decimal("0.95")


@dataclass(frozen=True, slots=True)
class MallDay:
    """One business date; a figure is None when nothing was received, which is not zero.

    `net_sales` in the mall's currency, `electricity_kwh` in kWh, completeness 0 to 1.
    """

    business_date: date
    net_sales: Decimal | None
    transactions: int | None
    footfall_in: int | None
    electricity_kwh: Decimal | None
    water_m3: Decimal | None
    sales_completeness: Decimal | None
    footfall_completeness: Decimal | None

    @property
    def has_complete_sales(self) -> bool:
        return (self.sales_completeness or 0) >= ENOUGH

    @property
    def has_complete_footfall(self) -> bool:
        return (self.footfall_completeness or 0) >= ENOUGH


@dataclass(frozen=True, slots=True)
class BusinessTypeDay:
    business_date: date
    business_type: str
    net_sales: Decimal | None


@dataclass(frozen=True, slots=True)
class Collection:
    """Bills of the period, deposits left out: what was billed, received, and is overdue."""

    business_type: str
    billed: Decimal
    collected: Decimal
    overdue: Decimal

    @property
    def open(self) -> Decimal:
        """Not yet received and not yet due."""
        return self.billed - self.collected - self.overdue


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person. `last_proven_backup_at` is None when none was ever proven."""

    held_shops: int = 0
    bills_in_review: int = 0
    unaccepted_requests: int = 0
    refused_rows: int = 0
    last_proven_backup_at: datetime | None = None


def _rows(connection: Connection, mart: str, query: str, values: dict[str, Any]) -> Sequence[Any]:
    known = connection.scalar(sa.text("SELECT to_regclass(:name)"), {"name": f"marts.{mart}"})
    return connection.execute(sa.text(query), values).all() if known is not None else ()


def latest_business_date(connection: Connection, *, mall_id: int) -> date | None:
    """The newest business date with sales or visitors, or None."""
    rows = _rows(
        connection,
        "mall_days",
        "SELECT max(business_date) FROM marts.mall_days WHERE mall_id = :mall_id"
        " AND (net_sales IS NOT NULL OR footfall_in IS NOT NULL)",
        {"mall_id": mall_id},
    )
    return rows[0][0] if rows else None


def list_mall_days(
    connection: Connection, *, mall_id: int, start: date, end: date
) -> tuple[MallDay, ...]:
    """Business dates `start` to `end`, both included, by date; days without a row are absent."""
    rows = _rows(
        connection,
        "mall_days",
        "SELECT business_date, net_sales, transactions, footfall_in, electricity_kwh, water_m3,"
        " sales_completeness, footfall_completeness FROM marts.mall_days"
        " WHERE mall_id = :mall_id AND business_date BETWEEN :start AND :end"
        " ORDER BY business_date",
        {"mall_id": mall_id, "start": start, "end": end},
    )
    return tuple(MallDay(**row._mapping) for row in rows)


def list_business_type_days(
    connection: Connection, *, mall_id: int, start: date, end: date
) -> tuple[BusinessTypeDay, ...]:
    """Net sales by business date and business type, by date and type."""
    rows = _rows(
        connection,
        "business_type_days",
        "SELECT business_date, business_type, net_sales FROM marts.business_type_days"
        " WHERE mall_id = :mall_id AND business_date BETWEEN :start AND :end"
        " ORDER BY business_date, business_type",
        {"mall_id": mall_id, "start": start, "end": end},
    )
    return tuple(BusinessTypeDay(**row._mapping) for row in rows)


def list_collection(
    connection: Connection, *, mall_id: int, start: date, end: date, today: date
) -> tuple[Collection, ...]:
    """By business type, the issued bills whose service period begins in `start` to `end`.

    Deposits are a liability and left out; a bill is overdue from the day after its due date.
    This is the state of the period's bills, not the collection rate of the rent report, which
    goes by due date.
    """
    rows = connection.execute(
        sa.text("""
            WITH dues AS (
                SELECT bills.id, shops.business_type, bills.due_date,
                    (SELECT COALESCE(sum(total_amount), 0) FROM app.bill_lines
                     WHERE bill_id = bills.id AND charge_type <> 'DEPOSIT') AS billed,
                    (SELECT COALESCE(sum(amount), 0) FROM app.allocations
                     WHERE bill_id = bills.id) AS received
                FROM app.bills JOIN app.shops ON shops.id = bills.shop_id
                WHERE bills.mall_id = :mall_id AND bills.period_start BETWEEN :start AND :end
                    AND bills.state IN ('ISSUED', 'PARTIALLY_PAID', 'PAID')
            )
            SELECT business_type, sum(billed) AS billed, sum(LEAST(billed, received)) AS collected,
                COALESCE(sum(billed - LEAST(billed, received)) FILTER (WHERE due_date < :today), 0)
                    AS overdue
            FROM dues GROUP BY business_type ORDER BY business_type
        """),
        {"mall_id": mall_id, "start": start, "end": end, "today": today},
    )
    return tuple(Collection(**row._mapping) for row in rows)


MONEY_WAITING = """
    (SELECT count(DISTINCT (shop_id, month)) FROM app.billing_gates
     WHERE mall_id = :mall_id AND NOT is_passed AND overridden_at IS NULL) AS held_shops,
    (SELECT count(*) FROM app.bills
     WHERE mall_id = :mall_id AND state = 'IN_REVIEW') AS bills_in_review
"""
DATA_WAITING = """
    (SELECT count(*) FROM app.service_requests
     WHERE mall_id = :mall_id AND state = 'SUBMITTED') AS unaccepted_requests,
    (SELECT count(*) FROM ingest.quarantine
     WHERE mall_id = :mall_id AND released_at IS NULL) AS refused_rows
"""
BACKUPS_WAITING = "(SELECT max(verified_at) FROM app.backups) AS last_proven_backup_at"


def get_waiting(
    connection: Connection, *, mall_id: int, money: bool, data: bool, backups: bool
) -> Waiting:
    """Counts of what a person must look at, as of now: of the desks named, the others are 0."""
    parts = [
        part
        for part, is_wanted in (
            (MONEY_WAITING, money),
            (DATA_WAITING, data),
            (BACKUPS_WAITING, backups),
        )
        if is_wanted
    ]
    if not parts:
        return Waiting()
    row = connection.execute(
        sa.text(f"SELECT {', '.join(parts)}"),
        {"mall_id": mall_id} if money or data else {},
    ).one()
    return Waiting(**row._mapping)
