"""CSV as rows of text."""

import csv
import io
from typing import IO, Any

from services.adapters.encodings import UnknownEncoding, decode
from services.uploads.opening.sheets import check_row
from services.uploads.reasons import Reason, UploadRefused

_DELIMITERS = ",;\t"


def open_text(source: IO[bytes], *, limits: dict[str, int]) -> dict[str, Any]:
    """UTF-8 with or without mark, or GBK; the delimiter is the one its first line has most of.

    A cell that holds line breaks makes one row of several lines; rows are counted, not lines.
    """
    data = source.read()
    if b"\x00" in data:
        raise UploadRefused(Reason.NOT_TEXT)
    try:
        text = decode(data)
    except UnknownEncoding:
        raise UploadRefused(Reason.UNKNOWN_ENCODING) from None
    del data
    first = text.partition("\n")[0][:10_000]
    csv.field_size_limit(limits["cell_characters"])
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count), strict=True
    )
    rows: list[list[str]] = []
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            while row and not row[-1]:
                row.pop()
            rows.append(row)
            if len(rows) > limits["rows"] + 1:
                raise UploadRefused(Reason.TOO_MANY_ROWS, limit=limits["rows"])
            check_row(row, len(rows), limits)
    except csv.Error as error:
        if "field limit" in str(error):
            raise UploadRefused(
                Reason.CELL_TOO_LONG, row=len(rows) + 1, limit=limits["cell_characters"]
            ) from None
        raise UploadRefused(Reason.DAMAGED) from None
    while rows and not rows[-1]:
        rows.pop()
    return {"rows": rows}
