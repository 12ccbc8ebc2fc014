"""Our own public format as a table: one reading a row.

`device_id,data_type,timestamp,value`, optionally `interval_end` and `unit`, named and judged as
in the API (readings_judge). An empty `interval_end` is the device's own interval, or the moment.
"""

from domain.devices import COUNT_METRICS, METRICS_OF_KIND, DeviceKind, Metric
from services.adapters.readings_judge import EXPECTED
from services.adapters.refusals import Reason, shown
from services.adapters.table_rules import (
    AN_INSTANT,
    NUMBER,
    WHOLE_NUMBER,
    Place,
    Row,
    Rule,
    TableFeed,
    instant_of,
    instant_rules,
    known_device_rule,
    quoting,
)

COLUMNS = ("device_id", "data_type", "timestamp", "value")
OPTIONAL = ("interval_end", "unit")


def _listed(metrics: frozenset[Metric]) -> str:
    return ", ".join(f"'{metric.value}'" for metric in sorted(metrics))


def _not_of_kind(row: Row, place: Place) -> str:
    kind = DeviceKind(row["device_kind"])
    return (
        f"{row['device_id']} is a device of kind {kind}; it measures "
        f"{', '.join(sorted(METRICS_OF_KIND[kind]))}, not {row['data_type']}"
    )


def _bad_interval(row: Row, place: Place) -> str:
    if row["told_kind"] != "INTERVAL":
        return (
            f"{row['device_id']} counts as {row['told_kind']}: its readings have no length; leave "
            "interval_end out"
        )
    return (
        f"the interval runs from {row['timestamp']} to {row['interval_end']}; expected an end "
        "after the start and at most a day"
    )


def _bad_number(row: Row, place: Place) -> str:
    expected = (
        "a whole number of at most 12 digits"
        if row["data_type"] in COUNT_METRICS
        else "a finite number of at most 12 digits and 6 decimals"
    )
    return f"value is {shown(row['value'])}; expected {expected}"


TABLE = TableFeed(
    columns=COLUMNS,
    optional=OPTIONAL,
    device_column="device_id",
    looks_up_measures=True,
    added=(
        ("begins", instant_of("timestamp")),
        ("stated_end", instant_of("interval_end")),
        ("told_kind", "measure_kind"),
        ("told_unit", "measure_unit"),
        (
            "ends",
            "CASE WHEN coalesce(interval_end, '') <> '' THEN stated_end "
            "WHEN measure_kind = 'INTERVAL' THEN begins + to_minutes(device_minutes) "
            "ELSE begins END",
        ),
    ),
    rules=(
        known_device_rule("device_id"),
        Rule(
            Reason.UNKNOWN_METRIC,
            f"data_type IN ({_listed(frozenset(Metric))})",
            quoting("data_type", EXPECTED["data_type"]),
        ),
        Rule(Reason.WRONG_KIND, "measure_kind IS NOT NULL", _not_of_kind),
        Rule(
            Reason.BAD_NUMBER,
            f"CASE WHEN data_type IN ({_listed(COUNT_METRICS)}) "
            f"THEN regexp_full_match(\"value\", '{WHOLE_NUMBER}(?:\\.0{{1,6}})?') "
            f"ELSE regexp_full_match(\"value\", '{NUMBER}') END",
            _bad_number,
        ),
        *instant_rules("timestamp", "begins"),
        Rule(
            Reason.BAD_TIME,
            "coalesce(interval_end, '') = '' OR stated_end IS NOT NULL",
            quoting("interval_end", AN_INSTANT),
        ),
        Rule(
            Reason.BAD_INTERVAL,
            "CASE WHEN measure_kind = 'INTERVAL' "
            "THEN ends > begins AND ends <= begins + INTERVAL 26 HOUR ELSE ends = begins END",
            _bad_interval,
        ),
        Rule(
            Reason.WRONG_UNIT,
            "coalesce(unit, '') IN ('', measure_unit)",
            lambda row, place: (
                f"unit is {shown(row['unit'])}; expected {row['told_unit']} for {row['data_type']}"
            ),
        ),
    ),
    readings=(("data_type", '"value"'),),
    start="begins",
    end="ends",
)
