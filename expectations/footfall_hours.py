"""What a batch of hourly counts of visitors must look like."""

import pandas as pd

from domain.devices import Feed, Metric
from expectations.suite import Rule, Verdict, door_rules, judge

# A door four metres wide at one person per metre and second, for an hour.
HIGHEST_HOUR = 14_400

RULES = (
    *door_rules([Metric.FOOTFALL_IN.value, Metric.FOOTFALL_OUT.value]),
    Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": "minutes", "min_value": 1, "max_value": 60},
        "Every row covers at most one hour",
        "每一行最多覆盖一小时",
    ),
    Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": "visitors", "min_value": 0, "max_value": HIGHEST_HOUR, "mostly": 0.99},
        "Visitors of an hour fit through a door",
        "每小时客流量合理",
    ),
)


def validate(frame: pd.DataFrame, *, refused: int) -> Verdict:
    """Judge a batch; `frame` has one row per reading with the columns of `suite.COLUMNS`."""
    if frame.empty:
        return judge(Feed.FOOTFALL_HOURS, frame, refused=refused, rules=RULES)
    rows = frame.copy()
    rows["minutes"] = (rows["interval_end"] - rows["interval_start"]).dt.total_seconds() / 60
    rows["visitors"] = pd.to_numeric(rows["value"].astype(str), errors="coerce")
    return judge(Feed.FOOTFALL_HOURS, rows, refused=refused, rules=RULES)
