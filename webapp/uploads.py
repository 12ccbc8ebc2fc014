"""Files that come in through forms, for staff and shops alike.

Belongs here: how large a body such a form may send, its file, keeping it as a shop's, and the
words for a refusal. Not here: judging the file (services.uploads) and who may send it (the pages).
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from domain.audit import AuditAction
from domain.uploads import SHOP_FILE_KINDS, UploadKind
from services.operations.audit import record_event
from services.operations.uploads import KeptUpload, keep_upload
from services.uploads.formats import EXTENSIONS
from services.uploads.limits import UploadLimits, upload_limits
from services.uploads.reasons import Reason, UploadRefused
from services.uploads.words import sentence
from webapp.auth.authorisation import principal
from webapp.language import current_locale
from webapp.runtime import runtime

View = TypeVar("View", bound=Callable[..., Any])

# A form's other fields and the lines between its parts.
FORM_BYTES = 64 * 1024
# What a form for a shop's papers and photos offers to choose.
SHOP_FILE_ACCEPT = ",".join(
    extension for extension in EXTENSIONS if extension not in (".csv", ".xlsx")
)


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


def keep_sent_file(session: Session, *, mall_id: int, shop_id: int) -> KeptUpload:
    """Keep the file of the form as one of the shop's, and commit. Raises UploadRefused; a kind
    that the form did not offer is answered with 400.
    """
    kind = request.form.get("kind", "")
    if kind not in {one.value for one in SHOP_FILE_KINDS}:
        abort(400)
    file = sent_file()
    who = principal()
    kept = keep_upload(
        session,
        store=runtime().store,
        limits=limits(),
        mall_id=mall_id,
        shop_id=shop_id,
        kind=UploadKind(kind),
        stream=file.stream,
        name=file.filename or "",
        actor_id=who.account_id if who else None,
        actor_name=who.email if who else "",
        now=runtime().now(),
    )
    _write_down(session, AuditAction.UPLOADED, mall_id, ("uploads", kept.id), kept.name)
    return kept


def note_refusal(session: Session, *, mall_id: int, shop_id: int, refused: UploadRefused) -> None:
    """Write down that a shop's file was refused, and commit that alone."""
    session.rollback()
    subject = ("shops", shop_id)
    _write_down(session, AuditAction.UPLOAD_REFUSED, mall_id, subject, str(refused))


def _write_down(
    session: Session, action: AuditAction, mall_id: int, subject: tuple[str, int], note: str
) -> None:
    record_event(
        session,
        action=action,
        now=runtime().now(),
        mall_id=mall_id,
        subject_type=subject[0],
        subject_id=subject[1],
        note=note,
    )
    session.commit()


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
