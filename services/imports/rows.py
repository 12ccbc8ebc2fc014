"""A table's rows, judged one by one: what each would register, or why it is refused."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from services.imports.columns import COLUMNS, BadCell, Column, ImportOf
from services.language import marked, translator
from services.spreadsheets import from_text
from services.uploads.words import DOMAIN

# A row costs some statements in the transaction that registers it.
MOST_ROWS = 2000


class CannotImport(Exception):
    """The table as a whole cannot be taken; `problem` says why."""

    def __init__(self, message: str, **facts: str | int) -> None:
        super().__init__(message)
        self.problem = RowProblem(message, "", facts)


@dataclass(frozen=True)
class RowProblem:
    """`message` is a msgid; `title` the msgid of the column that it is about, or empty."""

    message: str
    title: str
    facts: dict[str, str | int]

    def sentence(self, locale: str) -> str:
        say = translator(locale, DOMAIN)
        column = say(self.title) if self.title else ""
        return say(self.message).format(**{"column": column, **self.facts})


@dataclass(frozen=True)
class JudgedRow:
    """`number` is the row's number in the file (the header is 1). `cells` are as they came, in the
    order of the kind's columns; `values` are what the use-case takes, empty for a refused row.
    """

    number: int
    cells: tuple[str, ...]
    values: dict[str, Any]
    problems: tuple[RowProblem, ...]

    @property
    def is_good(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class JudgedTable:
    """`ignored` are headers that no column is called by."""

    of: ImportOf
    rows: tuple[JudgedRow, ...]
    ignored: tuple[str, ...]

    @property
    def good(self) -> tuple[JudgedRow, ...]:
        return tuple(row for row in self.rows if row.is_good)

    @property
    def refused(self) -> tuple[JudgedRow, ...]:
        return tuple(row for row in self.rows if not row.is_good)


def judge_table(
    of: ImportOf, rows: Sequence[Sequence[str]], *, known_codes: Collection[str]
) -> JudgedTable:
    """Judge the rows of a file, the header first. `known_codes` stand in the register already.

    Raises CannotImport: no header that names the required columns, no row, too many rows.
    """
    header = list(rows[0]) if rows else []
    columns = COLUMNS[of]
    places = _places(header, columns)
    body = [(number, row) for number, row in enumerate(rows[1:], 2) if any(row)]
    if not body:
        raise CannotImport(marked("There is no row below the header."))
    if len(body) > MOST_ROWS:
        raise CannotImport(
            marked("There are more than {limit} rows. Send them in parts."), limit=MOST_ROWS
        )
    seen: dict[str, int] = {}
    judged = tuple(_judge(number, row, columns, places, known_codes, seen) for number, row in body)
    named = set(places.values())
    ignored = tuple(title for place, title in enumerate(header) if title and place not in named)
    return JudgedTable(of, judged, ignored)


def _places(header: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    places: dict[str, int] = {}
    for column in columns:
        found = [place for place, title in enumerate(header) if column.is_called(title)]
        if len(found) > 1:
            raise CannotImport(
                marked("The first row names the column {title} twice."), title=header[found[1]]
            )
        if found:
            places[column.field] = found[0]
    missing = [column for column in columns if column.is_required and column.field not in places]
    if missing:
        raise MissingColumn(missing[0].title)
    return places


class MissingColumn(CannotImport):
    """The first row does not name a column that every row must have; `title` is its msgid."""

    def __init__(self, title: str) -> None:
        super().__init__(
            marked("The first row lacks the column {column}. Start from the template.")
        )
        self.problem = RowProblem(self.problem.message, title, {})


def _judge(
    number: int,
    row: Sequence[str],
    columns: Sequence[Column],
    places: dict[str, int],
    known_codes: Collection[str],
    seen: dict[str, int],
) -> JudgedRow:
    cells = []
    values: dict[str, Any] = {}
    problems = []
    for column in columns:
        place = places.get(column.field, len(row))
        text = from_text(row[place]).strip() if place < len(row) else ""
        cells.append(text)
        try:
            value = _read(column, text)
            if column.field == "code":
                _check_code(str(value), number, known_codes, seen)
        except BadCell as bad:
            problems.append(RowProblem(bad.message, column.title, bad.facts))
        else:
            if value is not None:
                values[column.field] = value
    opened, closed = values.get("opened_date"), values.get("closed_date")
    if opened and closed and closed < opened:
        problems.append(RowProblem(marked("The unit closes before it opens."), "", {}))
    return JudgedRow(number, tuple(cells), {} if problems else values, tuple(problems))


def _read(column: Column, text: str) -> object:
    if not text:
        if column.is_required:
            raise BadCell(marked("{column} is missing."))
        return None
    if len(text) > column.longest:
        raise BadCell(marked("{column} has more than {limit} characters."), limit=column.longest)
    return column.read(text)


def _check_code(code: str, number: int, known_codes: Collection[str], seen: dict[str, int]) -> None:
    if code in known_codes:
        raise BadCell(marked("{column} {value} is registered already."), value=code)
    first = seen.setdefault(code, number)
    if first != number:
        raise BadCell(marked("{column} {value} stands in row {row} too."), value=code, row=first)
