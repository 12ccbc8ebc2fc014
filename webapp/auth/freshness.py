"""Asking again who somebody is before what changes money, roles or the account itself.

Belongs here: `require_fresh()`, which any view may call first. Proof is good for fifteen minutes
and is kept with the session in the database, not in the cookie.
"""

from flask import (
    Blueprint,
    abort,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from flask_security import current_user
from werkzeug.wrappers import Response

from domain.sign_in import FRESH_FOR
from services.operations.second_factor import find_second_factor
from services.operations.sessions import refresh_session
from services.operations.sign_in import admit, recheck_password
from webapp.auth.authorisation import ask_to_sign_in, principal
from webapp.auth.door import door, knocker, way_on
from webapp.auth.sessions import current_session
from webapp.auth.totp import authenticator
from webapp.runtime import runtime

PASSWORD = "confirm_password"
CODE = "confirm_code"
ASKED = frozenset({PASSWORD, CODE, "csrf_token"})

blueprint = Blueprint("freshness", __name__, url_prefix="/sign-in")


def require_fresh() -> None:
    """Go on when the person of this session proved who they are within fifteen minutes.

    Else a page asks. What a POST sent is kept in that page and sent again with the answer, so
    that the view runs as if nothing had come between; only chosen files have to be chosen again.
    To be called before the view reads its form, for people signed in.
    """
    live = current_session()
    if live is None:
        abort(403)
    now = runtime().now()
    if now - live.fresh_at < FRESH_FOR:
        return
    if request.method != "POST":
        abort(redirect(url_for("freshness.again", next=request.full_path.rstrip("?"))))
    is_answered = PASSWORD in request.form
    errors = _check() if is_answered else {}
    if errors or not is_answered:
        abort(make_response(_page(errors), 401))


@blueprint.route("/again", methods=["GET", "POST"])
def again() -> str | Response:
    """Asks on the way to a page that somebody wanted to open."""
    if current_session() is None:
        return ask_to_sign_in()
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = _check()
        if not errors:
            who = principal()
            return redirect(way_on(request.args.get("next", ""), who.role if who else None))
    return _page(errors)


def _check() -> dict[str, str]:
    """What is wrong with the answer, by field; empty when it is right, and then that is kept."""
    state = runtime()
    has_code = find_second_factor(door(), user_id=current_user.id) is not None
    is_right = recheck_password(
        door(),
        user_id=current_user.id,
        password=request.form.get(PASSWORD, ""),
        salt=state.settings.secret("password_salt"),
        actor=knocker(),
        now=state.now(),
    )
    errors = {} if is_right else {PASSWORD: _("This password is wrong.")}
    if is_right and has_code:
        code_right = admit(
            door(),
            user_id=current_user.id,
            is_right=authenticator().is_right(request.form.get(CODE, ""), current_user),
            what="code",
            actor=knocker(),
            now=state.now(),
        )
        if not code_right:
            errors = {CODE: _("This code is wrong, or was used before. Wait for the next one.")}
    live = current_session()
    if live is not None and not errors:
        refresh_session(door(), session_id=live.id, now=state.now())
        g.pop("live_session")
    door().commit()
    return errors


def _page(errors: dict[str, str]) -> str:
    sent = [(name, value) for name, value in request.form.items(multi=True) if name not in ASKED]
    asked = [(PASSWORD, _("Password"), "password", "current-password")]
    if find_second_factor(door(), user_id=current_user.id) is not None:
        asked.append((CODE, _("Code of the authenticator"), "text", "one-time-code"))
    return render_template(
        "security/again.html",
        sent=sent,
        asked=asked,
        errors=errors,
        had_files=any(file.filename for file in request.files.values()),
    )
