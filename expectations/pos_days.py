"""What a batch of day files of tills must look like."""

import pandas as pd

from domain.devices import Metric
from expectations.kinds import Part, measured
from expectations.suite import Rule, door_rules

# A till of one shop; ten times the busiest day known of a department store's main till.
HIGHEST_DAY = 50_000_000
MONEY = (Metric.SALES, Metric.GROSS_SALES, Metric.REFUNDS, Metric.DISCOUNTS, Metric.TAX)
SIGNS = {
    Metric.SALES.value: 1,
    Metric.GROSS_SALES.value: -1,
    Metric.REFUNDS.value: 1,
    Metric.DISCOUNTS.value: 1,
}

RULES = (
    *door_rules([*(metric.value for metric in MONEY), Metric.TRANSACTIONS.value]),
    Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": "minutes", "min_value": 23 * 60, "max_value": 25 * 60},
        "Every row covers one business day",
        "每一行覆盖一个营业日",
    ),
    Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": "identity_gap", "min_value": 0, "max_value": 0},
        "Net sales are gross sales less refunds and discounts",
        "净销售额等于总销售额减去退款和折扣",
    ),
    Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": "amount", "min_value": -HIGHEST_DAY, "max_value": HIGHEST_DAY, "mostly": 0.99},
        "A till's day stays within what a till can take",
        "单台收银机的日销售额在合理范围内",
    ),
    Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": "transactions", "min_value": 0, "max_value": 100_000, "mostly": 0.99},
        "Transactions of a day are a plausible count",
        "日交易笔数合理",
    ),
)


def _with_columns(frame: pd.DataFrame) -> pd.DataFrame:
    rows = measured(frame)
    number = rows["number"]
    is_money = rows["metric"].isin([metric.value for metric in MONEY])
    rows["amount"] = number.where(is_money)
    rows["transactions"] = number.where(rows["metric"] == Metric.TRANSACTIONS.value)
    # The readings of one line of a file belong together; the gap is that of the line, exact.
    exact = (number * 10_000).round()
    line = [rows[column] for column in ("file", "row_number") if column in rows]
    rows["identity_gap"] = (
        (exact * rows["metric"].map(SIGNS).fillna(0)).groupby(line).transform("sum")
    )
    return rows


PARTS = (Part(RULES, with_columns=_with_columns),)
