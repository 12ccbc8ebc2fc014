"""A shop's papers and files: what the mall has drawn for it, and what either has handed in.

An address names a row; the row names the object.
"""

from datetime import date
from typing import Any
from uuid import UUID

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from domain.audit import AuditAction
from domain.permissions import Permission
from domain.uploads import SHOP_FILE_KINDS, UploadKind
from services.operations.audit import record_event
from services.operations.uploads import (
    KeptUpload,
    UploadNotFound,
    keep_upload,
    list_uploads,
    open_upload,
)
from services.queries.files import StoredFile
from services.queries.keyset import Place
from services.queries.portal_documents import OwnPaper, find_own_document, list_own_papers
from services.uploads.formats import EXTENSIONS
from services.uploads.reasons import UploadRefused
from webapp.auth.authorisation import principal, require
from webapp.downloads import stored_download
from webapp.language import current_locale
from webapp.portal import door, listing
from webapp.runtime import runtime
from webapp.uploads import limits, refusal, sent_file, takes_uploads

ACCEPT = ",".join(extension for extension in EXTENSIONS if extension not in (".csv", ".xlsx"))


@door.page("/documents/", Permission.OWN_DOCUMENTS_DOWNLOAD, methods=("GET", "POST"))
@takes_uploads
def documents() -> Any:
    """Papers of bills, and the shop's files with the form for another."""
    error = ""
    if request.method == "POST":
        require(Permission.OWN_FILES_UPLOAD)
        try:
            kept = _keep()
        except UploadRefused as refused:
            error = refusal(refused)
            _note_refusal(refused)
        else:
            flash(_("“%(name)s” is kept.", name=kept.name), "success")
            return redirect(url_for("portal.documents"))
    found = list_own_papers(
        door.database(),
        shop_ids=door.shown_shop_ids(),
        after=listing.asked_place("after", date.fromisoformat),
        before=listing.asked_place("before", date.fromisoformat),
    )
    papers: dict[int, list[OwnPaper]] = {}
    for paper in found.items:
        papers.setdefault(paper.bill_id, []).append(paper)
    page = door.show(
        "portal/documents.html",
        papers={
            bill_id: sorted(group, key=lambda paper: paper.locale != current_locale())
            for bill_id, group in papers.items()
        },
        pager=listing.pager(found, lambda paper: Place(paper.period_start, paper.id)),
        files=list_uploads(door.database(), shop_id=door.shop_on_page().id),
        kinds=SHOP_FILE_KINDS,
        chosen=request.form.get("kind", ""),
        error=error,
        accept=ACCEPT,
        limits=limits(),
    )
    return page, 422 if error else 200


@door.page(f"/documents/<{door.ID}:document_id>", Permission.OWN_DOCUMENTS_DOWNLOAD)
def document(document_id: int) -> Response:
    found = find_own_document(
        door.database(), shop_ids=door.own_shop_ids(), document_id=document_id
    )
    if found is None:
        abort(404)
    return stored_download(found)


@door.page("/files/<uuid:uuid>", Permission.OWN_FILES_READ)
def file(uuid: UUID) -> Response:
    try:
        found = open_upload(door.database(), uuid=uuid, shop_ids=door.own_shop_ids())
    except UploadNotFound:
        abort(404)
    return stored_download(
        StoredFile(
            table="uploads",
            id=found.id,
            mall_id=found.mall_id,
            object_key=found.object_key,
            name=found.name,
            bytes=found.bytes,
            format=found.format.value,
            report="",
        )
    )


def _keep() -> KeptUpload:
    kind = request.form.get("kind", "")
    if kind not in {one.value for one in SHOP_FILE_KINDS}:
        abort(400)
    sent = sent_file()
    who, shop, session = principal(), door.shop_on_page(), door.database()
    kept = keep_upload(
        session,
        store=runtime().store,
        limits=limits(),
        mall_id=shop.mall_id,
        shop_id=shop.id,
        kind=UploadKind(kind),
        stream=sent.stream,
        name=sent.filename or "",
        actor_id=who.account_id if who else None,
        actor_name=who.email if who else "",
        now=runtime().now(),
    )
    _write_down(AuditAction.UPLOADED, "uploads", kept.id, kept.name)
    return kept


def _note_refusal(refused: UploadRefused) -> None:
    door.database().rollback()
    _write_down(AuditAction.UPLOAD_REFUSED, "shops", door.shop_on_page().id, str(refused))


def _write_down(action: AuditAction, table: str, row_id: int, note: str) -> None:
    session = door.database()
    record_event(
        session,
        action=action,
        now=runtime().now(),
        mall_id=door.shop_on_page().mall_id,
        subject_type=table,
        subject_id=row_id,
        note=note,
    )
    session.commit()
