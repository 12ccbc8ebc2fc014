"""Shop operation 店铺经营: what each shop sold, to how many, on how much space.

Formulas as in the domain's KPIs: sales density = net sales ÷ day-weighted let m²; occupancy cost
ratio = (rent + turnover rent + property fee) ÷ net sales, both with tax; average footfall over
days that are at least 95 % complete. Shops with missing days are listed apart, not ranked.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import IN_FORCE
from domain.malls import BusinessType
from domain.money import round_cents
from services.language import marked
from services.reports.snapshot import (
    Column,
    Contents,
    Fact,
    Kind,
    Remark,
    Report,
    Scope,
    Value,
    ratio,
    totals_of,
)

LEAST_COMPLETENESS = Decimal("0.95")

BUSINESS_TYPES: dict[str, str] = {
    BusinessType.RETAIL: marked("Retail"),
    BusinessType.CATERING: marked("Catering"),
    BusinessType.ENTERTAINMENT: marked("Entertainment"),
    BusinessType.SERVICE: marked("Service"),
    BusinessType.OTHER: marked("Other"),
}

COLUMNS = (
    Column(marked("Rank"), Kind.INTEGER, 0.7),
    Column(marked("Shop no."), Kind.TEXT, 1.0),
    Column(marked("Shop"), Kind.TEXT, 2.1),
    Column(marked("Business type"), Kind.WORD, 1.6),
    Column(marked("Area ㎡"), Kind.DECIMAL, 1.1, is_summed=True),
    Column(marked("Trading days"), Kind.INTEGER, 0.95),
    Column(marked("Incomplete days"), Kind.INTEGER, 1.3),
    Column(marked("Net sales"), Kind.MONEY, 1.85, is_summed=True),
    Column(marked("Transactions"), Kind.INTEGER, 1.4, is_summed=True),
    Column(marked("Sales per transaction"), Kind.MONEY, 1.35),
    Column(marked("Footfall"), Kind.INTEGER, 1.1, is_summed=True),
    Column(marked("Sales per ㎡"), Kind.MONEY, 1.35),
    Column(marked("Occupancy cost"), Kind.SHARE, 1.25),
    Column(marked("Sales data"), Kind.SHARE, 0.95),
)
AREA, SALES, TRANSACTIONS, PER_TRANSACTION, DENSITY = 4, 7, 8, 9, 11

SHOPS = sa.text(
    """
    WITH days AS (
        SELECT shop_id, count(*) FILTER (WHERE sales_expected > 0) AS trading_days,
               count(*) FILTER (WHERE sales_expected > 0 AND NOT is_sales_complete)
                 AS incomplete_days,
               sum(net_sales) AS net_sales, sum(transactions) AS transactions,
               sum(footfall_in) AS footfall_in,
               sum(sales_expected) AS expected, sum(sales_received) AS received
        FROM marts.shop_days
        WHERE mall_id = :mall_id AND business_date BETWEEN :start AND :end
        GROUP BY shop_id
    ), let AS (
        SELECT contracts.shop_id,
               sum(units.area_m2 * (upper(held.span) - lower(held.span))) AS area_days
        FROM app.contracts
        JOIN app.contract_units ON contract_units.contract_id = contracts.id
        JOIN app.units ON units.id = contract_units.unit_id
        CROSS JOIN LATERAL (
            SELECT contract_units.period * daterange(:start, :end, '[]') AS span
        ) AS held
        WHERE contracts.mall_id = :mall_id AND contracts.state = ANY(:in_force)
          AND NOT isempty(held.span)
        GROUP BY contracts.shop_id
    ), charged AS (
        SELECT bills.shop_id, sum(bill_lines.total_amount) AS occupancy_cost
        FROM app.bills
        JOIN app.bill_lines ON bill_lines.bill_id = bills.id
        WHERE bills.mall_id = :mall_id AND bills.issued_at <= :as_of AND bills.state <> 'VOID'
          AND bill_lines.charge_type IN ('RENT', 'TURNOVER_RENT', 'PROPERTY_FEE')
          AND bill_lines.period_start BETWEEN :start AND :end
          AND bill_lines.period_end BETWEEN :start AND :end
        GROUP BY bills.shop_id
    )
    SELECT shops.code, shops.name, shops.business_type, let.area_days,
           coalesce(days.trading_days, 0) AS trading_days,
           coalesce(days.incomplete_days, 0) AS incomplete_days,
           days.net_sales, days.transactions, days.footfall_in,
           coalesce(days.expected, 0) AS expected, coalesce(days.received, 0) AS received,
           charged.occupancy_cost
    FROM app.shops
    LEFT JOIN days ON days.shop_id = shops.id
    LEFT JOIN let ON let.shop_id = shops.id
    LEFT JOIN charged ON charged.shop_id = shops.id
    WHERE shops.mall_id = :mall_id AND (days.shop_id IS NOT NULL OR let.shop_id IS NOT NULL)
    ORDER BY days.net_sales DESC NULLS LAST, shops.code
    """
)

MALL_DAYS = sa.text(
    """
    SELECT business_date, footfall_in, coalesce(footfall_completeness, 0) AS completeness
    FROM marts.mall_days
    WHERE mall_id = :mall_id AND business_date BETWEEN :start AND :end
    ORDER BY business_date
    """
)

OCCUPANCY = sa.text(
    """
    SELECT sum(units.area_m2) AS lettable,
           sum(units.area_m2) FILTER (WHERE EXISTS (
               SELECT FROM app.contract_units
               JOIN app.contracts ON contracts.id = contract_units.contract_id
               WHERE contract_units.unit_id = units.id AND contracts.state = ANY(:in_force)
                 AND contract_units.period @> CAST(:end AS date)
           )) AS let
    FROM app.units
    WHERE units.mall_id = :mall_id AND units.opened_date <= :end
      AND (units.closed_date IS NULL OR units.closed_date >= :end)
    """
)


def load(session: Session, scope: Scope) -> Contents:
    values = {
        "mall_id": scope.mall_id,
        "start": scope.start,
        "end": scope.end,
        "as_of": scope.as_of,
        "in_force": sorted(IN_FORCE),
    }
    found = session.execute(SHOPS, values).all()
    days = (scope.end - scope.start).days + 1
    ranked = [shop for shop in found if _is_complete(shop)]
    apart = [shop for shop in found if not _is_complete(shop)]
    rows = [_row(shop, rank, days) for rank, shop in enumerate(ranked, 1)]
    rows += [_row(shop, None, days) for shop in apart]
    totals = list(totals_of(COLUMNS, rows))
    totals[PER_TRANSACTION] = _cents(ratio(_decimal(totals[SALES]), totals[TRANSACTIONS]))  # type: ignore[arg-type]
    # Space whose sales are not known would dilute the density of the rest.
    selling: Any = [row[AREA] for row in rows if row[SALES] is not None and row[AREA] is not None]
    totals[DENSITY] = _cents(ratio(_decimal(totals[SALES]), sum(selling)))
    mall_days = session.execute(MALL_DAYS, values).all()
    space = session.execute(OCCUPANCY, values).one()
    expected = sum(shop.expected for shop in found)
    received = sum(shop.received for shop in found)
    return Contents(
        rows=tuple(rows),
        totals=tuple(totals),
        facts=(
            Fact(
                marked("Net sales"),
                Kind.MONEY,
                totals[SALES],
                marked("{complete} of {shops} shops complete"),
                (("complete", str(len(ranked))), ("shops", str(len(found)))),
            ),
            Fact(
                marked("Transactions"),
                Kind.INTEGER,
                totals[TRANSACTIONS],
                marked("as the tills counted them"),
            ),
            _average_footfall(mall_days, days),
            Fact(
                marked("Sales per ㎡"),
                Kind.MONEY,
                totals[DENSITY],
                marked("of shops whose sales are known"),
            ),
            Fact(
                marked("Occupancy"),
                Kind.SHARE,
                ratio(space.let or Decimal(0), space.lettable),
                marked("let area on {day}"),
                (("day", scope.end.isoformat()),),
            ),
        ),
        remarks=_remarks(apart, mall_days, scope),
        completeness=ratio(received, expected) or Decimal(0),
    )


def _is_complete(shop: Any) -> bool:
    return bool(shop.trading_days and not shop.incomplete_days and shop.net_sales is not None)


def _row(shop: Any, rank: int | None, days: int) -> tuple[Value, ...]:
    area = None if shop.area_days is None else _cents(shop.area_days / days)
    return (
        rank,
        shop.code,
        shop.name,
        BUSINESS_TYPES[shop.business_type],
        area,
        shop.trading_days,
        shop.incomplete_days,
        shop.net_sales,
        _integer(shop.transactions),
        _cents(ratio(shop.net_sales, shop.transactions)),
        _integer(shop.footfall_in),
        _cents(ratio(shop.net_sales, area)),
        ratio(shop.occupancy_cost, shop.net_sales),
        ratio(shop.received, shop.expected),
    )


def _average_footfall(mall_days: Any, days: int) -> Fact:
    counted = [day for day in mall_days if _counts(day)]
    entries = sum(day.footfall_in for day in counted)
    average = ratio(entries, len(counted))
    return Fact(
        marked("Average footfall per day"),
        Kind.INTEGER,
        None if average is None else int(average.quantize(Decimal(1))),
        marked("over {counted} of {days} days"),
        (("counted", str(len(counted))), ("days", str(days))),
    )


def _counts(day: Any) -> bool:
    return day.footfall_in is not None and day.completeness >= LEAST_COMPLETENESS


def _remarks(apart: Any, mall_days: Any, scope: Scope) -> tuple[Remark, ...]:
    remarks = []
    partial = [shop for shop in apart if shop.incomplete_days]
    silent = [shop for shop in apart if not shop.incomplete_days]
    if partial:
        names = tuple(f"{shop.code} {shop.name} ({shop.incomplete_days})" for shop in partial)
        text = marked("Not ranked, sales days missing (number of days): {names}")
        remarks.append(Remark(text, names))
    if silent:
        names = tuple(f"{shop.code} {shop.name}" for shop in silent)
        remarks.append(Remark(marked("Not ranked, no till reports sales: {names}"), names))
    counted = {day.business_date for day in mall_days if _counts(day)}
    span = (scope.end - scope.start).days + 1
    every = [scope.start + timedelta(days=at) for at in range(span)]
    left_out = _spans([day for day in every if day not in counted])
    if left_out:
        remarks.append(
            Remark(
                marked("Days left out of the average footfall, completeness below 95%: {names}"),
                left_out,
            )
        )
    return tuple(remarks)


def _spans(days: Sequence[date]) -> tuple[str, ...]:
    """Consecutive days as `first – last`, single ones as they are."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return tuple(
        first.isoformat() if first == last else f"{first} – {last}" for first, last in spans
    )


def _cents(value: Decimal | None) -> Decimal | None:
    return None if value is None else round_cents(value)


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)


def _decimal(value: Value) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


SHOP_OPERATION = Report(
    code="shop_operation",
    title=marked("Shop operation report"),
    subject=marked("Sales, customers and space of each shop, by net sales"),
    basis=(
        marked("Net sales: after refunds and discounts, tax included. A dash is not known."),
        marked("Area: let area weighted by the days of the period on which it was let."),
        marked(
            "Occupancy cost: rent, turnover rent and property fee billed for the period "
            "÷ net sales, both with tax."
        ),
        marked("Sales data: received ÷ expected reports of the tills."),
    ),
    columns=COLUMNS,
    control=SALES,
    load=load,
)
