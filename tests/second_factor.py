"""Signing in with a second factor, as a person with an authenticator does."""

import re

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from storage.models import SecondFactor, User
from webapp.auth.totp import EXTENSION


def form_token(page: str) -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page
    return found.group(1)


def code_of_key(app: Flask, totp_key: str) -> str:
    """The code that an authenticator shows now, on the site's clock. `totp_key` is encrypted as
    the database keeps it, or the text of the enrolment page.
    """
    totp = app.extensions[EXTENSION]._totp
    if totp_key.startswith("{"):
        return str(totp.from_source(totp_key).generate().token)
    return str(totp(key=totp_key.replace("-", "").replace(" ", "")).generate().token)


def current_code(app: Flask, engine: sa.Engine, email: str, *, again: bool = True) -> str:
    """The code of a person who has enrolled. A test's clock stands still, so that the code was
    often used before: `again` makes the site forget that.
    """
    with engine.begin() as connection:
        user_id = connection.scalar(sa.select(User.id).where(User.email == email))
        if again:
            connection.execute(
                sa.update(SecondFactor)
                .where(SecondFactor.user_id == user_id)
                .values(last_counter=0)
            )
        key = connection.scalar(
            sa.select(SecondFactor.totp_key).where(SecondFactor.user_id == user_id)
        )
    assert key, f"{email} has no authenticator"
    return code_of_key(app, key)


def shown_key(page: str) -> str:
    """The key on an enrolment page."""
    found = re.search(r'<code class="key">([^<]+)</code>', page)
    assert found, page
    return found.group(1)


def finish_sign_in(app: Flask, engine: sa.Engine, client: FlaskClient, email: str, answer):  # type: ignore[no-untyped-def]
    """Go on after the password, whatever second step is asked for; the answer that lets in."""
    step = answer.headers.get("Location", "")
    if step == "/sign-in/authenticator":
        page = client.get(step).text
        code = code_of_key(app, shown_key(page))
    elif step == "/sign-in/code":
        page = client.get(step).text
        code = current_code(app, engine, email)
    else:
        return answer
    return client.post(step, data={"code": code, "csrf_token": form_token(page)})
