"""Tables of readings are judged by DuckDB, set by set: what each row says, or why it is refused.

Belongs here: running a feed's rules over pieces of a table, and what comes out. Not here: cutting
text into rows (table_text), what a feed's columns mean (its own module).

One list of rules serves a preview of ten rows and a file of fifty million: a piece is judged by
one statement, and sentences are made for the refused rows alone.
"""

# Statements are put together from the words of a feed's rules; a file is data alone.
# ruff: noqa: S608

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from domain.devices import Quality
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.encodings import UnknownEncoding, decode
from services.adapters.refusals import Reason, Refusal, kept_row
from services.adapters.table_register import fill, plain_utc, registered
from services.adapters.table_rules import Place, Row, TableFeed
from services.adapters.table_text import CannotRead, Header, Piece, read_pieces

__all__ = [
    "FRAME_COLUMNS",
    "CannotRead",
    "JudgedPiece",
    "JudgedTable",
    "judge_piece",
    "judge_pieces",
]

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
# What str.strip takes for blank.
BLANKS = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
# A place of a reading in a file: its row's number, and which of the row's readings it is.
READINGS_A_ROW = 16
# A long file's readings in heaps: one key's rows are all in one, in the order of their places.
HEAPS = 64
QUARTER_SECONDS = 900


@dataclass(frozen=True)
class JudgedTable:
    """A whole table: `frame` has FRAME_COLUMNS, one row per reading; readings' rows + refusals =
    `rows_total`.
    """

    frame: pd.DataFrame
    refusals: list[Refusal] = field(default_factory=list)
    rows_total: int = 0
    uncertain: int = 0


@dataclass(frozen=True)
class JudgedPiece:
    """Part of a table, judged; it can be asked until the next piece is judged."""

    session: "_Session"
    rows: int
    usable: int
    uncertain: int
    refusals: list[Refusal]

    def frame(self) -> pd.DataFrame:
        """FRAME_COLUMNS, in the order of rows; values are Decimals as they were written."""
        return self.session.frame()

    def sample(self) -> pd.DataFrame:
        """As `frame`, for judging sets: values are floats, so it is quick and small."""
        return self.session.frame(exact=False)

    def heaps(self, offset: int = 0) -> dict[int, str]:
        """Lines of COPY text by heap: place, device, metric, start, end, value, quality. All rows
        of a key are in one heap; places grow with the row numbers, which begin after `offset`.
        """
        return self.session.heaps(offset)

    def device_ids(self) -> set[int]:
        return self.session.device_ids()

    def quarters(self) -> list[tuple[datetime, bool]]:
        """The quarters of an hour in which readings begin; whether a register is read at the
        quarter itself.
        """
        return self.session.quarters()


def judge_pieces(
    chunks: Iterable[str], feed: TableFeed, *, where: MallDevices, arrival: Arrival
) -> Iterator[JudgedPiece]:
    """The pieces of a table, each judged, in the order of the file.

    Raises CannotRead when the text is no table of this feed, at once or further on.
    """
    header, pieces = read_pieces(chunks, feed.columns, feed.optional)
    session = _Session(feed, header, where, arrival)
    for piece in pieces:
        yield session.judge(piece)


def judge_piece(
    piece: Piece, header: Header, feed: TableFeed, *, where: MallDevices, arrival: Arrival
) -> JudgedPiece:
    return _Session(feed, header, where, arrival).judge(piece)


def decode_text(data: bytes) -> str:
    """UTF-8, else GBK (see `encodings`). Raises CannotRead."""
    try:
        return decode(data)
    except UnknownEncoding as error:
        raise CannotRead(Reason.UNKNOWN_ENCODING, str(error)) from None


def no_readings() -> pd.DataFrame:
    """A frame with the columns and types of a judged table and no row."""
    return _typed(
        pd.DataFrame(
            {
                name: pd.Series([], dtype="int64" if name in _NUMBERS else object)
                for name in FRAME_COLUMNS
            }
        )
    )


_NUMBERS = ("row_number", "device_id", "interval_start", "interval_end")


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    for name in ("interval_start", "interval_end"):
        times = frame[name].to_numpy(dtype="int64").view("datetime64[us]")
        frame[name] = pd.Series(times, index=frame.index).dt.tz_localize("UTC")
    for name in ("device_code", "metric", "quality"):
        frame[name] = frame[name].astype(object)
    return frame


