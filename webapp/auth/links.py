"""Pages of links sent by mail: asking for one, and setting a password with one.

Belongs here: the way of the token from the letter to the form. Opening a link spends nothing: a
mail scanner may do so first. The token leaves the address at once, so that no other site learns
it from the browser. Not here: what a link may do (services.operations.account_links).
"""

from flask import Blueprint, flash, redirect, render_template, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from domain.sign_in import TokenPurpose
from services.operations.account_links import (
    LinkUsedUp,
    find_link,
    send_password_reset,
    set_password_by_link,
)
from services.operations.passwords import WeakPassword, advice
from webapp.auth.door import door, knocker
from webapp.auth.forms import ForgottenForm, NewPasswordForm
from webapp.language import current_locale
from webapp.limits import LETTER_LIMIT, SIGN_IN_LIMIT, limiter
from webapp.runtime import runtime

LINK = "password_link"

blueprint = Blueprint("links", __name__)


@blueprint.route("/password/forgotten", methods=["GET", "POST"])
@limiter.limit(LETTER_LIMIT, methods=["POST"])
def forgotten() -> str | Response:
    form = ForgottenForm()
    if form.validate_on_submit():
        state = runtime()
        send_password_reset(
            door(),
            email=str(form.email.data),
            site=state.settings.site,
            locale=current_locale(),
            actor=knocker(),
            now=state.now(),
        )
        door().commit()
        return redirect(url_for("links.sent"))
    return render_template("security/forgotten.html", form=form)


@blueprint.get("/password/sent")
def sent() -> str:
    """The same page whether or not the address has an account."""
    return render_template("security/letter_sent.html")


@blueprint.get("/link/<token>")
def follow(token: str) -> Response:
    session[LINK] = token
    response = redirect(url_for("links.new_password"))
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.route("/password/new", methods=["GET", "POST"])
@limiter.limit(SIGN_IN_LIMIT, methods=["POST"])
def new_password() -> str | Response | tuple[str, int]:
    state = runtime()
    token = str(session.get(LINK, ""))
    holder = find_link(door(), token=token, now=state.now())
    if holder is None:
        return render_template("security/link_used_up.html"), 410
    form = NewPasswordForm()
    if form.validate_on_submit():
        try:
            set_password_by_link(
                door(),
                token=token,
                password=str(form.password.data),
                salt=state.settings.secret("password_salt"),
                locale=current_locale(),
                actor=knocker(),
                now=state.now(),
            )
        except WeakPassword as weak:
            form.password.errors = advice(weak.faults, current_locale())
        except LinkUsedUp:
            return render_template("security/link_used_up.html"), 410
        else:
            door().commit()
            session.pop(LINK)
            flash(_("Your password is set. Sign in with it."), "success")
            return redirect(url_for("security.login"))
    return render_template(
        "security/new_password.html",
        form=form,
        email=holder.email,
        is_invitation=holder.purpose is TokenPurpose.INVITATION,
    )
