"""Sign-in: who a person is, and how a session ends.

Belongs here: Flask-Security's settings, sign-out, the age of a session. Not here: what a person
may do (webapp.admin.access) and the users' table (webapp.admin.datastore).
"""

from datetime import datetime, timedelta

from flask import Flask, redirect, request, session, url_for
from flask_babel import lazy_gettext as _l
from flask_login import user_logged_in, user_logged_out
from flask_security import Security, current_user, logout_user
from flask_security.forms import LoginForm
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField, SubmitField

from webapp import limits
from webapp.admin.datastore import create_datastore
from webapp.runtime import runtime

ABSOLUTE_SESSION = timedelta(hours=8)


class SignInForm(LoginForm):
    """Flask-Security's form with our words."""

    email = StringField(_l("E-mail"), render_kw={"autocomplete": "username", "type": "email"})
    password = PasswordField(_l("Password"), render_kw={"autocomplete": "current-password"})
    submit = SubmitField(_l("Sign in"))


def install(app: Flask) -> None:
    settings = app.extensions["atrium"].settings
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",
        SECURITY_PASSWORD_SALT=settings.secret("password_salt"),
        SECURITY_PASSWORD_LENGTH_MIN=12,
        SECURITY_LOGIN_URL="/sign-in",
        SECURITY_LOGOUT_URL="/sign-out",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_LOGOUT_CSRF=True,
        SECURITY_POST_LOGIN_VIEW="/admin/",
        SECURITY_POST_LOGOUT_VIEW="/sign-in",
        SECURITY_TRACKABLE=True,
        # Negative: no page that asks for the password again.
        SECURITY_FRESHNESS=timedelta(minutes=-1),
        SECURITY_REGISTERABLE=False,
        SECURITY_RECOVERABLE=False,
        SECURITY_CHANGEABLE=False,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False, "test_environment": True},
        SECURITY_FLASH_MESSAGES=False,
        SECURITY_MSG_GENERIC_AUTHN_FAILED=(_l("E-mail or password is wrong."), "error"),
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
    )
    limits.install(app)
    datastore = create_datastore(app)
    security = Security(app, datastore, login_form=SignInForm)
    security.unauthn_handler(_ask_to_sign_in)
    user_logged_in.connect(_begin_session, app)
    user_logged_out.connect(_end_sessions, app)
    app.before_request(_limit_session)


def _ask_to_sign_in(mechanisms: object = None, headers: object = None) -> Response:
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("security.login", next=target))


def _begin_session(sender: Flask, **_: object) -> None:
    session["signed_in_at"] = runtime().clock.now().isoformat()
    session.permanent = True


def _end_sessions(sender: Flask, user: object = None, **_: object) -> None:
    """Signing out changes what cookies refer to: a copied cookie dies with the session."""
    datastore = sender.extensions["security"].datastore
    if user is not None and getattr(user, "is_authenticated", False):
        datastore.set_uniquifier(user)
        datastore.commit()


def _limit_session() -> None:
    """End a session 8 hours after it began, however busy it was."""
    began = session.get("signed_in_at")
    if began and runtime().clock.now() - datetime.fromisoformat(began) > ABSOLUTE_SESSION:
        logout_user()
        session.clear()


def remember_locale(locale: str) -> None:
    """Keep the signed-in person's choice of language."""
    from flask import current_app

    current_user.locale = locale
    current_app.extensions["security"].datastore.commit()
