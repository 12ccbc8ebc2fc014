"""Tables to fill in: an empty one with the right header, and the refused rows to correct."""

from collections.abc import Iterable
from io import BytesIO

import xlsxwriter

from services.imports.columns import BUSINESS_TYPES, COLUMNS, Column, ImportOf
from services.imports.rows import JudgedRow
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
    for place, column in enumerate(COLUMNS[of]):
        sheet.set_column(place, place, 18, text)
        sheet.write_string(0, place, say(column.title), bold)
        about.write_string(place + 1, 0, say(column.title))
        required = say(marked("yes")) if column.is_required else ""
        about.write_string(place + 1, 1, required)
        about.write_string(place + 1, 2, as_text(_example(column, locale)))
        if column.field == "business_type":
            words = [say(word) for word in BUSINESS_TYPES.values()]
            sheet.data_validation(1, place, 2000, place, {"validate": "list", "source": words})
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


def _example(column: Column, locale: str) -> str:
    if column.field == "business_type":
        say = translator(locale, DOMAIN)
        return " / ".join(say(word) for word in BUSINESS_TYPES.values())
    return column.example
