"""What a batch of meters' registers must look like."""

import pandas as pd

from domain.devices import REGISTER_METRICS, Feed
from expectations.suite import Rule, Verdict, door_rules, judge

# The widest dial made has ten digits.
HIGHEST_DIAL = 9_999_999_999

RULES = (
    *door_rules(sorted(metric.value for metric in REGISTER_METRICS)),
    Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": "minutes", "min_value": 0, "max_value": 0},
        "A register is read at an instant",
        "表底数是某一时刻的读数",
    ),
    Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": "dial", "min_value": 0, "max_value": HIGHEST_DIAL, "mostly": 0.99},
        "A register fits on a dial",
        "表底数在表盘范围内",
    ),
)


def validate(frame: pd.DataFrame, *, refused: int) -> Verdict:
    """Judge a batch; `frame` has one row per reading with the columns of `suite.COLUMNS`."""
    if frame.empty:
        return judge(Feed.METER_REGISTERS, frame, refused=refused, rules=RULES)
    rows = frame.copy()
    rows["minutes"] = (rows["interval_end"] - rows["interval_start"]).dt.total_seconds() / 60
    rows["dial"] = pd.to_numeric(rows["value"].astype(str), errors="coerce")
    return judge(Feed.METER_REGISTERS, rows, refused=refused, rules=RULES)
