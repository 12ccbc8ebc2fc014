"""A snapshot as a workbook: a title sheet with what it states, then the table.

Written row by row in constant memory. Numbers, shares and dates are real ones.
"""

from datetime import UTC, date
from io import BytesIO
from typing import Any

import xlsxwriter

from services.reports.snapshot import Kind, Snapshot, Value
from services.reports.words import DASH, Words
from services.spreadsheets import as_text

FONT = "Noto Sans SC"
INK, MUTED, ACCENT, TINT, LINE = "#1b2430", "#5b6675", "#17414f", "#f1f4f7", "#c9d0d8"


def render_xlsx(snapshot: Snapshot, *, locale: str) -> bytes:
    words = Words(snapshot, locale)
    buffer = BytesIO()
    book = xlsxwriter.Workbook(
        buffer,
        {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False},
    )
    book.set_properties(
        {
            "title": words.title,
            "author": snapshot.scope.mall_name,
            "company": snapshot.scope.mall_name,
            "created": snapshot.scope.as_of.astimezone(UTC).replace(tzinfo=None),
        }
    )
    formats = _Formats(book, words.currency_sign)
    _title_sheet(book, words, formats)
    _table_sheet(book, words, formats)
    book.close()
    return buffer.getvalue()


class _Formats:
    """One format per look: a workbook shares them between cells."""

    def __init__(self, book: Any, sign: str) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}
        money = f'"{sign}"#,##0.00;[Red]-"{sign}"#,##0.00'
        self.numbers = {
            Kind.MONEY: money,
            Kind.INTEGER: "#,##0",
            Kind.DECIMAL: "#,##0.00",
            Kind.SHARE: "0.0%",
            Kind.DATE: "yyyy-mm-dd",
        }

    def look(self, **properties: Any) -> Any:
        properties = {
            "font_name": FONT,
            "font_size": 10,
            "font_color": INK,
            "valign": "vcenter",
            **properties,
        }
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(properties)
        return self._made[key]

    def cell(self, kind: Kind, **properties: Any) -> Any:
        """The look of a figure or date; `properties` win."""
        if kind in self.numbers:
            align = "left" if kind is Kind.DATE else "right"
            properties = {"num_format": self.numbers[kind], "align": align, **properties}
        return self.look(**properties)


