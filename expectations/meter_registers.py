"""What a batch of meters' registers must look like."""

from domain.devices import REGISTER_METRICS
from expectations.kinds import Part, measured
from expectations.suite import Rule, door_rules

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


PARTS = (
    Part(RULES, with_columns=lambda frame: measured(frame).rename(columns={"number": "dial"})),
)
