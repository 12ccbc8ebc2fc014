"""The second step of a sign-in: the authenticator's code, a recovery code, or enrolling.

Belongs here: pages of somebody who gave the right password and is not signed in yet; no other page
knows such a person. Not here: the account pages of people signed in (webapp.account).
"""

from datetime import datetime

from flask import Blueprint, redirect, render_template, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from domain.sign_in import SECOND_STEP_WITHIN
from services.operations.second_factor import enrol_second_factor, use_recovery_code
from services.operations.sign_in import Person, admit, find_person
from webapp.auth import sessions
from webapp.auth.door import door, knocker, way_on
from webapp.auth.enrolment import Enrolment
from webapp.auth.forms import CodeForm, RecoveryForm
from webapp.auth.totp import KEY, authenticator, encryption_keys
from webapp.limits import SIGN_IN_LIMIT, limiter
from webapp.runtime import runtime

HALF = "half_signed_in"

blueprint = Blueprint("second_step", __name__, url_prefix="/sign-in")


def ask(person: Person, target: str) -> str:
    """Remember who gave the right password; the address of their second step."""
    session[HALF] = {
        "who": person.uniquifier,
        "at": runtime().now().isoformat(),
        "target": target,
    }
    Enrolment.forget()
    return url_for("second_step.enrol" if person.must_enrol else "second_step.code")


def _person() -> Person | None:
    """Who gave the right password a moment ago."""
    half = session.get(HALF)
    if not half:
        return None
    if runtime().now() - datetime.fromisoformat(half["at"]) > SECOND_STEP_WITHIN:
        session.pop(HALF)
        return None
    return find_person(door(), uniquifier=half["who"])


def _begin_again() -> Response:
    return redirect(url_for("security.login"))


def _enter(person: Person) -> Response:
    target = session[HALF]["target"]
    sessions.begin(person.id)
    return redirect(way_on(target, person.role))


def _is_admitted(person: Person, is_right: bool, what: str) -> bool:
    """Whether the code opens; a wrong one counts."""
    admitted = admit(
        door(),
        user_id=person.id,
        is_right=is_right,
        what=what,
        actor=knocker(),
        now=runtime().now(),
    )
    door().commit()
    return admitted


@blueprint.route("/code", methods=["GET", "POST"])
@limiter.limit(SIGN_IN_LIMIT, methods=["POST"])
def code() -> str | Response:
    person = _person()
    if person is None or not person.has_second_factor:
        return _begin_again()
    form = CodeForm()
    if form.validate_on_submit():
        is_right = authenticator().is_right(str(form.code.data), person)
        if _is_admitted(person, is_right, "code"):
            return _enter(person)
        form.code.errors = [_("This code is wrong, or was used before. Wait for the next one.")]
    return render_template("security/code.html", form=form)


@blueprint.route("/recovery", methods=["GET", "POST"])
@limiter.limit(SIGN_IN_LIMIT, methods=["POST"])
def recovery() -> str | Response:
    person = _person()
    if person is None or not person.has_second_factor:
        return _begin_again()
    form = RecoveryForm()
    if form.validate_on_submit():
        state = runtime()
        is_right = use_recovery_code(
            door(),
            user_id=person.id,
            code=str(form.code.data),
            code_keys=encryption_keys(state.settings),
            now=state.now(),
        )
        if _is_admitted(person, is_right, "recovery code"):
            return _enter(person)
        form.code.errors = [_("This recovery code is wrong, or was used before.")]
    return render_template("security/recovery.html", form=form)


@blueprint.route("/authenticator", methods=["GET", "POST"])
@limiter.limit(SIGN_IN_LIMIT, methods=["POST"])
def enrol() -> str | Response:
    """Somebody whose role needs a second factor comes in no other way."""
    person = _person()
    if person is None or not person.must_enrol:
        return _begin_again()
    enrolment = Enrolment.of(person.email)
    form = CodeForm()
    if form.validate_on_submit():
        counter = enrolment.counter(str(form.code.data))
        if counter is not None:
            state = runtime()
            codes = enrol_second_factor(
                door(),
                user_id=person.id,
                totp_key=enrolment.totp_key,
                counter=counter,
                code_key=state.settings.secret(KEY),
                now=state.now(),
            )
            on = _enter(person).location
            return render_template("security/recovery_codes.html", codes=codes, on=on)
        form.code.errors = [_("This code is wrong. Is the telephone's clock right?")]
    return render_template("security/authenticator.html", form=form, enrolment=enrolment)
