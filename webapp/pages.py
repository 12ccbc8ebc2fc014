"""Pages that belong to nobody in particular: the front door and the language switch."""

from urllib.parse import urlsplit

from flask import Blueprint, abort, redirect, request, session, url_for
from flask_security import current_user
from werkzeug.wrappers import Response

from webapp.auth import remember_locale
from webapp.language import LOCALES

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def front_door() -> Response:
    return redirect(url_for("admin.index"))


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
