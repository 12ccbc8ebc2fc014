"""The sign-in page: e-mail address and password, then the second step where there is one.

Belongs here: the first page and how it goes on. Not here: the second step (second_step), and what
counts as right (services.operations.sign_in). Flask-Security's own page would begin a session
after the password alone and names unknown people by its timing, so this view takes its place.
"""

from flask import redirect, render_template, request
from flask_babel import gettext as _
from flask_security import current_user
from werkzeug.wrappers import Response

from services.operations.sign_in import check_password
from webapp.auth import second_step, sessions
from webapp.auth.authorisation import principal
from webapp.auth.door import door, knocker, way_on
from webapp.auth.forms import SignInForm
from webapp.limits import SIGN_IN_LIMIT, limiter
from webapp.runtime import runtime


@limiter.limit(SIGN_IN_LIMIT, methods=["POST"])
def sign_in() -> str | Response:
    target = request.args.get("next", "")
    if current_user.is_authenticated:
        who = principal()
        return redirect(way_on(target, who.role if who else None))
    form = SignInForm()
    if form.validate_on_submit():
        state = runtime()
        person = check_password(
            door(),
            email=str(form.email.data),
            password=str(form.password.data),
            salt=state.settings.secret("password_salt"),
            actor=knocker(),
            now=state.now(),
        )
        # Also when it was wrong: the try counts.
        door().commit()
        if person is not None:
            if person.has_second_factor or person.must_enrol:
                return redirect(second_step.ask(person, target))
            sessions.begin(person.id)
            return redirect(way_on(target, person.role))
        form.form_errors.append(_("E-mail or password is wrong."))
    return render_template("security/login_user.html", form=form, target=target)
