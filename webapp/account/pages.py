"""The pages of one's own account."""

from flask import abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_security import current_user
from werkzeug.wrappers import Response

from domain.people import effective_role
from domain.sign_in import SessionEnd, needs_second_factor
from services.operations.account_links import change_password
from services.operations.passwords import WeakPassword, advice
from services.operations.second_factor import (
    enrol_second_factor,
    find_second_factor,
    make_recovery_codes,
    reset_second_factor,
)
from services.operations.sessions import LiveSession, end_all_sessions, end_session
from services.operations.sign_in import recheck_password
from services.queries.accounts import list_sessions
from webapp.account import blueprint
from webapp.account.agents import browser_and_system
from webapp.auth.door import door, home_of, knocker
from webapp.auth.enrolment import Enrolment
from webapp.auth.forms import ChangePasswordForm, CodeForm
from webapp.auth.freshness import require_fresh
from webapp.auth.sessions import current_session
from webapp.auth.totp import KEY
from webapp.language import current_locale
from webapp.runtime import runtime


def _role():  # type: ignore[no-untyped-def]
    return effective_role(role.name for role in current_user.roles)


def _live() -> LiveSession:
    live = current_session()
    if live is None:
        abort(403)
    return live


def account_page(template: str, **facts: object) -> str:
    return render_template(
        f"account/{template}", home=home_of(_role()), role=_role(), now=runtime().now(), **facts
    )


@blueprint.get("/")
def index() -> str:
    return account_page("index.html")


@blueprint.route("/password", methods=["GET", "POST"])
def password() -> str | Response:
    form = ChangePasswordForm()
    if form.validate_on_submit():
        state = runtime()
        salt = state.settings.secret("password_salt")
        is_right = recheck_password(
            door(),
            user_id=current_user.id,
            password=str(form.current.data),
            salt=salt,
            actor=knocker(),
            now=state.now(),
        )
        door().commit()
        if not is_right:
            form.current.errors = [_("This password is wrong.")]
            return account_page("password.html", form=form)
        try:
            change_password(
                door(),
                user_id=current_user.id,
                password=str(form.password.data),
                salt=salt,
                session_id=_live().id,
                now=state.now(),
            )
        except WeakPassword as weak:
            form.password.errors = advice(weak.faults, current_locale())
        else:
            door().commit()
            flash(_("Your password is changed. Other sessions were ended."), "success")
            return redirect(url_for("account.password"))
    return account_page("password.html", form=form)


@blueprint.get("/authenticator")
def authenticator() -> str:
    return account_page(
        "authenticator.html",
        factor=find_second_factor(door(), user_id=current_user.id),
        is_needed=needs_second_factor(_role()),
    )


@blueprint.route("/authenticator/new", methods=["GET", "POST"])
def new_authenticator() -> str | Response:
    """Set one up, or another in place of the one that there is."""
    require_fresh()
    enrolment = Enrolment.of(current_user.email)
    form = CodeForm()
    if form.validate_on_submit():
        counter = enrolment.counter(str(form.code.data))
        if counter is not None:
            state = runtime()
            codes = enrol_second_factor(
                door(),
                user_id=current_user.id,
                totp_key=enrolment.totp_key,
                counter=counter,
                code_key=state.settings.secret(KEY),
                session_id=_live().id,
                now=state.now(),
            )
            door().commit()
            Enrolment.forget()
            return account_page("recovery_codes.html", codes=codes)
        form.code.errors = [_("This code is wrong. Is the telephone's clock right?")]
    return account_page("new_authenticator.html", form=form, enrolment=enrolment)


@blueprint.post("/recovery-codes")
def recovery_codes() -> str:
    """New codes in place of all old ones."""
    require_fresh()
    if find_second_factor(door(), user_id=current_user.id) is None:
        abort(404)
    state = runtime()
    codes = make_recovery_codes(
        door(), user_id=current_user.id, code_key=state.settings.secret(KEY), now=state.now()
    )
    door().commit()
    return account_page("recovery_codes.html", codes=codes)


@blueprint.post("/authenticator/remove")
def remove_authenticator() -> Response:
    require_fresh()
    if needs_second_factor(_role()):
        abort(403)
    reset_second_factor(door(), user_id=current_user.id, session_id=_live().id, now=runtime().now())
    door().commit()
    flash(_("The authenticator is removed. Other sessions were ended."), "success")
    return redirect(url_for("account.authenticator"))


@blueprint.get("/sessions")
def sessions() -> str:
    found = list_sessions(door(), user_id=current_user.id, now=runtime().now())
    return account_page(
        "sessions.html",
        sessions=[(one, browser_and_system(one.agent)) for one in found],
        current_id=_live().id,
    )


@blueprint.post("/sessions/<int(max=9223372036854775807):session_id>/end")
def end_one(session_id: int) -> Response:
    ended = end_session(door(), session_id=session_id, user_id=current_user.id, now=runtime().now())
    door().commit()
    if ended:
        flash(_("The session is ended."), "success")
    return redirect(url_for("account.sessions"))


@blueprint.post("/sessions/end-others")
def end_others() -> Response:
    count = end_all_sessions(
        door(),
        user_id=current_user.id,
        now=runtime().now(),
        reason=SessionEnd.ENDED_BY_PERSON,
        except_id=_live().id,
    )
    door().commit()
    flash(
        _("All other sessions are ended.") if count else _("There was no other session."),
        "success",
    )
    return redirect(url_for("account.sessions"))
