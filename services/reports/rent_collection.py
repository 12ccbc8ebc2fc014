"""Rent collection 租金收缴: what was billed, what of it came in, what is late.

Rows are the bills that were billed for the period or fell due in it. The collection rate is
that of the domain's KPIs: received by the cut-off for bills due in the period ÷ those bills;
deposits are left out of both. The cut-off is the report's as-of time.
"""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

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

ZERO = Decimal("0.00")

COLUMNS = (
    Column(marked("Bill"), Kind.TEXT, 1.6),
    Column(marked("Shop no."), Kind.TEXT, 1.1),
    Column(marked("Shop"), Kind.TEXT, 3.0),
    Column(marked("Billed from"), Kind.DATE, 1.3),
    Column(marked("Billed to"), Kind.DATE, 1.3),
    Column(marked("Due date"), Kind.DATE, 1.3),
    Column(marked("Due in period"), Kind.WORD, 1.0),
    Column(marked("Billed"), Kind.MONEY, 1.9, is_summed=True),
    Column(marked("Collected"), Kind.MONEY, 1.9, is_summed=True),
    Column(marked("Outstanding"), Kind.MONEY, 1.9, is_summed=True),
    Column(marked("Overdue days"), Kind.INTEGER, 1.1),
    Column(marked("Collected share"), Kind.SHARE, 1.1),
)
DUE_DATE, BILLED, COLLECTED, OUTSTANDING, OVERDUE, SHARE = 5, 7, 8, 9, 10, 11
YES, NO = marked("yes"), marked("no")

# Upper bounds of the buckets in days past due; the last one is open.
AGEING = (
    (0, marked("Outstanding, not due")),
    (30, marked("Overdue 1–30 days")),
    (60, marked("Overdue 31–60 days")),
    (90, marked("Overdue 61–90 days")),
    (180, marked("Overdue 91–180 days")),
    (None, marked("Overdue over 180 days")),
)

# Inside a bill money settles lines in their order: what came in for a deposit is what is left
# of the bill's allocations after the lines before it. A credit settles the other lines first,
# wherever it stands.
BILLS = sa.text(
    """
    SELECT bills.number, shops.code, shops.name, bills.period_start, bills.period_end,
           bills.due_date, bills.total_amount - line.deposit AS billed,
           coalesce(paid.amount, 0)
             - least(greatest(coalesce(paid.amount, 0) - line.before_deposit, 0), line.deposit)
             AS collected
    FROM app.bills
    JOIN app.shops ON shops.id = bills.shop_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(total_amount) FILTER (WHERE charge_type = 'DEPOSIT'), 0) AS deposit,
               coalesce(sum(total_amount) FILTER (WHERE line_number < (
                   SELECT min(line_number) FROM app.bill_lines AS deposits
                   WHERE deposits.bill_id = bills.id AND deposits.charge_type = 'DEPOSIT'
               ) OR total_amount < 0 AND charge_type <> 'DEPOSIT'), 0) AS before_deposit
        FROM app.bill_lines WHERE bill_lines.bill_id = bills.id
    ) AS line
    LEFT JOIN LATERAL (
        SELECT sum(amount) AS amount FROM app.allocations
        WHERE allocations.bill_id = bills.id AND allocated_at <= :as_of
    ) AS paid ON true
    WHERE bills.mall_id = :mall_id AND bills.state <> 'VOID' AND bills.issued_at <= :as_of
      AND (bills.period_start BETWEEN :start AND :end OR bills.due_date BETWEEN :start AND :end)
    ORDER BY bills.number
    """
)

HELD = sa.text(
    """
    SELECT DISTINCT shops.code, shops.name
    FROM app.billing_gates
    JOIN app.shops ON shops.id = billing_gates.shop_id
    WHERE billing_gates.mall_id = :mall_id AND billing_gates.month BETWEEN :start AND :end
      AND NOT billing_gates.is_passed AND billing_gates.overridden_at IS NULL
      AND NOT EXISTS (
          SELECT FROM app.bills
          WHERE bills.shop_id = shops.id AND bills.state <> 'VOID'
            AND bills.issued_at <= :as_of
            AND date_trunc('month', bills.period_start)::date = billing_gates.month
      )
    ORDER BY shops.code
    """
)


