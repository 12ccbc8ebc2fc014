"""CSV text cut into pieces of rows, each with the number of its line, in memory that stays flat.

Belongs here: headers, quotes, ends of lines, line numbers. Not here: encodings (encodings), what
a row means (tables).

A block of lines without a quote is cut at its commas by DuckDB; a block with one is read by
Python's csv, strictly, and is longer when a quoted cell goes on.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.adapters.refusals import Problem, Reason, shown

MOST_COLUMNS = 500
# About a quarter of a million rows: enough for DuckDB, little for memory.
BLOCK = 16 * 1024 * 1024
CELL_END = "\x1f"
ASCII_BLANKS = " \t\v\f\r\x1c\x1d\x1e\x1f"
BLANK = re.compile(r"[^\S\n]")


class CannotRead(Exception):
    """The bytes are no table of this feed; `problem` says why."""

    def __init__(self, code: Reason, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason)


@dataclass(frozen=True, slots=True)
class Header:
    """The width of every row, and the place (from 0) of each column that the feed knows."""

    width: int
    places: dict[str, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows as they came: `numbers` are their lines in the file (the header's is 1), `cells` the
    rows with `separator` between their cells.
    """

    numbers: list[int]
    lines: list[str]
    cells: list[str]
    separator: str
    # Whether a cell may begin or end with a blank: looking for them costs more than all rules.
    has_blanks: bool

    def __len__(self) -> int:
        return len(self.numbers)


def read_pieces(
    chunks: Iterable[str], columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> tuple[Header, Iterator[Piece]]:
    """The header of a CSV text that names at least `columns`, in any order and case, and its rows.

    Raises CannotRead for a text without these columns, and, while pieces are taken, for one that
    is no CSV further on.
    """
    blocks = _blocks(chunks)
    line = 1
    for block in blocks:
        reader = csv.reader(io.StringIO(block, newline="\n"), strict=True)
        try:
            row = next((row for row in reader if row), None)
        except csv.Error as error:
            raise _no_csv(line + max(reader.line_num - 1, 0), error) from None
        if row is None:
            line += block.count("\n")
            continue
        consumed = reader.line_num
        rest = _after_lines(block, consumed)
        header = _header(row, columns, optional)
        return header, _pieces(line + consumed, rest, blocks)
    raise CannotRead(Reason.EMPTY_FILE, "it holds no line; expected a header and rows")


def _blocks(chunks: Iterable[str]) -> Iterator[str]:
    """The text in blocks of whole lines."""
    parts: list[str] = []
    size = 0
    for chunk in chunks:
        if "\x00" in chunk:
            raise CannotRead(Reason.NOT_CSV, "it holds NUL bytes: this is no text")
        parts.append(chunk)
        size += len(chunk)
        if size < BLOCK:
            continue
        text = "".join(parts)
        end = text.rfind("\n") + 1
        if end == 0:
            raise CannotRead(Reason.NOT_CSV, f"a line is longer than {size:,} characters")
        yield text[:end]
        parts, size = [text[end:]], len(text) - end
    text = "".join(parts)
    if text:
        yield text


def _after_lines(text: str, count: int) -> str:
    at = 0
    for _ in range(count):
        at = text.find("\n", at) + 1
        if at == 0:
            return ""
    return text[at:]


def _pieces(line: int, first: str, blocks: Iterator[str]) -> Iterator[Piece]:
    block: str | None = first
    while block is not None:
        following = next(blocks, None)
        piece = _plain(line, block)
        while piece is None:
            try:
                piece = _quoted(line, block)
            except _GoesOn as open_quote:
                if following is None:
                    raise open_quote.error from None
                block, following = block + following, next(blocks, None)
        if len(piece):
            yield piece
        line += block.count("\n")
        block = following


def _plain(line: int, block: str) -> Piece | None:
    """The rows of a block in which a comma is always an end; None where a quote may hide one."""
    if '"' in block:
        return None
    if "\r" in block:
        if block.count("\r") != block.count("\r\n"):
            return None
        block = block.replace("\r\n", "\n")
    lines = block.split("\n")
    numbers = list(range(line, line + len(lines)))
    if "" in lines:
        numbers = [number for number, text in zip(numbers, lines, strict=True) if text]
        lines = [text for text in lines if text]
    return Piece(numbers, lines, lines, ",", _has_blanks(block))


def _has_blanks(block: str) -> bool:
    if block.isascii():
        return any(blank in block for blank in ASCII_BLANKS)
    return BLANK.search(block) is not None


class _GoesOn(Exception):
    def __init__(self, error: CannotRead) -> None:
        self.error = error


def _quoted(line: int, block: str) -> Piece:
    reader = csv.reader(io.StringIO(block, newline="\n"), strict=True)
    numbers, lines, cells = [], [], []
    before = 0
    try:
        for row in reader:
            # A row may span lines; it is known by its first.
            if row:
                numbers.append(line + before)
                lines.append(",".join(row))
                cells.append(CELL_END.join(cell.replace(CELL_END, "�") for cell in row))
            before = reader.line_num
    except csv.Error as error:
        refused = _no_csv(line + reader.line_num - 1, error)
        if "unexpected end" in str(error):
            raise _GoesOn(refused) from None
        raise refused from None
    return Piece(numbers, lines, cells, CELL_END, has_blanks=True)


def _no_csv(line: int, error: csv.Error) -> CannotRead:
    return CannotRead(Reason.NOT_CSV, f"line {line} is no CSV: {error}; check its quotes")


def _header(row: list[str], columns: tuple[str, ...], optional: tuple[str, ...]) -> Header:
    if len(row) > MOST_COLUMNS:
        raise CannotRead(
            Reason.WRONG_HEADER,
            f"the header has {len(row):,} columns; expected at most {MOST_COLUMNS}",
        )
    names = [name.strip().lower() for name in row]
    twice = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if twice:
        raise CannotRead(Reason.WRONG_HEADER, f"the header names {', '.join(twice)} twice")
    missing = [name for name in columns if name not in names]
    if missing:
        raise CannotRead(
            Reason.WRONG_HEADER,
            f"the header lacks {', '.join(missing)}; it reads {shown(','.join(row))}, "
            f"expected {','.join(columns)}",
        )
    known = [*columns, *(name for name in optional if name in names)]
    return Header(len(row), {name: names.index(name) for name in known})
