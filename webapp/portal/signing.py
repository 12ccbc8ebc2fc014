"""A paper that waits for the shop: reading it, signing it with password and code, declining it.

The same pages serve a lease, its amendment and a renewal, which is a lease of its own. Not here:
the page of a lease (contracts), and who somebody is (webapp.auth.confirmation).
"""

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from werkzeug.wrappers import Response

from domain.permissions import Permission
from services.operations.leasing import CommentRequired
from services.operations.leasing.running_errors import NotRunning, ReasonRequired
from services.operations.papers import (
    PaperDamaged,
    PaperNotFound,
    PaperNotWaiting,
    Signer,
    decline_paper,
    shown_code,
    sign_paper,
)
from services.operations.signing_codes import (
    SECRET_NAME,
    TooSoon,
    code_waits_until,
    masked,
    send_signing_code,
)
from services.queries.portal_papers import LeasePaper, find_lease_paper, find_paper_file
from webapp.auth.authorisation import current_actor
from webapp.auth.confirmation import CODE, PASSWORD, confirm_signature, has_authenticator
from webapp.auth.door import door as accounts
from webapp.downloads import stored_download
from webapp.language import current_locale
from webapp.limits import LETTER_LIMIT, SIGN_IN_LIMIT, limiter
from webapp.portal import door
from webapp.runtime import runtime

READ = "read"
REASON = "reason"


@door.page(f"/papers/<{door.ID}:paper_id>", Permission.OWN_CONTRACTS_READ)
def paper(paper_id: int) -> str:
    """What is to be signed, and the form for it; of a paper that waits no longer, what became of
    it.
    """
    return _page(_paper(paper_id), {})


@door.page(f"/papers/<{door.ID}:paper_id>/file", Permission.OWN_CONTRACTS_READ)
def paper_file(paper_id: int) -> Response:
    """The newest bytes of the paper: shown by the browser, or saved with `?save=1`."""
    found = find_paper_file(door.database(), shop_ids=door.own_shop_ids(), paper_id=paper_id)
    if found is None:
        abort(404)
    return stored_download(found, is_shown=not request.args.get("save"))


@door.page(f"/papers/<{door.ID}:paper_id>/code", Permission.OWN_CONTRACTS_SIGN, methods=("POST",))
@limiter.limit(LETTER_LIMIT)
def paper_code(paper_id: int) -> Response:
    """Send the person a one-time code for this paper."""
    found = _paper(paper_id)
    back = redirect(url_for("portal.paper", paper_id=paper_id) + "#sign")
    if not found.waits or has_authenticator():
        return back
    state = runtime()
    try:
        sent = send_signing_code(
            accounts(),
            user_id=current_user.id,
            paper_id=paper_id,
            contract_number=found.contract_number,
            secret=state.settings.secret(SECRET_NAME),
            locale=current_locale(),
            now=state.now(),
        )
    except TooSoon as error:
        seconds = int(error.wait.total_seconds()) + 1
        flash(_("A code is on its way. You can ask for another in %(count)s s.", count=seconds))
        return back
    accounts().commit()
    flash(_("A code was sent to %(recipient)s.", recipient=sent.recipient), "success")
    return back


@door.page(f"/papers/<{door.ID}:paper_id>/sign", Permission.OWN_CONTRACTS_SIGN, methods=("POST",))
@limiter.limit(SIGN_IN_LIMIT)
def sign(paper_id: int) -> Any:
    found = _paper(paper_id)
    if not found.waits:
        return _came_to_nothing(found)
    if not request.form.get(READ):
        return _page(found, {READ: _("Say that you have read it and agree.")}), 422
    errors = confirm_signature(
        paper_id, password=request.form.get(PASSWORD, ""), code=request.form.get(CODE, "")
    )
    if errors:
        return _page(found, errors), 422
    state = runtime()
    actor = current_actor()
    try:
        sign_paper(
            door.database(),
            state.store,
            settings=state.settings,
            paper_id=paper_id,
            shop_ids=door.own_shop_ids(),
            signer=Signer(
                user_id=current_user.id,
                name=current_user.name or current_user.email,
                email=current_user.email,
                address=actor.address,
                agent=actor.agent,
            ),
            now=state.now(),
        )
    except (PaperNotFound, PaperNotWaiting, NotRunning):
        door.database().rollback()
        return _came_to_nothing(found)
    except PaperDamaged:
        door.database().rollback()
        message = _("The stored paper is damaged, so it was not signed. Please tell the mall.")
        return _page(found, {"": message}), 409
    door.database().commit()
    flash(_("Signed. Both signatures are in the paper now."), "success")
    return redirect(url_for("portal.paper", paper_id=paper_id))


@door.page(
    f"/papers/<{door.ID}:paper_id>/decline", Permission.OWN_CONTRACTS_SIGN, methods=("POST",)
)
def decline(paper_id: int) -> Any:
    found = _paper(paper_id)
    try:
        decline_paper(
            door.database(),
            paper_id=paper_id,
            shop_ids=door.own_shop_ids(),
            reason=request.form.get(REASON, "")[:REASON_LENGTH],
            actor=current_user.email,
            now=runtime().now(),
        )
    except (CommentRequired, ReasonRequired):
        door.database().rollback()
        return _page(
            found, {REASON: _("Say why, so that the mall can do something about it.")}
        ), 422
    except (PaperNotFound, PaperNotWaiting):
        door.database().rollback()
        return _came_to_nothing(found)
    door.database().commit()
    flash(_("Declined. The mall has been told why."), "success")
    return redirect(url_for("portal.paper", paper_id=paper_id))


REASON_LENGTH = 1000


def _paper(paper_id: int) -> LeasePaper:
    """A paper of the person's shops, or 404."""
    found = find_lease_paper(door.database(), shop_ids=door.own_shop_ids(), paper_id=paper_id)
    if found is None:
        abort(404)
    return found


def _came_to_nothing(found: LeasePaper) -> Any:
    """Somebody else was first, or the mall took the paper back: the page says what it is now."""
    message = _("This paper waits for no signature any more.")
    return _page(_paper(found.id), {"": message}), 409


def _page(found: LeasePaper, errors: dict[str, str]) -> str:
    state = runtime()
    may_sign = found.waits
    has_own = may_sign and has_authenticator()
    until = (
        code_waits_until(accounts(), user_id=current_user.id, paper_id=found.id, now=state.now())
        if may_sign and not has_own
        else None
    )
    return door.show(
        "portal/paper.html",
        paper=found,
        code=shown_code(found.verify_code),
        errors=errors,
        has_authenticator=has_own,
        code_until=until,
        recipient=masked(current_user.phone or current_user.email),
        reason=request.form.get(REASON, "") if request.method == "POST" else "",
        reason_length=REASON_LENGTH,
    )
