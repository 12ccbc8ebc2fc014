"""Why a row was not taken: a stable code and a sentence.

Belongs here: the codes and their titles. The sentence, made where the row is judged, says what
is wrong and what is expected, in English: it is a record. Pages show the title of the code in
the reader's language beside it.
"""

from dataclasses import dataclass
from enum import StrEnum

from services.language import marked, translator

LONGEST_VALUE = 60
LONGEST_ROW = 4000


class Reason(StrEnum):
    # the row as a whole
    WRONG_COLUMNS = "WRONG_COLUMNS"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    NOT_JSON = "NOT_JSON"
    NOT_XML = "NOT_XML"
    UNKNOWN_FORMAT = "UNKNOWN_FORMAT"
    MISSING_FIELD = "MISSING_FIELD"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    DUPLICATE_FIELD = "DUPLICATE_FIELD"
    TOO_DEEP = "TOO_DEEP"
    # who and where
    WRONG_MALL = "WRONG_MALL"
    UNKNOWN_DEVICE = "UNKNOWN_DEVICE"
    FOREIGN_DEVICE = "FOREIGN_DEVICE"
    WRONG_KIND = "WRONG_KIND"
    WRONG_FEED = "WRONG_FEED"
    UNKNOWN_SHOP = "UNKNOWN_SHOP"
    WRONG_SHOP = "WRONG_SHOP"
    # what
    UNKNOWN_METRIC = "UNKNOWN_METRIC"
    BAD_NUMBER = "BAD_NUMBER"
    BAD_TIME = "BAD_TIME"
    BAD_INTERVAL = "BAD_INTERVAL"
    IMPOSSIBLE_TIME = "IMPOSSIBLE_TIME"
    WRONG_UNIT = "WRONG_UNIT"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    WRONG_RATIO = "WRONG_RATIO"
    WRONG_QUALITY = "WRONG_QUALITY"
    NET_SALES_MISMATCH = "NET_SALES_MISMATCH"
    BAD_TEXT = "BAD_TEXT"
    BAD_FRAME = "BAD_FRAME"
    DEVICE_ERROR = "DEVICE_ERROR"
    # the file as a whole
    UNKNOWN_FOLDER = "UNKNOWN_FOLDER"
    UNKNOWN_MALL = "UNKNOWN_MALL"
    UNKNOWN_FEED = "UNKNOWN_FEED"
    EMPTY_FILE = "EMPTY_FILE"
    TOO_LARGE = "TOO_LARGE"
    BAD_ARCHIVE = "BAD_ARCHIVE"
    UNKNOWN_ENCODING = "UNKNOWN_ENCODING"
    NOT_CSV = "NOT_CSV"
    WRONG_HEADER = "WRONG_HEADER"
    CHECKSUM = "CHECKSUM"
    NO_USABLE_ROW = "NO_USABLE_ROW"


TITLES: dict[str, str] = {
    Reason.WRONG_COLUMNS: marked("The row has too many or too few columns"),
    Reason.NOT_AN_OBJECT: marked("Not a reading"),
    Reason.NOT_JSON: marked("Not JSON"),
    Reason.NOT_XML: marked("Not XML"),
    Reason.UNKNOWN_FORMAT: marked("Not this make's format"),
    Reason.MISSING_FIELD: marked("A field is missing"),
    Reason.UNKNOWN_FIELD: marked("A field is not known"),
    Reason.DUPLICATE_FIELD: marked("A field stands twice"),
    Reason.TOO_DEEP: marked("Nested too deeply"),
    Reason.WRONG_MALL: marked("Another mall's row"),
    Reason.UNKNOWN_DEVICE: marked("Unknown device"),
    Reason.FOREIGN_DEVICE: marked("The key does not open this device"),
    Reason.WRONG_KIND: marked("A device of another kind"),
    Reason.WRONG_FEED: marked("The device counts in another way"),
    Reason.UNKNOWN_SHOP: marked("Unknown shop"),
    Reason.WRONG_SHOP: marked("The device stands in another shop"),
    Reason.UNKNOWN_METRIC: marked("Unknown data type"),
    Reason.BAD_NUMBER: marked("Not a number"),
    Reason.BAD_TIME: marked("Not a time"),
    Reason.BAD_INTERVAL: marked("The interval makes no sense"),
    Reason.IMPOSSIBLE_TIME: marked("A time no device can mean"),
    Reason.WRONG_UNIT: marked("Another unit"),
    Reason.WRONG_CURRENCY: marked("Another currency"),
    Reason.WRONG_RATIO: marked("Another transformer ratio"),
    Reason.WRONG_QUALITY: marked("Unknown quality mark"),
    Reason.NET_SALES_MISMATCH: marked("Net sales do not add up"),
    Reason.BAD_TEXT: marked("Text that cannot be read"),
    Reason.BAD_FRAME: marked("A damaged frame"),
    Reason.DEVICE_ERROR: marked("The device reports a fault"),
    Reason.UNKNOWN_FOLDER: marked("Not a folder of the drop-box"),
    Reason.UNKNOWN_MALL: marked("Unknown mall"),
    Reason.UNKNOWN_FEED: marked("Unknown feed"),
    Reason.EMPTY_FILE: marked("The file is empty"),
    Reason.TOO_LARGE: marked("Too large"),
    Reason.BAD_ARCHIVE: marked("The packed file cannot be opened"),
    Reason.UNKNOWN_ENCODING: marked("Neither UTF-8 nor GBK"),
    Reason.NOT_CSV: marked("Not a CSV file"),
    Reason.WRONG_HEADER: marked("The header lacks columns"),
    Reason.CHECKSUM: marked("The file differs from its checksum"),
    Reason.NO_USABLE_ROW: marked("No row could be used"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`row_number`: the line of the file (the header is 1), or the place in an API batch (from
    0). `row`: what came, as text.
    """

    row_number: int
    row: str
    reason_code: Reason
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a whole file or body was not taken."""

    code: Reason
    reason: str

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


def title_of(reason_code: str, locale: str) -> str:
    """The title of a stored code in the reader's language; an unknown code is shown as it is."""
    title = TITLES.get(reason_code)
    return translator(locale, "ingest")(title) if title else reason_code


def shown(value: object) -> str:
    """A value as a sentence quotes it: short, on one line."""
    text = repr(str(value))
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…'"


def kept_row(text: str) -> str:
    """A row as quarantine keeps it: Postgres text holds no NUL and no half of a character, and a
    row need not be a book.
    """
    text = storable(text[: LONGEST_ROW + 1])
    return text if len(text) <= LONGEST_ROW else text[: LONGEST_ROW - 1] + "…"


def storable(text: str) -> str:
    """Text as Postgres takes it: JSON can spell a NUL and halves of characters."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()
