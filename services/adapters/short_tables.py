"""Tables that fit in memory are judged together: many small files cost what one costs.

Belongs here: joining tables for one statement and taking its answer apart. Not here: running the
rules, long tables (tables).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

import pandas as pd

from domain.devices import Quality
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Refusal
from services.adapters.table_rules import TableFeed
from services.adapters.table_text import CannotRead, Header, Piece, read_pieces
from services.adapters.tables import JudgedPiece, JudgedTable, judge_piece, no_readings

# Between the numbers of one table's lines and the next one's: no table has so many lines.
NUMBERS = 1 << 32


def judge_text(text: str, feed: TableFeed, *, where: MallDevices, arrival: Arrival) -> JudgedTable:
    """A table that fits in memory. Raises CannotRead."""
    (judged,) = judge_together([text], feed, where=where, arrival=arrival)
    if isinstance(judged, CannotRead):
        raise judged
    return judged


def judge_together(
    texts: Sequence[str], feed: TableFeed, *, where: MallDevices, arrival: Arrival
) -> list[JudgedTable | CannotRead]:
    """Tables that fit in memory together, each as though it were judged alone.

    One statement judges all that have the same header: it costs what a thousand rows cost.
    """
    problems: dict[int, CannotRead] = {}
    alike: dict[tuple[object, ...], tuple[Header, list[tuple[int, Piece]]]] = {}
    for nth, text in enumerate(texts):
        try:
            header, cut = read_pieces([text], feed.columns, feed.optional)
            pieces = list(cut)
        except CannotRead as refused:
            problems[nth] = refused
            continue
        for piece in pieces:
            kind = (header.width, *header.places.items(), piece.separator)
            alike.setdefault(kind, (header, []))[1].append((nth, piece))
    parts: dict[int, list[JudgedTable]] = {}
    for header, numbered in alike.values():
        judged = judge_piece(_joined(numbered), header, feed, where=where, arrival=arrival)
        for nth, table in _split(judged):
            parts.setdefault(nth, []).append(table)
    return [problems.get(nth) or _whole(parts.get(nth, [])) for nth in range(len(texts))]


def _joined(numbered: list[tuple[int, Piece]]) -> Piece:
    """Pieces of several tables as one: each line's number has its table's above it."""
    return Piece(
        numbers=[nth * NUMBERS + line for nth, piece in numbered for line in piece.numbers],
        lines=[line for _, piece in numbered for line in piece.lines],
        cells=[row for _, piece in numbered for row in piece.cells],
        separator=numbered[0][1].separator,
        has_blanks=any(piece.has_blanks for _, piece in numbered),
    )


def _split(judged: JudgedPiece) -> Iterator[tuple[int, JudgedTable]]:
    """What `_joined` made one, table by table."""
    frame = judged.frame()
    tables = frame["row_number"] // NUMBERS
    frame["row_number"] %= NUMBERS
    refusals: dict[int, list[Refusal]] = {}
    for each in judged.refusals:
        nth, line = divmod(each.row_number, NUMBERS)
        refusals.setdefault(nth, []).append(replace(each, row_number=line))
    # Rows stand in the order of their tables.
    frames = {
        nth: frame.iloc[first:end].reset_index(drop=True)
        for nth, first, end in _stretches(tables.tolist())
    }
    for nth in sorted({*frames, *refusals}):
        mine, refused = frames.get(nth), refusals.get(nth, [])
        if mine is None:
            yield nth, JudgedTable(no_readings(), refused, len(refused))
            continue
        rows = mine["row_number"]
        uncertain = rows[mine["quality"] == Quality.UNCERTAIN.value].nunique()
        yield nth, JudgedTable(mine, refused, rows.nunique() + len(refused), uncertain)


def _stretches(values: list[int]) -> Iterator[tuple[int, int, int]]:
    """Each run of a value: the value, where it begins, where it has ended."""
    first = 0
    for value, run in groupby(values):
        end = first + sum(1 for _ in run)
        yield value, first, end
        first = end


def _whole(parts: list[JudgedTable]) -> JudgedTable:
    if len(parts) == 1:
        return parts[0]
    frames = [part.frame for part in parts if len(part.frame)]
    frame = pd.concat(frames, ignore_index=True) if frames else no_readings()
    refusals = [refusal for part in parts for refusal in part.refusals]
    total, uncertain = (sum(map(attrgetter(of), parts)) for of in ("rows_total", "uncertain"))
    return JudgedTable(
        frame.sort_values("row_number", kind="stable", ignore_index=True),
        sorted(refusals, key=attrgetter("row_number")),
        total,
        uncertain,
    )
