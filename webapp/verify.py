"""Whether a file is the signed one: for anyone who holds a paper, without signing in.

Belongs here: the page that a paper's QR code leads to, and the file that somebody holds against
it. Not here: judging the file (services.signatures.examining).

Who knows a code learns what stands on the paper itself, and nothing else. The file is looked at
and forgotten.
"""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, abort, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from services.operations.papers import read_code, shown_code
from services.queries.paper_verification import KnownPaper, find_paper_by_code
from services.signatures.examining import Examination, examine_file
from services.signatures.keys import trusted_roots
from services.uploads.reasons import UploadRefused
from storage.objects import ObjectNotFound
from webapp.admin import formats, labels
from webapp.auth.door import door
from webapp.headers import request_id
from webapp.limits import limiter
from webapp.runtime import runtime
from webapp.uploads import limits, refusal, sent_file, takes_uploads
from webapp.words.signatures import fault_sentences, verdict

# Eighty bits are not found by trying; a flood is kept off all the same.
LIMIT = "30 per minute; 300 per hour"

blueprint = Blueprint("verify", __name__, url_prefix="/verify")


def install(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/")
@limiter.limit(LIMIT)
def index() -> Any:
    """A field for the code that is printed on the paper."""
    typed = request.args.get("code", "")
    if not typed:
        return render_template("verify/index.html", typed="", error="", request_id="")
    code = read_code(typed[:100])
    if code:
        return redirect(url_for("verify.code", code=code))
    return _asked_again(typed, _("A code has sixteen letters and digits. Look at it again."), 422)


@blueprint.route("/<code>", methods=["GET", "POST"])
@limiter.limit(LIMIT)
@takes_uploads
def code(code: str) -> Any:
    """What is known of the paper; with a file, whether it is the signed one."""
    kept = read_code(code[:100])
    if not kept:
        return _asked_again(
            code, _("A code has sixteen letters and digits. Look at it again."), 422
        )
    if kept != code:
        return redirect(url_for("verify.code", code=kept))
    paper = find_paper_by_code(door(), kept)
    if paper is None:
        return _asked_again(code, _("No paper has this code. Look at it again."), 404)
    g.zone = ZoneInfo(paper.time_zone)
    if request.method == "GET":
        return _page(paper, kept)
    try:
        found = _examined(paper)
    except UploadRefused as refused:
        return _page(paper, kept, error=refusal(refused)), 422
    return _page(paper, kept, found=found)


def _asked_again(typed: str, error: str, status: int) -> tuple[str, int]:
    """The field with what was typed and what is wrong with it."""
    page = render_template(
        "verify/index.html", typed=typed[:40], error=error, request_id=request_id()
    )
    return page, status


def _examined(paper: KnownPaper) -> Examination:
    """The file of the form held against the paper. Raises UploadRefused."""
    state = runtime()
    sent = sent_file()
    try:
        sealed = state.store.get(paper.object_key)
        signed = state.store.get(paper.signed_object_key) if paper.signed_object_key else None
    except ObjectNotFound:
        abort(404)
    # No transaction is open while the file is looked at.
    door().rollback()
    return examine_file(
        sent.stream,
        sealed=sealed,
        signed=signed,
        roots=trusted_roots(state.settings, now=state.now()),
        limits=limits(),
        now=state.now(),
    )


def _page(
    paper: KnownPaper, kept: str, *, found: Examination | None = None, error: str = ""
) -> str | Response:
    return render_template(
        "verify/paper.html",
        paper=paper,
        code=shown_code(kept),
        found=found,
        verdict=verdict(found.comparison, paper) if found else None,
        faults=fault_sentences(found.paper) if found else (),
        fault_sentences=fault_sentences,
        error=error,
        limits=limits(),
        fmt=formats,
        labels=labels,
    )
