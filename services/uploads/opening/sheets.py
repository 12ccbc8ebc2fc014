"""Workbooks as rows of text: the first sheet, its values, never its formulas."""

import sys
import zipfile
from datetime import date, datetime, time
from typing import IO, Any
from xml.parsers import expat

from services.uploads.opening.packages import open_package
from services.uploads.reasons import Reason, UploadRefused

# numpy would only be recognised, never met, and costs memory and time.
sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]

LARGEST_STRINGS = 48 * 1024 * 1024
_PROLOGUE = 64 * 1024
_MACROS = ("vbaproject.bin", "vbadata.xml", "xl/macrosheets/", "xl/dialogsheets/", "xl/activex/")
_FOREIGN = (
    "xl/externallinks/", "xl/embeddings/", "xl/connections.xml", "xl/querytables/",
    "xl/webextensions/", "customui/", "xl/model/",
)  # fmt: skip


def open_sheet(source: IO[bytes], *, limits: dict[str, int]) -> dict[str, Any]:
    """The rows of the first sheet as text, dates as ISO; empty rows in between are kept, so that
    a row's place is its number.
    """
    package = open_package(source, limits=limits)
    _check_parts(package)
    source.seek(0)
    import openpyxl

    if not openpyxl.DEFUSEDXML:
        raise RuntimeError("openpyxl reads without defusedxml")
    book = openpyxl.load_workbook(source, read_only=True, data_only=True, keep_links=False)
    sheet = book.worksheets[0]
    # What the sheet says about its own size is not believed.
    sheet.reset_dimensions()
    rows: list[list[str]] = []
    last = 0
    for cells in sheet.iter_rows(values_only=True):
        row = [_text(value) for value in cells]
        while row and not row[-1]:
            row.pop()
        rows.append(row)
        if len(rows) > limits["rows"] + 1:
            raise UploadRefused(Reason.TOO_MANY_ROWS, limit=limits["rows"])
        check_row(row, len(rows), limits)
        last = len(rows) if row else last
    return {"rows": rows[:last]}


def check_row(row: list[str], number: int, limits: dict[str, int]) -> None:
    if len(row) > limits["columns"]:
        raise UploadRefused(Reason.TOO_MANY_COLUMNS, row=number, limit=limits["columns"])
    if any(len(cell) > limits["cell_characters"] for cell in row):
        raise UploadRefused(Reason.CELL_TOO_LONG, row=number, limit=limits["cell_characters"])


def _check_parts(package: zipfile.ZipFile) -> None:
    names = {entry.filename.lower(): entry for entry in package.infolist()}
    if "[content_types].xml" not in names or "xl/workbook.xml" not in names:
        raise UploadRefused(Reason.WRONG_CONTENT, expected="XLSX")
    if any(mark in name for name in names for mark in _MACROS):
        raise UploadRefused(Reason.MACROS)
    if any(name.startswith(_FOREIGN) for name in names):
        raise UploadRefused(Reason.FOREIGN_PARTS)
    types = package.read(names["[content_types].xml"])
    if b"macroEnabled" in types or b"vnd.ms-office.vbaProject" in types:
        raise UploadRefused(Reason.MACROS)
    strings = names.get("xl/sharedstrings.xml")
    if strings is not None and strings.file_size > LARGEST_STRINGS:
        raise UploadRefused(Reason.UNPACKS_TOO_LARGE)
    for name, entry in names.items():
        if name.endswith((".xml", ".rels", ".vml")):
            with package.open(entry) as part:
                _check_prologue(part)


class _Began(Exception):
    """The first element: a document type can stand only before it."""


def _check_prologue(part: IO[bytes]) -> None:
    """Refuse a part that declares a document type: no workbook does, and entities need one."""

    def declared(*_about: Any) -> None:
        raise UploadRefused(Reason.FORBIDDEN_XML)

    def began(*_about: Any) -> None:
        raise _Began

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = declared
    parser.EntityDeclHandler = declared
    parser.StartElementHandler = began
    try:
        parser.Parse(part.read(_PROLOGUE), False)
    except _Began:
        return
    raise UploadRefused(Reason.UNSAFE_ARCHIVE)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
