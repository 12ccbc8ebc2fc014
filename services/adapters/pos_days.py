"""Day files of tills: one row per till and business date.

`mall_code,shop_code,business_date,till_id,txn_count,gross_sales,refunds,discounts,tax,net_sales,
currency,file_seq`; net_sales = gross_sales - refunds - discounts, tax included. A row becomes six
readings whose interval is the whole business day.
"""

from datetime import date

import pandas as pd

from domain.devices import DeviceKind, FeedKind, Metric
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Reason, Refusal, shown
from services.adapters.tables import Table, no_readings, read_table, readings_of

COLUMNS = (
    "mall_code",
    "shop_code",
    "business_date",
    "till_id",
    "txn_count",
    "gross_sales",
    "refunds",
    "discounts",
    "tax",
    "net_sales",
    "currency",
    "file_seq",
)
METRICS = {
    Metric.TRANSACTIONS: "txn_count",
    Metric.GROSS_SALES: "gross_sales",
    Metric.REFUNDS: "refunds",
    Metric.DISCOUNTS: "discounts",
    Metric.TAX: "tax",
    Metric.SALES: "net_sales",
}
MONEY = ("gross_sales", "refunds", "discounts", "tax", "net_sales")


def parse(
    text: str, *, where: MallDevices, arrival: Arrival
) -> tuple[pd.DataFrame, list[Refusal], int]:
    """Readings (tables.FRAME_COLUMNS), refusals and the number of rows of the file.

    Raises tables.CannotRead when the text is no table of this feed.
    """
    table = read_table(text, COLUMNS)
    mall = where.mall
    table.refuse(
        table.column("mall_code") != mall.code,
        Reason.WRONG_MALL,
        lambda row: (
            f"mall_code is {shown(row.mall_code)}; the file lies in the folder of {mall.code}"
        ),
    )
    table.find_devices("till_id", where=where, kind=DeviceKind.POS, feed_kind=FeedKind.INTERVAL)
    _find_days(table, where, arrival)
    _check_shops(table, where)
    table.refuse(
        table.column("currency") != mall.currency,
        Reason.WRONG_CURRENCY,
        lambda row: f"currency is {shown(row.currency)}; mall {mall.code} keeps {mall.currency}",
    )
    table.parse_numbers(("txn_count", "file_seq"), whole=True)
    table.parse_numbers(MONEY)
    frame = table.frame
    table.refuse(
        frame["net_sales"] != frame["gross_sales"] - frame["refunds"] - frame["discounts"],
        Reason.NET_SALES_MISMATCH,
        lambda row: (
            f"net_sales is {row.net_sales}; expected gross_sales - refunds - discounts = "
            f"{row.gross_sales} - {row.refunds} - {row.discounts} = "
            f"{row.gross_sales - row.refunds - row.discounts}"
        ),
    )
    if table.frame.empty:
        return no_readings(), table.refusals, table.rows_total
    return readings_of(table.frame, METRICS, arrival), table.refusals, table.rows_total


def _find_days(table: Table, where: MallDevices, arrival: Arrival) -> None:
    """Add `day`, `start` and `end` of the business date."""
    days = {text: _day(text) for text in table.column("business_date").unique()}
    table.refuse(
        table.column("business_date").map({text: day is None for text, day in days.items()}),
        Reason.BAD_TIME,
        lambda row: (
            f"business_date is {shown(row.business_date)}; expected a date such as 2026-03-05"
        ),
    )
    spans = {
        text: where.mall.clock.business_day(day)
        for text, day in days.items()
        if day is not None and 1 < day.year < 9999
    }
    table.refuse(
        table.column("business_date").map(
            {text: text not in spans or not arrival.is_possible(spans[text][0]) for text in days}
        ),
        Reason.IMPOSSIBLE_TIME,
        lambda row: (
            f"business_date is {row.business_date}; expected a date from 2000 on and at most a "
            f"year after {arrival.received_at:%Y-%m-%d}"
        ),
    )
    dates = table.column("business_date")
    table.frame["day"] = dates.map(days)
    for place, name in enumerate(("start", "end")):
        instants = pd.to_datetime(
            dates.map({text: span[place] for text, span in spans.items()}), utc=True
        )
        table.frame[name] = instants.astype("datetime64[us, UTC]")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _check_shops(table: Table, where: MallDevices) -> None:
    """A row names the shop where its till stood on that day."""
    table.refuse(
        ~table.column("shop_code").isin(list(where.shop_codes)),
        Reason.UNKNOWN_SHOP,
        lambda row: (
            f"shop_code is {shown(row.shop_code)}; expected the code of a shop of mall "
            f"{where.mall.code}"
        ),
    )
    frame = table.frame
    stood = [
        where.devices[code].shop_on(day)
        for code, day in zip(frame["device_code"], frame["day"], strict=True)
    ]
    table.frame["stood"] = pd.Series(stood, index=frame.index, dtype="object")
    table.refuse(
        # A till that hangs nowhere on that day is judged by nobody here.
        (table.column("stood") != "") & (table.column("stood") != table.column("shop_code")),
        Reason.WRONG_SHOP,
        lambda row: (
            f"till {row.device_code} stood in shop {row.stood} on {row.business_date}; the row "
            f"says {row.shop_code}"
        ),
    )
