"""Which module reads which feed of tables."""

import pandas as pd

from domain.devices import Feed
from services.adapters import footfall_hours, meter_registers, pos_days, readings_table
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Refusal
from services.adapters.short_tables import judge_text
from services.adapters.table_rules import TableFeed
from services.adapters.tables import JudgedTable, decode_text

TABLES: dict[Feed, TableFeed] = {
    Feed.POS_DAYS: pos_days.TABLE,
    Feed.FOOTFALL_HOURS: footfall_hours.TABLE,
    Feed.METER_REGISTERS: meter_registers.TABLE,
    Feed.READINGS: readings_table.TABLE,
}


def judge_table(data: bytes, feed: Feed, *, where: MallDevices, arrival: Arrival) -> JudgedTable:
    """The readings of a table of up to some 20 MB, and its refusals with their row numbers.

    Raises CannotRead when the bytes are no table of this feed.
    """
    return judge_text(decode_text(data), TABLES[feed], where=where, arrival=arrival)


def parse_text(
    text: str, *, feed: Feed, where: MallDevices, arrival: Arrival
) -> tuple[pd.DataFrame, list[Refusal], int]:
    """Readings (tables.FRAME_COLUMNS), refusals and the number of rows of a table's text.

    Raises CannotRead when the text is no table of this feed.
    """
    judged = judge_text(text, TABLES[feed], where=where, arrival=arrival)
    return judged.frame, judged.refusals, judged.rows_total
