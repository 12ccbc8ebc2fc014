"""The tables in which a shop hands in its own data: their columns in both languages.

Belongs here: which columns a shop's template has, and a filled-in table as the text of its feed.
Not here: what the values must be (services/adapters, where the same feed of the drop-box is
judged).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.devices import Adapter, DeviceKind, Feed, FeedKind
from services.adapters.directory import DeviceEntry
from services.imports.rows import CannotImport, MissingColumn
from services.language import LOCALES, marked, translator
from services.spreadsheets import feed_text, from_text
from services.uploads.words import DOMAIN


@dataclass(frozen=True)
class Field:
    """A column: its name in the feed, its title, and an example of what stands in it.

    `is_value`: what a person measured or counted; our template leaves it empty.
    """

    name: str
    title: str
    example: str
    is_value: bool = False

    def is_called(self, header: str) -> bool:
        names = {self.name, *(translator(locale, DOMAIN)(self.title) for locale in LOCALES)}
        return header.strip().rstrip("*＊").strip().casefold() in {n.casefold() for n in names}


_MALL = Field("mall_code", marked("Mall code"), "M01")
SHOP_TABLES: Mapping[Feed, tuple[Field, ...]] = {
    Feed.POS_DAYS: (
        _MALL,
        Field("shop_code", marked("Shop code"), "S-012"),
        Field("business_date", marked("Business date"), "2026-03-05"),
        Field("till_id", marked("Till"), "POS-012"),
        Field("txn_count", marked("Transactions"), "120", is_value=True),
        Field("gross_sales", marked("Gross sales"), "51303.00", is_value=True),
        Field("refunds", marked("Refunds"), "0.00", is_value=True),
        Field("discounts", marked("Discounts"), "1201.00", is_value=True),
        Field("tax", marked("Tax included"), "4136.86", is_value=True),
        Field("net_sales", marked("Net sales"), "50102.00", is_value=True),
        Field("currency", marked("Currency"), "CNY"),
        Field("file_seq", marked("File number"), "1"),
    ),
    Feed.FOOTFALL_HOURS: (
        Field("device_code", marked("Counter"), "FC-012"),
        Field("interval_start", marked("From"), "2026-03-05T10:00:00+08:00"),
        Field("interval_end", marked("To"), "2026-03-05T11:00:00+08:00"),
        Field("in", marked("Entered"), "37", is_value=True),
        Field("out", marked("Left"), "35", is_value=True),
    ),
    Feed.METER_REGISTERS: (
        Field("meter_no", marked("Meter"), "EM-012"),
        Field("obis", marked("OBIS code"), "1-0:1.8.0"),
        Field("reading_ts", marked("Read at"), "2026-03-31T23:59:00+08:00"),
        Field("value", marked("Value on the dial"), "10234.56", is_value=True),
        Field("unit", marked("Unit"), "kWh"),
        Field("quality", marked("Quality (A actual, E estimated)"), "A"),
        Field("ct_ratio", marked("Transformer ratio"), "40"),
        Field("source", marked("Source"), "manual"),
    ),
}
_MEASURED = {
    Feed.POS_DAYS: (DeviceKind.POS, FeedKind.INTERVAL),
    Feed.FOOTFALL_HOURS: (DeviceKind.FOOTFALL, FeedKind.INTERVAL),
    Feed.METER_REGISTERS: (DeviceKind.METER, FeedKind.CUMULATIVE),
}


def devices_of_table(feed: Feed, devices: Sequence[DeviceEntry]) -> tuple[DeviceEntry, ...]:
    """The devices whose data a shop may hand in with this table, by code."""
    kind, feed_kind = _MEASURED[feed]
    found = (d for d in devices if d.kind is kind and d.feed_kind is feed_kind)
    return tuple(sorted(found, key=lambda device: device.code))


def is_sent_by_hand(device: DeviceEntry) -> bool:
    """Whether no make of device is registered to speak for itself."""
    return device.adapter is Adapter.ATRIUM


def table_text(feed: Feed, rows: Sequence[Sequence[str]]) -> str:
    """A filled-in table as CSV of its feed: a row's line is its number in the file.

    Titles in either language become the feed's names; columns of no meaning stay, and are passed
    over, as are rows that were begun for the shop and have no value. Raises CannotImport when the
    first row names a column twice or lacks one.
    """
    header = list(rows[0]) if rows else []
    names = list(header)
    values = []
    for field in SHOP_TABLES[feed]:
        places = [place for place, title in enumerate(header) if field.is_called(title)]
        if len(places) > 1:
            raise CannotImport(
                marked("The first row names the column {title} twice."), title=header[places[1]]
            )
        if not places:
            raise MissingColumn(field.title)
        names[places[0]] = field.name
        if field.is_value:
            values.append(places[0])
    # Our template has no column without a name; one that a spreadsheet added says nothing.
    names = [name or f"column_{place}" for place, name in enumerate(names, 1)]
    lines: list[list[str]] = [names]
    for row in rows[1:]:
        if not any(row[place] for place in values if place < len(row)):
            lines.append([])
            continue
        cells = [" ".join(from_text(cell).split()) for cell in row]
        lines.append([*cells, *[""] * (len(names) - len(cells))])
    return feed_text(lines)
