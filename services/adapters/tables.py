"""CSV text as a table of strings, and the judging of its rows.

Belongs here: encodings, headers, ragged rows, numbers and times in columns. Not here: what a
feed's columns mean (its own module).
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from domain.devices import DeviceKind, FeedKind, Metric, Quality
from services.adapters.arrival import EARLIEST, Arrival
from services.adapters.directory import MallDevices
from services.adapters.encodings import UnknownEncoding, decode
from services.adapters.refusals import Problem, Reason, Refusal, kept_row, shown

FRAME_COLUMNS = (
    "row_number",
    "device_id",
    "device_code",
    "metric",
    "interval_start",
    "interval_end",
    "value",
    "quality",
)
MOST_COLUMNS = 500
NUMBER = r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,6})?"
WHOLE_NUMBER = r"[+-]?[0-9]{1,12}"
INSTANT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
)


class CannotRead(Exception):
    """The bytes are no table of this feed; `problem` says why."""

    def __init__(self, code: Reason, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason)


def decode_text(data: bytes) -> str:
    """UTF-8, else GBK (see `encodings`). Raises CannotRead."""
    try:
        return decode(data)
    except UnknownEncoding as error:
        raise CannotRead(Reason.UNKNOWN_ENCODING, str(error)) from None


@dataclass
class Table:
    """Rows of strings with their line numbers; refused rows leave it one by one."""

    frame: pd.DataFrame
    rows: list[list[str]]  # as they came; the frame's index points into it
    refusals: list[Refusal] = field(default_factory=list)
    rows_total: int = 0

    def refuse(self, bad: pd.Series, code: Reason, sentence: Callable[[Any], str]) -> None:
        """Refuse the rows where `bad` is true; `sentence` is made of a row (attributes are its
        columns).
        """
        bad = bad.astype(bool)
        if not bad.any():
            return
        row: Any
        for row in self.frame[bad].itertuples():
            came = _as_line(self.rows[row.Index])
            self.refusals.append(Refusal(row.row_number, came, code, sentence(row)))
        self.frame = self.frame[~bad].copy()

    def column(self, name: str) -> pd.Series:
        return self.frame[name]

    def find_devices(
        self, column: str, *, where: MallDevices, kind: DeviceKind, feed_kind: FeedKind
    ) -> None:
        """Add device_id and device_code of the codes in `column`; refuse codes of no device, or
        of one that measures something else or counts in another way.
        """
        known = where.devices
        mall = where.mall.code
        self.refuse(
            ~self.column(column).isin(list(known)),
            Reason.UNKNOWN_DEVICE,
            lambda row: (
                f"{column} is {shown(getattr(row, column))}; "
                f"expected the code of a device registered in mall {mall}"
            ),
        )
        codes = self.column(column)
        self.refuse(
            codes.map({code: device.kind is not kind for code, device in known.items()}),
            Reason.WRONG_KIND,
            lambda row: (
                f"{getattr(row, column)} is a device of kind "
                f"{known[getattr(row, column)].kind}; this feed is for {kind}"
            ),
        )
        codes = self.column(column)
        self.refuse(
            codes.map({code: device.feed_kind is not feed_kind for code, device in known.items()}),
            Reason.WRONG_FEED,
            lambda row: (
                f"{getattr(row, column)} is registered to count as "
                f"{known[getattr(row, column)].feed_kind}; this feed is {feed_kind}, and using "
                "both would count twice"
            ),
        )
        codes = self.column(column)
        self.frame["device_code"] = codes
        self.frame["device_id"] = [known[code].device_id for code in codes]

    def parse_numbers(
        self,
        names: tuple[str, ...],
        *,
        whole: bool = False,
        spoken: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Turn columns into Decimal (NaN, exponents, separators and blanks are no numbers).

        `spoken` gives the name in the file of a column that is named otherwise here.
        """
        pattern, expected = (
            (WHOLE_NUMBER, "a whole number such as 120")
            if whole
            else (NUMBER, "a number such as 1234.50 (at most 12 digits and 6 decimals)")
        )
        for name in names:
            self.refuse(
                ~self.column(name).str.fullmatch(pattern),
                Reason.BAD_NUMBER,
                _quoting(name, expected, spoken.get(name, name)),
            )
        for name in names:
            numbers = [Decimal(text) for text in self.column(name)]
            self.frame[name] = pd.Series(numbers, index=self.frame.index, dtype="object")

    def parse_instants(self, names: tuple[str, ...], arrival: Arrival) -> None:
        """Turn columns of ISO times with offset into UTC instants."""
        for name in names:
            text = self.column(name)
            times = pd.to_datetime(
                text.where(text.str.fullmatch(INSTANT)), utc=True, format="ISO8601", errors="coerce"
            ).astype("datetime64[us, UTC]")
            # The text stays: sentences quote it.
            self.frame[f"{name}_utc"] = times
            self.refuse(
                times.isna(),
                Reason.BAD_TIME,
                _quoting(
                    name,
                    "an ISO time with its offset such as 2026-03-05T10:00:00+08:00",
                ),
            )
            times = self.column(f"{name}_utc")
            self.refuse(
                (times < EARLIEST) | (times > arrival.latest_possible),
                Reason.IMPOSSIBLE_TIME,
                _quoting(
                    name,
                    f"a time from 2000 on and at most a year after {arrival.received_at:%Y-%m-%d}",
                ),
            )


