"""Transactions of tills are written: every one counted as accepted, duplicate, revised or late.

The key of a transaction is (till, business date, number), and rows count as readings do
(services/operations/readings): the newest received wins, what it replaces is kept in
ingest.till_transaction_revisions, the same again is a duplicate, and what comes for a closed
month waits (late_values).

Belongs here: writing transactions and touching their business dates. Not here: which till is
meant (services/adapters), reconciling with day summaries (cleaning and the marts).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec
import psycopg

from services.adapters.directory import MallEntry
from services.adapters.sale_rows import SaleRow
from services.operations.late_values import (
    enter_months,
    keep_late_sales,
    month_of,
    settle_waiting,
)
from services.operations.readings import Written, touch_dates

SETTLE: LiteralString = """
SELECT place, outcome FROM ingest.settle_sales(
    %s::jsonb, %s::timestamptz, %s::bigint, %s::bigint)
"""
ROWS_AT_ONCE = 5_000


def write_sales(
    connection: psycopg.Connection,
    rows: Sequence[SaleRow],
    *,
    mall: MallEntry,
    received_at: datetime,
    file_id: int | None = None,
    batch_id: int | None = None,
) -> Written:
    """Write transactions of one mall inside the caller's transaction; how they counted.

    Exactly one of `file_id` and `batch_id` names the source. Rows with one key count one after
    the other, the last one stands. Business dates that changed are touched.
    Raises psycopg.Error; then nothing of the transaction holds.
    """
    if (file_id is None) == (batch_id is None):
        raise ValueError("name the file or the batch that the sales came in, one of them")
    if not rows:
        return Written()
    unsettled = enter_months(
        connection, mall_id=mall.mall_id, days={row.business_date for row in rows}
    )
    late: list[tuple[int, SaleRow]] = []
    open_: list[tuple[int, SaleRow]] = []
    for place, row in enumerate(rows):
        is_late = bool(unsettled) and unsettled.get(month_of(row.business_date), False)
        (late if is_late else open_).append((place, row))
    outcomes: dict[int, str] = {}
    if late:
        outcomes |= keep_late_sales(
            connection,
            mall_id=mall.mall_id,
            rows=sales_as_json(late),
            received_at=received_at,
            file_id=file_id,
            batch_id=batch_id,
        )
    opened_again = [month for month, is_closed in unsettled.items() if not is_closed]
    # One order of keys for all writers; rows of one key stay in theirs.
    open_.sort(key=lambda item: (item[1].device_id, item[1].business_date, item[1].number))
    for at in range(0, len(open_), ROWS_AT_ONCE):
        some = sales_as_json(open_[at : at + ROWS_AT_ONCE])
        if opened_again:
            settle_waiting(
                connection,
                mall_id=mall.mall_id,
                months=opened_again,
                now=received_at,
                sales=some,
            )
        settled = connection.execute(SETTLE, (some, received_at, file_id, batch_id))
        outcomes |= dict(settled.fetchall())
    changed = {
        row.business_date
        for place, row in open_
        if outcomes.get(place, "accepted") in ("accepted", "revised")
    }
    if changed:
        touch_dates(connection, mall_id=mall.mall_id, days=sorted(changed), now=received_at)
    return counted(len(rows), outcomes)


def counted(total: int, outcomes: Mapping[int, str]) -> Written:
    """`outcomes` as numbers; who is not named was accepted."""
    counts = Counter(outcomes.values())
    return Written(
        accepted=total - len(outcomes),
        duplicate=counts["duplicate"],
        revised=counts["revised"],
        late=counts["late"],
        outcomes=dict(sorted(outcomes.items())),
    )


def sales_as_json(rows: Sequence[tuple[int, SaleRow]]) -> str:
    """As ingest.sales_of reads it; amounts are text, exact to the cent."""
    return msgspec.json.encode(
        [
            {
                "place": place,
                "device_id": row.device_id,
                "business_date": row.business_date,
                "number": row.number,
                "has_stated_date": row.has_stated_date,
                "occurred_at": row.occurred_at,
                "kind": row.kind,
                "gross_sales": row.gross_sales,
                "refunds": row.refunds,
                "discounts": row.discounts,
                "tax": row.tax,
                "original_number": row.original_number,
                "quality": row.quality,
            }
            for place, row in rows
        ]
    ).decode()
