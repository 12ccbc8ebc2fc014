"""Error pages: what happened, what to do, and the number to quote.

Belongs here: answers to requests that failed. Not here: errors of forms, which stand at their
field, and of the API, which answers in JSON.
"""

import logging

from flask import Flask, g, render_template, request
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)

PAGES = {
    400: (
        _l("That request was not understood"),
        _l("The page may have been open for a long time. Go back, reload it and try again."),
    ),
    403: (
        _l("You may not open this page"),
        _l("Your role does not include it. Ask an administrator if you need it."),
    ),
    404: (
        _l("There is nothing here"),
        _l("The address may be mistyped, or what it named belongs to another mall."),
    ),
    405: (
        _l("That request was not understood"),
        _l("The page may have been open for a long time. Go back, reload it and try again."),
    ),
    413: (_l("That is too large"), _l("Send less at once.")),
    429: (_l("Too many requests"), _l("Wait a minute, then try again.")),
    500: (
        _l("Something went wrong on our side"),
        _l("Nothing was saved. Try again; if it happens again, quote the number below."),
    ),
}


def install(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _http_error)
    app.register_error_handler(Exception, _unexpected)


def page(status: int) -> tuple[str, int]:
    """The designed page of a status; statuses without one look like 400 or 500."""
    title, advice = PAGES.get(status) or PAGES[400 if status < 500 else 500]
    return (
        render_template(
            "error.html",
            status=status,
            title=title,
            advice=advice,
            request_id=g.get("request_id", ""),
        ),
        status,
    )


def _http_error(error: HTTPException):  # type: ignore[no-untyped-def]
    if error.code is None or error.code < 400:
        return error
    if _wants_json():
        return {"error": error.name, "request_id": g.get("request_id", "")}, error.code
    body, status = page(error.code)
    response = error.get_response()
    return body, status, {k: v for k, v in response.headers if k in ("Retry-After", "Allow")}


def _unexpected(error: Exception):  # type: ignore[no-untyped-def]
    log.exception("request %s %s failed", g.get("request_id", ""), request.path)
    if _wants_json():
        return {"error": "Internal Server Error", "request_id": g.get("request_id", "")}, 500
    return page(500)


def _wants_json() -> bool:
    return request.path.startswith("/api/") or request.path in ("/healthz", "/readyz")