def load(session: Session, scope: Scope) -> Contents:
    values = {
        "mall_id": scope.mall_id,
        "start": scope.start,
        "end": scope.end,
        "as_of": scope.as_of,
    }
    bills = session.execute(BILLS, values).all()
    held = session.execute(HELD, values).all()
    rows = tuple(_row(bill, scope) for bill in bills)
    due = [row for row in rows if _is_due(row, scope)]
    billed, collected = _total(due, BILLED), _total(due, COLLECTED)
    rate = ratio(collected, billed)
    totals = list(totals_of(COLUMNS, rows))
    totals[SHARE] = ratio(_total(rows, COLLECTED), _total(rows, BILLED))
    remarks = []
    if held:
        names = tuple(f"{shop.code} {shop.name}" for shop in held)
        remarks.append(Remark(marked("Not billed, held back by a billing gate: {names}"), names))
    if not due:
        remarks.append(
            Remark(marked("No bill fell due in the period: there is no collection rate."))
        )
    expected = len(rows) + len(held)
    return Contents(
        rows=rows,
        totals=tuple(totals),
        facts=(
            Fact(
                marked("Collection rate"),
                Kind.SHARE,
                rate,
                marked("of {bills} bills due in the period"),
                (("bills", str(len(due))),),
            ),
            Fact(marked("Billed"), Kind.MONEY, totals[BILLED], marked("with tax, no deposits")),
            Fact(marked("Collected"), Kind.MONEY, totals[COLLECTED], marked("by the as-of time")),
            Fact(marked("Outstanding"), Kind.MONEY, totals[OUTSTANDING]),
            *_ageing(rows),
        ),
        remarks=tuple(remarks),
        completeness=ratio(len(rows), expected) if expected else Decimal(1),  # type: ignore[arg-type]
    )


def _row(bill: Any, scope: Scope) -> tuple[Value, ...]:
    outstanding = bill.billed - bill.collected
    today = scope.as_of.astimezone(ZoneInfo(scope.time_zone)).date()
    late = max((today - bill.due_date).days, 0) if outstanding > 0 else 0
    return (
        bill.number,
        bill.code,
        bill.name,
        bill.period_start,
        bill.period_end,
        bill.due_date,
        YES if scope.start <= bill.due_date <= scope.end else NO,
        bill.billed,
        bill.collected,
        outstanding,
        late,
        ratio(bill.collected, bill.billed),
    )


def _is_due(row: tuple[Value, ...], scope: Scope) -> bool:
    return scope.start <= row[DUE_DATE] <= scope.end  # type: ignore[operator]


def _total(rows: Any, column: int) -> Decimal:
    return sum((row[column] for row in rows), ZERO)


def _ageing(rows: Any) -> tuple[Fact, ...]:
    """Outstanding amounts by days past due; the buckets add up to all that is outstanding."""
    facts = []
    lower = -1
    for upper, label in AGEING:
        bucket = [
            row for row in rows if row[OVERDUE] > lower and (upper is None or row[OVERDUE] <= upper)
        ]
        facts.append(Fact(label, Kind.MONEY, _total(bucket, OUTSTANDING)))
        lower = upper if upper is not None else lower
    return tuple(facts)


RENT_COLLECTION = Report(
    code="rent_collection",
    title=marked("Rent collection report"),
    subject=marked("Each bill of the period: billed, collected, outstanding"),
    basis=(
        marked("Bills that were billed for the period or fell due in it; void bills are left out."),
        marked("Billed and collected are with tax and without deposits."),
        marked(
            "Collection rate: collected by the as-of time for bills due in the period "
            "÷ those bills."
        ),
        marked("Completeness: bills issued ÷ bills issued and bills held back."),
    ),
    columns=COLUMNS,
    control=BILLED,
    load=load,
)
