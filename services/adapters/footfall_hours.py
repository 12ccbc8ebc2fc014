"""Hour files of footfall counters: one row per counter and interval.

`device_code,interval_start,interval_end,in,out`; ISO times with offset. A row becomes two
readings. A counter that failed sends no row: missing is not zero.
"""

from datetime import timedelta

import pandas as pd

from domain.devices import DeviceKind, FeedKind, Metric
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Reason, Refusal
from services.adapters.tables import no_readings, read_table, readings_of

COLUMNS = ("device_code", "interval_start", "interval_end", "in", "out")
METRICS = {Metric.FOOTFALL_IN: "entered", Metric.FOOTFALL_OUT: "left"}
SPOKEN = {"entered": "in", "left": "out"}
LONGEST = timedelta(days=1)


def parse(
    text: str, *, where: MallDevices, arrival: Arrival
) -> tuple[pd.DataFrame, list[Refusal], int]:
    """Readings (tables.FRAME_COLUMNS), refusals and the number of rows of the file.

    Raises tables.CannotRead when the text is no table of this feed.
    """
    table = read_table(text, COLUMNS)
    # `in` is a word of Python: a row of pandas could not name it.
    table.frame = table.frame.rename(columns={"in": "entered", "out": "left"})
    table.find_devices(
        "device_code", where=where, kind=DeviceKind.FOOTFALL, feed_kind=FeedKind.INTERVAL
    )
    table.parse_instants(("interval_start", "interval_end"), arrival)
    length = table.column("interval_end_utc") - table.column("interval_start_utc")
    table.refuse(
        (length <= timedelta(0)) | (length > LONGEST),
        Reason.BAD_INTERVAL,
        lambda row: (
            f"the interval runs from {row.interval_start} to {row.interval_end}; expected an end "
            "after the start and at most 24 hours"
        ),
    )
    table.parse_numbers(("entered", "left"), whole=True, spoken=SPOKEN)
    if table.frame.empty:
        return no_readings(), table.refusals, table.rows_total
    frame = table.frame.rename(columns={"interval_start_utc": "start", "interval_end_utc": "end"})
    return readings_of(frame, METRICS, arrival), table.refusals, table.rows_total
