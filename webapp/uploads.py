"""Files that come in through forms, for staff and shops alike.

Belongs here: how large a body such a form may send, its file, and the words for a refusal. Not
here: judging the file (services.uploads) and who may send it (the pages).
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, request
from werkzeug.datastructures import FileStorage

from services.uploads.limits import UploadLimits, upload_limits
from services.uploads.reasons import Reason, UploadRefused
from services.uploads.words import sentence
from webapp.language import current_locale
from webapp.runtime import runtime

View = TypeVar("View", bound=Callable[..., Any])

# A form's other fields and the lines between its parts.
FORM_BYTES = 64 * 1024


def takes_uploads(view: View) -> View:
    """Mark a view whose form sends a file: its body may be as large as the largest file."""
    view.takes_uploads = True  # type: ignore[attr-defined]
    return view


def limit_bodies(app: Flask) -> None:
    # Before anything reads the form, also before its CSRF token is looked for.
    app.url_value_preprocessor(_limit_body)


def limits() -> UploadLimits:
    return upload_limits(runtime().settings)


def sent_file() -> FileStorage:
    """The file of the form. Raises UploadRefused (EMPTY) when none was chosen."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise UploadRefused(Reason.EMPTY)
    return file


def refusal(refused: UploadRefused) -> str:
    """What is wrong and what to do, in the reader's language."""
    return sentence(refused, current_locale())


def _limit_body(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    view = current_app.view_functions.get(endpoint or "")
    if request.method != "POST" or not getattr(view, "takes_uploads", False):
        return
    # A body of no stated length could be cut off unseen.
    if request.content_length is None:
        abort(411)
    known = limits()
    largest = max(known.image_bytes, known.pdf_bytes, known.table_bytes)
    request.max_content_length = largest + FORM_BYTES
