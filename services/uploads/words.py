"""Refusals of files as sentences in the reader's language."""

from services.language import marked, translator
from services.uploads.reasons import Reason, UploadRefused

DOMAIN = "uploads"

SENTENCES: dict[Reason, str] = {
    Reason.EMPTY: marked("The file is empty."),
    Reason.TOO_LARGE: marked("The file is larger than {limit_mb} MB, the limit for its kind."),
    Reason.WRONG_EXTENSION: marked(
        "Files that end in “{extension}” are not taken here; send {expected}."
    ),
    Reason.WRONG_CONTENT: marked(
        "The name says {expected}, but the content is something else. Save it again as {expected}."
    ),
    Reason.DAMAGED: marked("The file is damaged or cut off and cannot be opened."),
    Reason.TOO_DEMANDING: marked(
        "Opening the file takes more memory or time than any ordinary file needs."
    ),
    Reason.BUSY: marked("Other files are being checked right now. Try again in a minute."),
    Reason.TOO_MANY_PIXELS: marked(
        "The picture has {width} × {height} pixels; at most {limit_mega} million are taken. "
        "Make it smaller."
    ),
    Reason.ENCRYPTED: marked("The file is protected by a password. Save it without one."),
    Reason.ACTIVE_CONTENT: marked(
        "The PDF holds scripts, actions or attached files. Print it to a new PDF and send that."
    ),
    Reason.TWO_IN_ONE: marked(
        "The PDF is an archive at the same time. Print it to a new PDF and send that."
    ),
    Reason.UNSAFE_ARCHIVE: marked(
        "The workbook is not built like an ordinary one. Save it again as .xlsx."
    ),
    Reason.UNPACKS_TOO_LARGE: marked(
        "The workbook unpacks to more than an ordinary one does. Send less at once."
    ),
    Reason.MACROS: marked("The workbook holds macros. Save it as .xlsx without them."),
    Reason.FOREIGN_PARTS: marked(
        "The workbook links to or embeds other files. Copy its values to a new workbook."
    ),
    Reason.FORBIDDEN_XML: marked(
        "The workbook declares entities, which no ordinary one does. Save it again as .xlsx."
    ),
    Reason.UNKNOWN_ENCODING: marked("The text is neither UTF-8 nor GBK. Save it as UTF-8."),
    Reason.NOT_TEXT: marked("The file holds characters that no text has. Save it again as CSV."),
    Reason.TOO_MANY_ROWS: marked("The table has more than {limit} rows. Send it in parts."),
    Reason.TOO_MANY_COLUMNS: marked("Row {row} has more than {limit} columns."),
    Reason.CELL_TOO_LONG: marked("Row {row} has a cell of more than {limit} characters."),
}


def sentence(refused: UploadRefused, locale: str) -> str:
    """What is wrong and what to do, for the person who sent the file."""
    return translator(locale, DOMAIN)(SENTENCES[refused.reason]).format(**refused.facts)
