"""The cookie and the session behind it: a cookie opens nothing but a session that lives.

Belongs here: beginning and ending a session in this browser, and who the browser is signed in as.
Not here: the rows (services.operations.sessions).
"""

from typing import Any

from flask import Flask, current_app, g, session
from flask_login import user_logged_out
from flask_security import login_user

from domain.sign_in import SessionEnd
from services.operations import sessions as operations
from services.operations.sessions import LiveSession
from services.operations.sign_in import complete_sign_in
from webapp.auth.door import door, knocker
from webapp.runtime import runtime

TOKEN = "session_token"
# Of what a stranger's cookie held, this is kept when they turn out to be somebody.
KEPT = ("locale",)


def install(app: Flask) -> None:
    app.login_manager.user_loader(_load)  # type: ignore[attr-defined]
    # Flask-Security also reads tokens from headers and addresses; a session is the only way in.
    app.login_manager.request_loader(lambda request: None)  # type: ignore[attr-defined]
    user_logged_out.connect(_end, app)


def begin(user_id: int) -> None:
    """Sign this browser in: everything that was asked for was right. Commits."""
    token = complete_sign_in(door(), user_id=user_id, actor=knocker(), now=runtime().now())
    door().commit()
    kept = {name: session[name] for name in KEPT if name in session}
    session.clear()
    # A form of before must not pass after, and the next page needs a new one.
    for name in ("csrf_token", "live_session"):
        g.pop(name, None)
    session.update(kept)
    session[TOKEN] = token
    session.permanent = True
    login_user(_account(user_id), remember=False)


def current_session() -> LiveSession | None:
    """The session of the person of this request."""
    token = session.get(TOKEN)
    if "live_session" not in g:
        now = runtime().now()
        g.live_session = (
            operations.find_live_session(door(), token=str(token), now=now) if token else None
        )
        door().commit()
    found: LiveSession | None = g.live_session
    return found


def _load(_uniquifier: str) -> Any:
    """Flask-Login asks who a cookie belongs to: the person of the session it opens, or nobody."""
    live = current_session()
    if live is None:
        session.pop(TOKEN, None)
        return None
    if operations.touch_session(door(), live=live, now=runtime().now()):
        door().commit()
    return _account(live.user_id)


def _account(user_id: int) -> Any:
    """The account as it is now. It belongs to no database session, so that neither a rollback nor
    a wrong turn of a page changes who is signed in.
    """
    account = current_app.extensions["security"].datastore.find_user(id=user_id)
    door().expunge(account)
    return account


def _end(sender: Flask, **_: object) -> None:
    """Signing out ends the session itself, so that a copied cookie dies with it."""
    live = current_session()
    session.pop(TOKEN, None)
    g.pop("live_session", None)
    if live is not None:
        operations.end_session(
            door(),
            session_id=live.id,
            user_id=live.user_id,
            now=runtime().now(),
            reason=SessionEnd.SIGNED_OUT,
        )
        door().commit()
