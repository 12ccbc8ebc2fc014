"""A shop's papers, to download. An address names a row; the row names the object."""

from datetime import date

from flask import abort, render_template
from werkzeug.wrappers import Response

from domain.permissions import Permission
from services.queries.keyset import Place
from services.queries.portal_documents import OwnPaper, find_own_document, list_own_papers
from webapp.downloads import stored_download
from webapp.language import current_locale
from webapp.portal import door, listing


@door.page("/documents/", Permission.OWN_DOCUMENTS_DOWNLOAD)
def documents() -> str:
    found = list_own_papers(
        door.database(),
        shop_ids=door.shown_shop_ids(),
        after=listing.asked_place("after", date.fromisoformat),
        before=listing.asked_place("before", date.fromisoformat),
    )
    papers: dict[int, list[OwnPaper]] = {}
    for paper in found.items:
        papers.setdefault(paper.bill_id, []).append(paper)
    return render_template(
        "portal/documents.html",
        papers={
            bill_id: sorted(group, key=lambda paper: paper.locale != current_locale())
            for bill_id, group in papers.items()
        },
        pager=listing.pager(found, lambda paper: Place(paper.period_start, paper.id)),
    )


@door.page(f"/documents/<{door.ID}:document_id>", Permission.OWN_DOCUMENTS_DOWNLOAD)
def document(document_id: int) -> Response:
    found = find_own_document(
        door.database(), shop_ids=door.own_shop_ids(), document_id=document_id
    )
    if found is None:
        abort(404)
    return stored_download(found)
