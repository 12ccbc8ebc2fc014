"""Tables to fill in: an empty one with the right header, and the refused rows to correct."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

import xlsxwriter

from domain.devices import Feed
from services.imports.columns import BUSINESS_TYPES, COLUMNS, Column, ImportOf
from services.imports.rows import JudgedRow
from services.imports.shop_tables import SHOP_TABLES
from services.language import marked, translator
from services.spreadsheets import as_text, csv_bytes
from services.uploads.words import DOMAIN


def template_csv(of: ImportOf, *, locale: str) -> bytes:
    """The header alone, in the reader's language; both languages are understood."""
    say = translator(locale, DOMAIN)
    return csv_bytes([[say(column.title) for column in COLUMNS[of]]])


def template_xlsx(of: ImportOf, *, locale: str) -> bytes:
    """The header over empty cells of text, business types to choose from, and a second sheet that
    says what each column takes. Only the first sheet is read when it comes back.
    """
    say = translator(locale, DOMAIN)
    words = tuple(say(word) for word in BUSINESS_TYPES.values())
    return _workbook(
        [
            _About(
                say(column.title),
                column.is_required,
                _example(column, locale),
                words if column.field == "business_type" else (),
            )
            for column in COLUMNS[of]
        ],
        (),
        say,
    )


def shop_template_csv(feed: Feed, rows: Sequence[Sequence[str]], *, locale: str) -> bytes:
    """The header of a shop's table, in the reader's language, over rows begun for it."""
    say = translator(locale, DOMAIN)
    return csv_bytes([[say(field.title) for field in SHOP_TABLES[feed]], *rows])


def shop_template_xlsx(feed: Feed, rows: Sequence[Sequence[str]], *, locale: str) -> bytes:
    """The same as a workbook, with a second sheet that says what each column takes."""
    say = translator(locale, DOMAIN)
    about = [_About(say(field.title), True, field.example) for field in SHOP_TABLES[feed]]
    return _workbook(about, rows, say)


@dataclass(frozen=True)
class _About:
    title: str
    is_required: bool
    example: str
    choices: tuple[str, ...] = ()


def _workbook(
    columns: Sequence[_About], rows: Sequence[Sequence[str]], say: Callable[[str], str]
) -> bytes:
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True, "bg_color": "#eceefd", "bottom": 1})
    # Codes such as 0012 and dates stay what was typed.
    text = book.add_format({"num_format": "@"})
    sheet = book.add_worksheet(say(marked("Rows")))
    sheet.freeze_panes(1, 0)
    about = book.add_worksheet(say(marked("How to fill it in")))
    about.set_column(0, 2, 24)
    about.set_column(2, 2, 60)
    titles = (marked("Column"), marked("Required"), marked("Example"))
    for place, title in enumerate(titles):
        about.write_string(0, place, say(title), bold)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, 18, text)
        sheet.write_string(0, place, column.title, bold)
        about.write_string(place + 1, 0, column.title)
        about.write_string(place + 1, 1, say(marked("yes")) if column.is_required else "")
        about.write_string(place + 1, 2, as_text(column.example))
        if column.choices:
            choice = {"validate": "list", "source": list(column.choices)}
            sheet.data_validation(1, place, 2000, place, choice)
    for line, row in enumerate(rows, 1):
        for place, cell in enumerate(row):
            sheet.write_string(line, place, as_text(cell), text)
    book.close()
    return buffer.getvalue()


def refused_csv(of: ImportOf, rows: Iterable[JudgedRow], *, locale: str) -> bytes:
    """The refused rows as they came with the reasons behind them; corrected, the file can be sent
    again: the reasons' column is passed over.
    """
    say = translator(locale, DOMAIN)
    header = [say(column.title) for column in COLUMNS[of]]
    return csv_bytes(
        [
            [*header, say(marked("Why it was refused"))],
            *(
                [*row.cells, " ".join(problem.sentence(locale) for problem in row.problems)]
                for row in rows
            ),
        ]
    )


def shop_refused_csv(
    header: Sequence[str], rows: Iterable[tuple[Sequence[str], str]], *, locale: str
) -> bytes:
    """The refused rows of a shop's table as they came, each with the sentence why; corrected, the
    file can be sent again: the reasons' column is passed over.
    """
    say = translator(locale, DOMAIN)
    titles = [*header, say(marked("Why it was refused"))]
    width = len(header)
    return csv_bytes([titles, *([*[*cells, *[""] * width][:width], why] for cells, why in rows)])


def _example(column: Column, locale: str) -> str:
    if column.field == "business_type":
        say = translator(locale, DOMAIN)
        return " / ".join(say(word) for word in BUSINESS_TYPES.values())
    return column.example
