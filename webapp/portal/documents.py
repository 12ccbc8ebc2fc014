"""A shop's papers and files: what the mall has drawn for it, and what either has handed in.

An address names a row; the row names the object.
"""

from datetime import date
from typing import Any
from uuid import UUID

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from domain.permissions import Permission
from domain.uploads import SHOP_FILE_KINDS
from services.operations.uploads import (
    UploadNotFound,
    list_uploads,
    open_upload,
)
from services.queries.files import StoredFile
from services.queries.keyset import Place
from services.queries.portal_documents import OwnPaper, find_own_document, list_own_papers
from services.uploads.reasons import UploadRefused
from webapp import listing
from webapp.auth.authorisation import require
from webapp.downloads import stored_download
from webapp.language import current_locale
from webapp.portal import door
from webapp.uploads import (
    SHOP_FILE_ACCEPT,
    keep_sent_file,
    limits,
    note_refusal,
    refusal,
    takes_uploads,
)


@door.page("/documents/", Permission.OWN_DOCUMENTS_DOWNLOAD, methods=("GET", "POST"))
@takes_uploads
def documents() -> Any:
    """Papers of bills, and the shop's files with the form for another."""
    error = ""
    if request.method == "POST":
        require(Permission.OWN_FILES_UPLOAD)
        shop = door.shop_on_page()
        owner = {"mall_id": shop.mall_id, "shop_id": shop.id}
        try:
            kept = keep_sent_file(door.database(), **owner)
        except UploadRefused as refused:
            error = refusal(refused)
            note_refusal(door.database(), **owner, refused=refused)
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
        accept=SHOP_FILE_ACCEPT,
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
