"""A snapshot as CSV: UTF-8 with BOM, so that Excel reads Chinese; figures plain, dates ISO.

The table comes first, then an empty line and what the report states about itself.
"""

import csv
from datetime import date
from io import StringIO

from services.reports.snapshot import Kind, Snapshot, Value
from services.reports.words import Words, escaped


def render_csv(snapshot: Snapshot, *, locale: str) -> bytes:
    words = Words(snapshot, locale)
    _ = words.say
    columns = snapshot.report.columns
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_(column.title) for column in columns])
    for row in snapshot.contents.rows:
        writer.writerow(
            [_plain(value, column.kind, words) for value, column in zip(row, columns, strict=True)]
        )
    totals = [
        _plain(value, column.kind, words)
        for value, column in zip(snapshot.contents.totals, columns, strict=True)
    ]
    writer.writerow([_("Total"), *totals[1:]])
    writer.writerow([])
    for label, value in words.statements:
        writer.writerow([label, escaped(value)])
    # A bare figure, for machines that compare files.
    writer.writerow([_("Control total"), str(snapshot.control_total), words.control])
    for fact in snapshot.contents.facts:
        label, value, note = words.fact(fact)
        writer.writerow([label, escaped(value), escaped(note)])
    for remark in snapshot.contents.remarks:
        writer.writerow([_("Remark"), escaped(words.remark(remark))])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _plain(value: Value, kind: Kind, words: Words) -> str:
    """A machine's reading: no separators, a point, an empty cell for what is not known."""
    if value is None:
        return ""
    if kind is Kind.WORD:
        return words.say(str(value))
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, date):
        return value.isoformat()
    if kind is Kind.SHARE:
        return f"{value:.6f}"
    return str(value) if kind is Kind.INTEGER else f"{value:.2f}"
