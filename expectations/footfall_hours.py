"""What a batch of hourly counts of visitors must look like."""

from domain.devices import Metric
from expectations.kinds import Part, measured
from expectations.suite import Rule, door_rules

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


PARTS = (
    Part(RULES, with_columns=lambda frame: measured(frame).rename(columns={"number": "visitors"})),
)
