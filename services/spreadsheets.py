"""Tables for spreadsheets: nothing that people typed is ever computed.

Belongs here: the one rule for cells of CSV and XLSX, and the one writer of CSV. A test fails for
another writer. Not here: which tables there are.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from io import StringIO

UTF8_MARK = b"\xef\xbb\xbf"  # so that Excel reads Chinese

# Spreadsheets pass over blanks, quotes and marks of no width before a formula.
_PASSED_OVER = re.compile(r"[\s\x00-\x20\"'`´“”‘’＂＇\u200b-\u200f\u2060\ufeff]*")
_FIRST = ("\t", "\r", "\n")
_TRIGGERS = frozenset("=+-@")


def begins_like_a_formula(text: str) -> bool:
    """Whether a spreadsheet might compute the text: it begins with = + - @ in any width, behind
    blanks or quotes too, or with a tab or the end of a line.
    """
    if text.startswith(_FIRST):
        return True
    passed = _PASSED_OVER.match(text)
    place = passed.end() if passed else 0
    return unicodedata.normalize("NFKC", text[place : place + 1])[:1] in _TRIGGERS


def as_text(text: str) -> str:
    """Text that a spreadsheet shows and never computes: `=1+1` → `'=1+1`."""
    return f"'{text}" if begins_like_a_formula(text) else text


def from_text(text: str) -> str:
    """What `as_text` was given: a table that we wrote comes back as it was."""
    return text[1:] if text.startswith("'") and begins_like_a_formula(text[1:]) else text


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8 with its mark. Text goes through `as_text`; numbers are plain figures, negative ones
    too; None is an empty cell.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return UTF8_MARK + text.getvalue().encode()


def feed_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as the text of a feed, a line each, an empty row an empty line: for our own readers,
    never handed out, so nothing is escaped. Cells hold no line ends.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        if row:
            writer.writerow(row)
        else:
            text.write("\n")
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal):
        return str(value)
    return as_text(str(value))