def _title_sheet(book: Any, words: Words, formats: _Formats) -> None:
    _ = words.say
    snapshot = words.snapshot
    sheet = book.add_worksheet(_("About this report"))
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 3)
    sheet.set_column(1, 1, 26)
    sheet.set_column(2, 2, 44)
    sheet.set_column(3, 3, 60)
    sheet.set_row(1, 30)
    _text(sheet, 1, 1, words.title, formats, bold=True, font_size=20, font_color=ACCENT)
    _text(sheet, 2, 1, _(snapshot.report.subject), formats, font_color=MUTED)
    row = 4
    line = {"bottom": 1, "bottom_color": LINE}
    for label, value in words.statements:
        _text(sheet, row, 1, label, formats, font_color=MUTED, **line)
        _text(sheet, row, 2, value, formats, bold=True, **line)
        row += 1
    _text(sheet, row, 1, _("Control total"), formats, font_color=MUTED, **line)
    control = formats.cell(Kind.MONEY, align="left", bold=True, **line)
    sheet.write_number(row, 2, float(snapshot.control_total), control)
    _text(sheet, row, 3, words.control, formats, font_color=MUTED, **line)
    row += 2
    if snapshot.contents.facts:
        _text(sheet, row, 1, _("Key figures"), formats, bold=True, font_size=12, font_color=ACCENT)
        row += 1
        for fact in snapshot.contents.facts:
            label, _shown, note = words.fact(fact)
            _text(sheet, row, 1, label, formats, font_color=MUTED, **line)
            look = {"bold": True, "align": "left", **line}
            _value_cell(sheet, row, 2, fact.value, fact.kind, words, formats, **look)
            _text(sheet, row, 3, note, formats, font_color=MUTED, text_wrap=True, **line)
            row += 1
        row += 1
    for heading, sentences in (
        (_("Remarks"), [words.remark(remark) for remark in snapshot.contents.remarks]),
        (_("How to read it"), [_(sentence) for sentence in snapshot.report.basis]),
    ):
        if not sentences:
            continue
        _text(sheet, row, 1, heading, formats, bold=True, font_size=12, font_color=ACCENT)
        row += 1
        for sentence in sentences:
            look = formats.look(text_wrap=True, valign="top")
            sheet.set_row(row, 15 * (1 + len(sentence.encode()) // 150))
            sheet.merge_range(row, 1, row, 3, as_text(sentence), look)
            row += 1
        row += 1
    _print_setup(sheet, words)
    sheet.fit_to_pages(1, 0)


def _table_sheet(book: Any, words: Words, formats: _Formats) -> None:
    snapshot = words.snapshot
    columns = snapshot.report.columns
    sheet = book.add_worksheet(words.title[:31])
    sheet.hide_gridlines(2)
    for at, column in enumerate(columns):
        sheet.set_column(at, at, _width(words, at, words.say(column.title)))
    sheet.set_row(0, 32)
    for at, column in enumerate(columns):
        is_figure = column.kind in formats.numbers and column.kind is not Kind.DATE
        _text(
            sheet,
            0,
            at,
            words.say(column.title),
            formats,
            bold=True,
            font_color=ACCENT,
            bg_color=TINT,
            bottom=2,
            bottom_color=ACCENT,
            text_wrap=True,
            align="right" if is_figure else "left",
        )
    sheet.freeze_panes(1, 2)
    sheet.repeat_rows(0)
    sheet.autofilter(0, 0, max(1, snapshot.row_count), len(columns) - 1)
    row = 1
    for values in snapshot.contents.rows:
        for at, (value, column) in enumerate(zip(values, columns, strict=True)):
            look = {"bottom": 1, "bottom_color": LINE}
            _value_cell(sheet, row, at, value, column.kind, words, formats, **look)
        row += 1
    # A row apart: sorting and filtering leave the totals where they are.
    row += 1
    look = {"bold": True, "top": 2, "top_color": INK}
    for at, (value, column) in enumerate(zip(snapshot.contents.totals, columns, strict=True)):
        if at == 0:
            _text(sheet, row, 0, words.say("Total"), formats, **look)
        elif value is None:
            sheet.write_blank(row, at, None, formats.look(**look))
        else:
            _value_cell(sheet, row, at, value, column.kind, words, formats, **look)
    _print_setup(sheet, words)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _value_cell(
    sheet: Any,
    row: int,
    at: int,
    value: Value,
    kind: Kind,
    words: Words,
    formats: _Formats,
    **look: Any,
) -> None:
    if value is None:
        empty = {"align": "right"} if kind in formats.numbers else {}
        _text(sheet, row, at, DASH, formats, **{**empty, **look, "font_color": MUTED})
    elif isinstance(value, str):
        _text(sheet, row, at, words.value(value, kind), formats, **look)
    elif isinstance(value, date):
        sheet.write_datetime(row, at, value, formats.cell(kind, **look))
    else:
        sheet.write_number(row, at, float(value), formats.cell(kind, **look))


def _text(sheet: Any, row: int, at: int, text: str, formats: _Formats, **look: Any) -> None:
    sheet.write_string(row, at, as_text(text), formats.look(**look))


def _width(words: Words, at: int, title: str) -> float:
    """Characters that the column's longest value takes; a hanzi counts for two."""
    snapshot = words.snapshot
    kind = snapshot.report.columns[at].kind
    shown = [words.value(row[at], kind) for row in snapshot.contents.rows[:2000]]
    total = snapshot.contents.totals[at]
    if total is not None:
        shown.append(words.value(total, kind))
    longest = max((_cells(text) for text in shown), default=0)
    # The title may take two lines; the filter's button takes three characters.
    return min(48.0, max(longest * 1.1 + 2, _cells(title) * 0.62 + 4, 9))


def _cells(text: str) -> int:
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)


def _print_setup(sheet: Any, words: Words) -> None:
    sheet.set_paper(9)
    sheet.set_margins(left=0.71, right=0.71, top=0.75, bottom=0.75)
    # An ampersand begins a code in a footer; two are one.
    footer = words.footer.replace("&", "&&")
    sheet.set_footer(f"&L&8{footer}&R&8&P / &N", {"scale_with_doc": False})
