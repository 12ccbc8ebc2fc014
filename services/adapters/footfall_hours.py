"""Hour files of footfall counters: one row per counter and interval.

`device_code,interval_start,interval_end,in,out`; ISO times with offset. A row becomes two
readings. A counter that failed sends no row: missing is not zero.
"""

from domain.devices import DeviceKind, FeedKind, Metric
from services.adapters.refusals import Reason
from services.adapters.table_rules import (
    Rule,
    TableFeed,
    device_rules,
    instant_of,
    instant_rules,
    number_rules,
)

COLUMNS = ("device_code", "interval_start", "interval_end", "in", "out")

TABLE = TableFeed(
    columns=COLUMNS,
    device_column="device_code",
    added=(
        ("begins", instant_of("interval_start")),
        ("ends", instant_of("interval_end")),
    ),
    rules=(
        *device_rules("device_code", kind=DeviceKind.FOOTFALL, feed_kind=FeedKind.INTERVAL),
        *instant_rules("interval_start", "begins"),
        *instant_rules("interval_end", "ends"),
        Rule(
            Reason.BAD_INTERVAL,
            "ends > begins AND ends <= begins + INTERVAL 1 DAY",
            lambda row, place: (
                f"the interval runs from {row['interval_start']} to {row['interval_end']}; "
                "expected an end after the start and at most 24 hours"
            ),
        ),
        *number_rules(("in", "out"), whole=True),
    ),
    readings=(
        (f"'{Metric.FOOTFALL_IN.value}'", '"in"'),
        (f"'{Metric.FOOTFALL_OUT.value}'", '"out"'),
    ),
    start="begins",
    end="ends",
)
