"""Register files of meters: one row per meter and time, the number on its dial.

`meter_no,obis,reading_ts,value,unit,quality,ct_ratio,source`. The OBIS code names what is
counted (IEC 62056-61: 1-0:1.8.0 active energy import; 8-0:1.0.0 water; 7-0:3.0.0 gas). A register
has no interval: its start and end are the moment it was read.
"""

from collections.abc import Mapping
from decimal import Decimal

from domain.devices import UNIT_OF_METRIC, DeviceKind, FeedKind, Metric, Quality
from services.adapters.refusals import Reason, shown
from services.adapters.table_rules import (
    Rule,
    TableFeed,
    amount_of,
    device_rules,
    instant_of,
    instant_rules,
    number_rules,
)

COLUMNS = ("meter_no", "obis", "reading_ts", "value", "unit", "quality", "ct_ratio", "source")
METRIC_OF_OBIS = {
    "1-0:1.8.0": Metric.ELECTRICITY,
    "8-0:1.0.0": Metric.WATER,
    "7-0:3.0.0": Metric.GAS,
}
QUALITY_OF_MARK = {"A": Quality.GOOD, "E": Quality.ESTIMATED}
UNITS = {obis: UNIT_OF_METRIC[metric] for obis, metric in METRIC_OF_OBIS.items()}


def _chosen(column: str, choices: Mapping[str, str]) -> str:
    """SQL: the value of the choice that stands in the column, or NULL."""
    cases = " ".join(f"WHEN '{name}' THEN '{value}'" for name, value in choices.items())
    return f"CASE {column} {cases} END"


TABLE = TableFeed(
    columns=COLUMNS,
    device_column="meter_no",
    added=(
        ("read_at", instant_of("reading_ts")),
        ("measured", _chosen("obis", {obis: m.value for obis, m in METRIC_OF_OBIS.items()})),
        ("expected_unit", _chosen("obis", UNITS)),
        ("marked", _chosen('"quality"', {mark: q.value for mark, q in QUALITY_OF_MARK.items()})),
        ("stated_ratio", amount_of("ct_ratio")),
    ),
    rules=(
        *device_rules("meter_no", kind=DeviceKind.METER, feed_kind=FeedKind.CUMULATIVE),
        Rule(
            Reason.UNKNOWN_METRIC,
            "measured IS NOT NULL",
            lambda row, place: (
                f"obis is {shown(row['obis'])}; expected {' or '.join(METRIC_OF_OBIS)}"
            ),
        ),
        Rule(
            Reason.WRONG_UNIT,
            "unit = expected_unit",
            lambda row, place: (
                f"unit is {shown(row['unit'])}; expected {UNITS[row['obis']]} for {row['obis']}"
            ),
        ),
        Rule(
            Reason.WRONG_QUALITY,
            "marked IS NOT NULL",
            lambda row, place: (
                f"quality is {shown(row['quality'])}; expected A (actual) or E (estimated)"
            ),
        ),
        *instant_rules("reading_ts", "read_at"),
        *number_rules(("value", "ct_ratio")),
        Rule(
            Reason.WRONG_RATIO,
            "stated_ratio = device_ratio",
            lambda row, place: (
                f"ct_ratio is {row['ct_ratio']}; meter {row['meter_no']} is registered with "
                f"{Decimal(row['device_ratio']).normalize():f}"
            ),
        ),
    ),
    readings=(("measured", '"value"'),),
    start="read_at",
    end="read_at",
    stated_quality="marked",
)
