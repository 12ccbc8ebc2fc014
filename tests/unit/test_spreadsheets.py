"""No cell that people typed is ever computed by a spreadsheet."""

import csv
import re
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from services.reports.xlsx import _Formats, _text
from services.spreadsheets import as_text, begins_like_a_formula, csv_bytes, from_text
from storage.settings import REPOSITORY

BEGINNINGS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx")
WIDE = ("＝1", "＋1", "－1", "＠x", "﹦1")
HIDDEN = (" =1", "\u3000=1", '"=1', "'=1", "“=1", "\u200b=1", "\ufeff@x", " '\" -1", "\x0b=1")
TRIGGERS = tuple("=+-@\t\r\n＝＋－＠")
FORMULA_SIGNS = tuple(sign for sign in TRIGGERS if not sign.isspace())
# Text as people and attackers type it: triggers, blanks and quotes more often than chance has it.
TYPED = st.text(
    st.one_of(st.sampled_from("=+-@\t\r\n＝＋－＠ '\"\u3000\u200b,;"), st.characters(codec="utf-8"))
)


@pytest.mark.parametrize("text", (*BEGINNINGS, *WIDE, *HIDDEN))
def test_text_that_begins_like_a_formula_is_escaped(text: str) -> None:
    assert begins_like_a_formula(text)
    assert as_text(text) == "'" + text


@pytest.mark.parametrize("text", ["", "喜悦书店", "a=1", "1-2", "O'Neil", '"x"', " x", "—", "'"])
def test_other_text_is_left_alone(text: str) -> None:
    assert as_text(text) == text


@given(st.one_of(TYPED, st.text()))
def test_what_was_written_is_read_back(text: str) -> None:
    assert from_text(as_text(text)) == text


@given(st.lists(st.lists(TYPED, min_size=1, max_size=4), max_size=6))
def test_no_text_cell_of_a_csv_begins_with_a_trigger(rows: list[list[str]]) -> None:
    read = list(csv.reader(StringIO(csv_bytes(rows).decode("utf-8-sig"), newline="")))
    assert len(read) == len(rows)
    for cells, typed in zip(read, rows, strict=True):
        for cell, text in zip(cells, typed, strict=True):
            assert not cell.startswith(TRIGGERS)
            # Behind a quote or a blank the end of a line computes nothing.
            assert not cell.lstrip(' \u3000"').startswith(FORMULA_SIGNS)
            assert from_text(cell) == text


# What XML can hold: a workbook has no other characters.
XML = st.text(
    st.one_of(
        st.sampled_from("=+-@\t＝＋－＠ '\"\u3000"),
        st.characters(codec="utf-8", exclude_categories=("C",)),
    ),
    max_size=60,
)


@given(st.lists(XML, min_size=1, max_size=8))
def test_no_text_cell_of_a_workbook_begins_with_a_trigger(texts: list[str]) -> None:
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    formats = _Formats(book, "¥")
    for row, text in enumerate(texts):
        _text(sheet, row, 0, text, formats)
    book.close()
    for (cell,) in load_workbook(buffer).active.iter_rows(max_col=1):
        assert cell.data_type in ("s", "n")  # n: an empty cell
        assert cell.value is None or isinstance(cell.value, str)
        assert not str(cell.value or "").startswith(TRIGGERS)


def test_negative_number_stays_a_number() -> None:
    data = csv_bytes([[Decimal("-12.50"), -3, -0.5, None, "-12.50"]])
    assert data == b"\xef\xbb\xbf-12.50,-3,-0.5,,'-12.50\r\n"


def test_there_is_one_writer_of_csv() -> None:
    writers = {
        path.relative_to(REPOSITORY).as_posix()
        for folder in ("services", "webapp", "pipelines", "cli")
        for path in (REPOSITORY / folder).rglob("*.py")
        if re.search(r"csv\.(writer|DictWriter)\(|\.to_csv\(", path.read_text())
    }
    assert writers == {"services/spreadsheets.py"}
