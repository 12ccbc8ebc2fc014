"""Pages that belong to nobody in particular: the front door, the language switch, and what robots
and finders of weaknesses ask for.
"""

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, abort, redirect, request, session, url_for
from flask_security import current_user
from werkzeug.wrappers import Response

from webapp.auth import remember_locale
from webapp.auth.authorisation import principal
from webapp.auth.door import home_of
from webapp.language import LOCALES
from webapp.runtime import runtime

CONTACT_HOLDS = timedelta(days=180)

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def front_door() -> Response:
    """To the home of whoever comes: a shop's people have a door of their own."""
    if not current_user.is_authenticated:
        return redirect(url_for("security.login"))
    who = principal()
    return redirect(home_of(who.role if who else None))


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Nothing here is for a search engine."""
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")


@blueprint.get("/.well-known/security.txt")
def security_contact() -> Response:
    """Whom to tell about a weakness (RFC 9116); 404 until the installation names somebody."""
    settings = runtime().settings
    if not settings.security_contact:
        abort(404)
    expires = (runtime().now() + CONTACT_HOLDS).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [
        f"Contact: {settings.security_contact}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: zh, en",
    ]
    address = settings.public_url
    if address.startswith("https://"):
        lines.append(f"Canonical: {address}/.well-known/security.txt")
    return Response("\n".join(lines) + "\n", mimetype="text/plain")


@blueprint.post("/language")
def choose_language() -> Response:
    """Remember the language in the session and, signed in, with the person."""
    locale = request.form.get("locale", "")
    if locale not in LOCALES:
        abort(400)
    session["locale"] = locale
    if current_user.is_authenticated:
        remember_locale(locale)
    return redirect(same_site_path(request.form.get("next", "")))


def same_site_path(target: str) -> str:
    """`target` when it is a path of this site, else the front door."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or "\\" in target:
        return url_for("pages.front_door")
    if target.startswith("//"):
        return url_for("pages.front_door")
    return target