class _Session:
    """One table at work: DuckDB's tables `mall`, `device` and the latest piece's `judged`."""

    def __init__(
        self, feed: TableFeed, header: Header, where: MallDevices, arrival: Arrival
    ) -> None:
        self.feed, self.header = feed, header
        self.where, self.arrival = where, arrival
        self.place = Place(where, arrival)
        self.duck = registered(where, arrival)

    def judge(self, piece: Piece) -> JudgedPiece:
        came = pd.DataFrame({"row_number": piece.numbers})
        came["cells"] = pd.Series(piece.cells, dtype=object)
        self.duck.register("piece", came)
        cell = "trim(cells[{}], $blanks)" if piece.has_blanks else "cells[{}]"
        given = {"blanks": BLANKS} if piece.has_blanks else {}
        self.duck.execute(
            "CREATE OR REPLACE TEMP TABLE came AS SELECT row_number, len(cells) AS cell_count, "
            + ", ".join(
                f"{cell.format(at + 1)} AS {_name(column)}"
                for column, at in self.header.places.items()
            )
            + "".join(
                f", CAST(NULL AS VARCHAR) AS {_name(column)}"
                for column in self.feed.optional
                if column not in self.header.places
            )
            + " FROM (SELECT row_number, string_split(cells, $separator) AS cells FROM piece)",
            {**given, "separator": piece.separator},
        )
        self.duck.unregister("piece")
        if self.feed.looks_up_days:
            self._look_up_days()
        self.duck.execute(self._judging())
        lines = dict(zip(piece.numbers, piece.lines, strict=True)) if self._refused() else {}
        refusals = list(self._refusals(lines))
        uncertain = self._count(
            f"refused_by IS NULL AND final_quality = '{Quality.UNCERTAIN.value}'"
        )
        return JudgedPiece(self, len(piece), len(piece) - len(refusals), uncertain, refusals)

    def _judging(self) -> str:
        """One statement: each row with what was added to it and the first rule it breaks."""
        cases = [f"WHEN cell_count <> {self.header.width} THEN -1"]
        for number, rule in enumerate(self.feed.rules):
            cases.append(f"WHEN ({rule.holds}) IS NOT TRUE THEN {number}")
        device = _name(self.feed.device_column)
        layers = (
            "SELECT came.*, device.device_id AS registered_id, device.kind AS device_kind, "
            "device.feed_kind AS device_feed_kind, device.minutes AS device_minutes, "
            "device.ratio AS device_ratio, device.places AS device_places, "
            "mall.code AS mall_is, mall.currency AS mall_currency, "
            "mall.earliest AS mall_earliest, mall.latest AS mall_latest, "
            "mall.latest_certain, mall.earliest_certain"
            f"{_DAY_COLUMNS if self.feed.looks_up_days else ''}"
            f"{_MEASURE_COLUMNS if self.feed.looks_up_measures else ''} "
            f"FROM came CROSS JOIN mall LEFT JOIN device ON device.code = came.{device}"
            f"{_DAY_JOIN if self.feed.looks_up_days else ''}"
            f"{_MEASURE_JOIN if self.feed.looks_up_measures else ''}"
        )
        for name, expression in self.feed.added:
            layers = f"SELECT *, {expression} AS {name} FROM ({layers})"
        return (
            "CREATE OR REPLACE TEMP TABLE judged AS "
            f"SELECT *, CASE {' '.join(cases)} END AS refused_by, "
            f"{self.feed.start} AS start_at, {self.feed.end} AS end_at, "
            f"CASE WHEN {self.feed.start} <= latest_certain AND {self.feed.end} "
            f">= earliest_certain THEN {self.feed.stated_quality} "
            f"ELSE '{Quality.UNCERTAIN.value}' END AS final_quality FROM ({layers})"
        )

    def _count(self, condition: str) -> int:
        count: int = self._rows("SELECT count(*) FROM judged WHERE " + condition)[0][0]
        return count

    def _refused(self) -> int:
        return self._count("refused_by IS NOT NULL")

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.duck.execute(query).fetchall()
        return rows

    def _refusals(self, lines: dict[int, str]) -> Iterator[Refusal]:
        if not lines:
            return
        columns = [*self.header.places, *(set(self.feed.optional) - set(self.header.places))]
        told = [*columns, "device_kind", "device_feed_kind", "device_ratio", *_told(self.feed)]
        rows = self._rows(
            "SELECT row_number, refused_by, cell_count, "
            + ", ".join(map(_name, told))
            + " FROM judged WHERE refused_by IS NOT NULL ORDER BY row_number"
        )
        for number, rule_number, count, *values in rows:
            came = kept_row(lines[number])
            if rule_number < 0:
                sentence = (
                    f"the row has {count} columns; expected the {self.header.width} of the header"
                )
                yield Refusal(number, came, Reason.WRONG_COLUMNS, sentence)
                continue
            rule = self.feed.rules[rule_number]
            row: Row = dict(zip(told, values, strict=True))
            yield Refusal(number, came, rule.code, rule.sentence(row, self.place))

    def _readings(self, *, value: str = "{}") -> str:
        """One row per reading: those of the feed's metrics, for rows that were not refused."""
        device = _name(self.feed.device_column)
        return " UNION ALL ".join(
            f"SELECT row_number, {nth} AS nth, registered_id AS device_id, {device} AS "
            f"device_code, "
            f"{metric} AS metric, start_at, end_at, {value.format(amount)} AS value, "
            "final_quality AS quality FROM judged WHERE refused_by IS NULL"
            for nth, (metric, amount) in enumerate(self.feed.readings)
        )

    def frame(self, *, exact: bool = True) -> pd.DataFrame:
        value = "{}" if exact else "CAST({} AS DOUBLE)"
        frame = self.duck.execute(
            "SELECT row_number, device_id, device_code, metric, epoch_us(start_at) AS "
            "interval_start, epoch_us(end_at) AS interval_end, value, quality FROM ("
            + self._readings(value=value)
            + ") ORDER BY row_number, nth"
        ).df()
        if exact:
            values = [Decimal(text) for text in frame["value"]]
            frame["value"] = pd.Series(values, index=frame.index, dtype=object)
        return _typed(frame)

    def heaps(self, offset: int) -> dict[int, str]:
        found = self._rows(
            "SELECT heap, string_agg(line, '') FROM (SELECT "
            f"hash(device_id, CAST(start_at AS DATE)) % {HEAPS} AS heap, "
            f"concat((row_number + {offset}) * {READINGS_A_ROW} + nth, chr(9), device_id, chr(9), "
            "metric, chr(9), start_at, '+00', chr(9), end_at, '+00', chr(9), value, chr(9), "
            "quality, chr(10)) AS line FROM (" + self._readings() + ")) GROUP BY heap"
        )
        return dict(found)

    def device_ids(self) -> set[int]:
        rows = self._rows("SELECT DISTINCT registered_id FROM judged WHERE refused_by IS NULL")
        return {device for (device,) in rows}

    def quarters(self) -> list[tuple[datetime, bool]]:
        found = self._rows(
            f"SELECT DISTINCT quarter, metric LIKE '%_register' AND began = quarter * "
            f"{QUARTER_SECONDS} FROM (SELECT epoch(start_at) AS began, "
            f"CAST(floor(epoch(start_at) / {QUARTER_SECONDS}) AS BIGINT) AS quarter, metric FROM ("
            + self._readings()
            + "))"
        )
        return [(datetime.fromtimestamp(q * QUARTER_SECONDS, UTC), sharp) for q, sharp in found]

    def _look_up_days(self) -> None:
        """The span of each business date that the piece names, by the mall's clock."""
        clock = self.where.mall.clock
        spans = []
        for (text,) in self._rows("SELECT DISTINCT business_date FROM came"):
            day = _day(text)
            if day is not None:
                span = clock.business_day(day) if 1 < day.year < 9999 else (None, None)
                spans.append((text, day.isoformat(), *(at and plain_utc(at) for at in span)))
        fill(self.duck, "day", ("text", "day", "begins", "ends"), spans)


_DAY_COLUMNS = (
    ", CAST(day.day AS DATE) AS day, CAST(day.begins AS TIMESTAMP) AS day_begins, "
    "CAST(day.ends AS TIMESTAMP) AS day_ends"
)
_DAY_JOIN = " LEFT JOIN day ON day.text = came.business_date"
_MEASURE_COLUMNS = ", measure.kind AS measure_kind, measure.unit AS measure_unit"
_MEASURE_JOIN = (
    " LEFT JOIN measure ON measure.code = device.code AND measure.metric = came.data_type"
)


def _told(feed: TableFeed) -> tuple[str, ...]:
    return tuple(name for name, _ in feed.added if name.startswith("told_"))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text and len(text) == 10 else None
    except ValueError:
        return None


def _name(column: str) -> str:
    return f'"{column}"'
