"""Register files of meters: one row per meter and time, the number on its dial.

`meter_no,obis,reading_ts,value,unit,quality,ct_ratio,source`. The OBIS code names what is
counted (IEC 62056-61: 1-0:1.8.0 active energy import; 8-0:1.0.0 water; 7-0:3.0.0 gas). A register
has no interval: its start and end are the moment it was read.
"""

from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from domain.devices import UNIT_OF_METRIC, DeviceKind, FeedKind, Metric, Quality
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Reason, Refusal, shown
from services.adapters.tables import no_readings, read_table, readings_of

COLUMNS = ("meter_no", "obis", "reading_ts", "value", "unit", "quality", "ct_ratio", "source")
METRIC_OF_OBIS = {
    "1-0:1.8.0": Metric.ELECTRICITY,
    "8-0:1.0.0": Metric.WATER,
    "7-0:3.0.0": Metric.GAS,
}
QUALITY_OF_MARK = {"A": Quality.GOOD, "E": Quality.ESTIMATED}


def parse(
    text: str, *, where: MallDevices, arrival: Arrival
) -> tuple[pd.DataFrame, list[Refusal], int]:
    """Readings (tables.FRAME_COLUMNS), refusals and the number of rows of the file.

    Raises tables.CannotRead when the text is no table of this feed.
    """
    table = read_table(text, COLUMNS)
    table.find_devices(
        "meter_no", where=where, kind=DeviceKind.METER, feed_kind=FeedKind.CUMULATIVE
    )
    table.refuse(
        ~table.column("obis").isin(list(METRIC_OF_OBIS)),
        Reason.UNKNOWN_METRIC,
        lambda row: f"obis is {shown(row.obis)}; expected {' or '.join(METRIC_OF_OBIS)}",
    )
    units = {obis: UNIT_OF_METRIC[metric] for obis, metric in METRIC_OF_OBIS.items()}
    table.refuse(
        table.column("unit") != table.column("obis").map(units),
        Reason.WRONG_UNIT,
        lambda row: f"unit is {shown(row.unit)}; expected {units[row.obis]} for {row.obis}",
    )
    table.refuse(
        ~table.column("quality").isin(list(QUALITY_OF_MARK)),
        Reason.WRONG_QUALITY,
        lambda row: f"quality is {shown(row.quality)}; expected A (actual) or E (estimated)",
    )
    table.parse_instants(("reading_ts",), arrival)
    table.parse_numbers(("value", "ct_ratio"))
    registered = {code: _Ratio(device.ratio) for code, device in where.devices.items()}
    table.refuse(
        table.column("ct_ratio")
        != table.column("device_code").map({code: r.value for code, r in registered.items()}),
        Reason.WRONG_RATIO,
        lambda row: (
            f"ct_ratio is {row.ct_ratio}; meter {row.device_code} is registered with "
            f"{registered[row.device_code]}"
        ),
    )
    if table.frame.empty:
        return no_readings(), table.refusals, table.rows_total
    return _readings(table.frame, arrival), table.refusals, table.rows_total


def _readings(frame: pd.DataFrame, arrival: Arrival) -> pd.DataFrame:
    frame = frame.assign(
        start=frame["reading_ts_utc"],
        end=frame["reading_ts_utc"],
        quality=frame["quality"].map({mark: q.value for mark, q in QUALITY_OF_MARK.items()}),
    )
    readings = readings_of(frame, {Metric.ELECTRICITY: "value"}, arrival)
    readings["metric"] = (
        frame["obis"]
        .map({obis: metric.value for obis, metric in METRIC_OF_OBIS.items()})
        .to_numpy(dtype=object)
    )
    return readings


@dataclass(frozen=True, slots=True)
class _Ratio:
    value: Decimal

    def __str__(self) -> str:
        return f"{self.value.normalize():f}"
