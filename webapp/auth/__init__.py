"""Sign-in: who a person is, and how a session ends.

Belongs here: how the parts of signing in are put together. Flask-Security keeps the account model
and the signed-in person; its second factor, links and freshness keep their state in cookies, show
recovery codes again, take a code twice and ask the machine's clock, so those are ours: pages in
sign_in, second_step, links and freshness over services.operations. Not here: what a person may do
(authorisation) and the users' table (webapp.admin.datastore).
"""

from datetime import timedelta

from flask import Flask
from flask_security import Security, current_user

from services.operations.account_links import choose_language
from webapp import limits
from webapp.admin.datastore import create_datastore
from webapp.auth.authorisation import ask_to_sign_in
from webapp.auth.door import door


def install(app: Flask) -> None:
    from webapp import account
    from webapp.auth import freshness, links, second_step, sessions, totp
    from webapp.auth.sign_in import sign_in

    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",
        SECURITY_PASSWORD_SALT=app.extensions["atrium"].settings.secret("password_salt"),
        SECURITY_LOGIN_URL="/sign-in",
        SECURITY_LOGOUT_URL="/sign-out",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_LOGOUT_CSRF=True,
        SECURITY_POST_LOGOUT_VIEW="/sign-in",
        # Negative: none of Flask-Security's own pages that ask for the password again.
        SECURITY_FRESHNESS=timedelta(minutes=-1),
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_FLASH_MESSAGES=False,
    )
    limits.install(app)
    security = Security(app, create_datastore(app))
    security.unauthn_handler(lambda mechanisms=None, headers=None: ask_to_sign_in())
    # People get pages; nothing of signing in answers in JSON.
    security.want_json(lambda request: False)
    app.view_functions["security.login"] = sign_in
    sessions.install(app)
    totp.install(app)
    for module in (second_step, links, freshness, account):
        app.register_blueprint(module.blueprint)


def remember_locale(locale: str) -> None:
    """Keep the signed-in person's choice of language."""
    choose_language(door(), user_id=current_user.id, locale=locale)
    door().commit()