def _quoting(name: str, expected: str, spoken: str = "") -> Callable[[Any], str]:
    """A sentence about one column of a row: what stands there, what is expected."""

    def sentence(row: Any) -> str:
        return f"{spoken or name} is {shown(getattr(row, name))}; expected {expected}"

    return sentence


def read_table(text: str, columns: tuple[str, ...]) -> Table:
    """The rows of a CSV text whose header names at least `columns`, in any order and case.

    The table's frame has `row_number` (the line; the header is 1) and `columns`, strings with
    blanks around them cut. Raises CannotRead for a text without these columns.
    """
    if "\x00" in text:
        raise CannotRead(Reason.NOT_CSV, "it holds NUL bytes: this is no text")
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = next((row for row in reader if row), None)
        if header is None:
            raise CannotRead(Reason.EMPTY_FILE, "it holds no line; expected a header and rows")
        places = _places(header, columns)
        lines, rows = [], []
        before = reader.line_num
        for row in reader:
            # A row may span lines; it is known by its first.
            if row:
                lines.append(before + 1)
                rows.append(row)
            before = reader.line_num
    except csv.Error as error:
        raise CannotRead(
            Reason.NOT_CSV, f"line {reader.line_num} is no CSV: {error}; check its quotes"
        ) from None
    width = len(header)
    ragged = [i for i, row in enumerate(rows) if len(row) != width]
    refusals = [
        Refusal(
            lines[i],
            _as_line(rows[i]),
            Reason.WRONG_COLUMNS,
            f"the row has {len(rows[i])} columns; expected the {width} of the header",
        )
        for i in ragged
    ]
    total = len(rows)
    if ragged:
        skipped = set(ragged)
        lines = [line for i, line in enumerate(lines) if i not in skipped]
        rows = [row for i, row in enumerate(rows) if i not in skipped]
    data = {name: [row[places[name]] for row in rows] for name in columns}
    frame = pd.DataFrame(data, columns=list(columns), dtype="str")
    for name in columns:
        frame[name] = frame[name].str.strip()
    frame.insert(0, "row_number", np.asarray(lines, dtype="int64"))
    return Table(frame=frame, rows=rows, refusals=refusals, rows_total=total)


def readings_of(
    frame: pd.DataFrame, metrics: Mapping[Metric, str], arrival: Arrival
) -> pd.DataFrame:
    """One reading per row and metric, row by row; `metrics` names the column of each metric.

    `frame` has row_number, device_id, device_code, start, end (UTC) and optionally quality.
    """
    width = len(metrics)
    rows = len(frame)
    values = np.empty((rows, width), dtype=object)
    for place, column in enumerate(metrics.values()):
        values[:, place] = frame[column].to_numpy(dtype=object)
    stated = (
        frame["quality"] if "quality" in frame else pd.Series(Quality.GOOD.value, index=frame.index)
    )
    certain = (frame["start"] <= arrival.latest_certain) & (
        frame["end"] >= arrival.earliest_certain
    )
    quality = stated.where(certain, Quality.UNCERTAIN.value)
    return pd.DataFrame(
        {
            "row_number": np.repeat(frame["row_number"].to_numpy(dtype="int64"), width),
            "device_id": np.repeat(frame["device_id"].to_numpy(dtype="int64"), width),
            "device_code": np.repeat(frame["device_code"].to_numpy(dtype=object), width),
            "metric": np.tile(np.array([m.value for m in metrics], dtype=object), rows),
            "interval_start": frame["start"].repeat(width).array,
            "interval_end": frame["end"].repeat(width).array,
            "value": values.reshape(-1),
            "quality": np.repeat(quality.to_numpy(dtype=object), width),
        },
        columns=list(FRAME_COLUMNS),
    )


def no_readings() -> pd.DataFrame:
    """A frame with the columns and types of `readings_of` and no row."""
    times = pd.Series([], dtype="datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "row_number": pd.Series([], dtype="int64"),
            "device_id": pd.Series([], dtype="int64"),
            "device_code": pd.Series([], dtype=object),
            "metric": pd.Series([], dtype=object),
            "interval_start": times,
            "interval_end": times,
            "value": pd.Series([], dtype=object),
            "quality": pd.Series([], dtype=object),
        }
    )


def _places(header: list[str], columns: tuple[str, ...]) -> dict[str, int]:
    if len(header) > MOST_COLUMNS:
        raise CannotRead(
            Reason.WRONG_HEADER,
            f"the header has {len(header):,} columns; expected at most {MOST_COLUMNS}",
        )
    names = [name.strip().lower() for name in header]
    twice = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if twice:
        raise CannotRead(Reason.WRONG_HEADER, f"the header names {', '.join(twice)} twice")
    missing = [name for name in columns if name not in names]
    if missing:
        raise CannotRead(
            Reason.WRONG_HEADER,
            f"the header lacks {', '.join(missing)}; it reads {shown(','.join(header))}, "
            f"expected {','.join(columns)}",
        )
    return {name: names.index(name) for name in columns}


def _as_line(row: list[str]) -> str:
    return kept_row(",".join(row))
