"""Day files of tills: one row per till and business date.

`mall_code,shop_code,business_date,till_id,txn_count,gross_sales,refunds,discounts,tax,net_sales,
currency,file_seq`; net_sales = gross_sales - refunds - discounts, tax included. A row becomes six
readings whose interval is the whole business day.
"""

from decimal import Decimal

from domain.devices import DeviceKind, FeedKind, Metric
from services.adapters.refusals import Reason, shown
from services.adapters.table_rules import (
    Place,
    Row,
    Rule,
    TableFeed,
    amount_of,
    device_rules,
    number_rules,
    quoting,
)

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


def _not_net(row: Row, place: Place) -> str:
    gross, refunds, discounts = (
        Decimal(row[name]) for name in ("gross_sales", "refunds", "discounts")
    )
    return (
        f"net_sales is {Decimal(row['net_sales'])}; expected gross_sales - refunds - discounts = "
        f"{gross} - {refunds} - {discounts} = {gross - refunds - discounts}"
    )


TABLE = TableFeed(
    columns=COLUMNS,
    device_column="till_id",
    looks_up_days=True,
    added=(
        # A till that hangs nowhere on that day is judged by nobody here.
        (
            "told_stood",
            "coalesce(list_filter(device_places, lambda p: day BETWEEN p.first AND p.last)[1].shop,"
            " '')",
        ),
        (
            "gap",
            f"{amount_of('net_sales')} - {amount_of('gross_sales')} + {amount_of('refunds')} + "
            f"{amount_of('discounts')}",
        ),
    ),
    rules=(
        Rule(
            Reason.WRONG_MALL,
            "mall_code = mall_is",
            lambda row, place: (
                f"mall_code is {shown(row['mall_code'])}; the file lies in the folder of "
                f"{place.where.mall.code}"
            ),
        ),
        *device_rules("till_id", kind=DeviceKind.POS, feed_kind=FeedKind.INTERVAL),
        Rule(
            Reason.BAD_TIME,
            "day IS NOT NULL",
            quoting("business_date", "a date such as 2026-03-05"),
        ),
        Rule(
            Reason.IMPOSSIBLE_TIME,
            "day_begins BETWEEN mall_earliest AND mall_latest",
            lambda row, place: (
                f"business_date is {row['business_date']}; expected a date from 2000 on and at "
                f"most a year after {place.arrival.received_at:%Y-%m-%d}"
            ),
        ),
        Rule(
            Reason.UNKNOWN_SHOP,
            "shop_code IN (SELECT code FROM shop)",
            lambda row, place: (
                f"shop_code is {shown(row['shop_code'])}; expected the code of a shop of mall "
                f"{place.where.mall.code}"
            ),
        ),
        Rule(
            Reason.WRONG_SHOP,
            "told_stood IN ('', shop_code)",
            lambda row, place: (
                f"till {row['till_id']} stood in shop {row['told_stood']} on "
                f"{row['business_date']}; the row says {row['shop_code']}"
            ),
        ),
        Rule(
            Reason.WRONG_CURRENCY,
            "currency = mall_currency",
            lambda row, place: (
                f"currency is {shown(row['currency'])}; mall {place.where.mall.code} keeps "
                f"{place.where.mall.currency}"
            ),
        ),
        *number_rules(("txn_count", "file_seq"), whole=True),
        *number_rules(MONEY),
        Rule(Reason.NET_SALES_MISMATCH, "gap = 0", _not_net),
    ),
    readings=tuple((f"'{metric.value}'", f'"{column}"') for metric, column in METRICS.items()),
    start="day_begins",
    end="day_ends",
)
