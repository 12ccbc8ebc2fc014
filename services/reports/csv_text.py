"""A snapshot as CSV: UTF-8 with BOM, so that Excel reads Chinese; figures plain, dates ISO.

The table comes first, then an empty line and what the report states about itself.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from services.reports.snapshot import Kind, Snapshot, Value
from services.reports.words import Words
from services.spreadsheets import csv_bytes


def render_csv(snapshot: Snapshot, *, locale: str) -> bytes:
    return csv_bytes(_rows(snapshot, Words(snapshot, locale)))


def _rows(snapshot: Snapshot, words: Words) -> Iterator[list[object]]:
    _ = words.say
    columns = snapshot.report.columns
    yield [_(column.title) for column in columns]
    for row in snapshot.contents.rows:
        yield [
            _plain(value, column.kind, words) for value, column in zip(row, columns, strict=True)
        ]
    totals = [
        _plain(value, column.kind, words)
        for value, column in zip(snapshot.contents.totals, columns, strict=True)
    ]
    yield [_("Total"), *totals[1:]]
    yield []
    for label, value in words.statements:
        yield [label, value]
    # A bare figure, for machines that compare files.
    yield [_("Control total"), snapshot.control_total, words.control]
    for fact in snapshot.contents.facts:
        yield list(words.fact(fact))
    for remark in snapshot.contents.remarks:
        yield [_("Remark"), words.remark(remark)]


def _plain(value: Value, kind: Kind, words: Words) -> object:
    """A machine's reading: no separators, a point, an empty cell for what is not known."""
    if value is None or (isinstance(value, str) and kind is not Kind.WORD):
        return value
    if kind is Kind.WORD:
        return words.say(str(value))
    if isinstance(value, date):
        return value.isoformat()
    if kind is Kind.SHARE:
        return Decimal(f"{value:.6f}")
    return value if kind is Kind.INTEGER else Decimal(f"{value:.2f}")
