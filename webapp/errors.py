"""Error pages: what happened, what to do, and the number to quote.

Belongs here: answers to requests that failed. Not here: errors of forms, which stand at their
field, and of the API, which answers in JSON.
"""

import logging

from flask import Flask, Response, json, render_template, request
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import BadRequest, HTTPException

from webapp.database import roll_back
from webapp.headers import request_id, route

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
    app.before_request(_refuse_nul)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _http_error)
    app.register_error_handler(DataError, _no_such_value)
    app.register_error_handler(Exception, _unexpected)


def page(status: int) -> tuple[str, int]:
    """The designed page of a status; statuses without one look like 400 or 500."""
    title, advice = PAGES.get(status) or PAGES[400 if status < 500 else 500]
    return (
        render_template(
            "error.html", status=status, title=title, advice=advice, request_id=request_id()
        ),
        status,
    )


def _answer(status: int, title: str, headers: dict[str, str] | None = None) -> Response:
    """The answer to a request that failed, in the form its sender reads."""
    if _wants_json():
        return _problem(status, title, headers or {})
    # What failed may have left a transaction that answers nothing any more.
    roll_back()
    try:
        text, status = page(status)
        return Response(text, status, headers)
    except Exception:  # the page itself needs what is broken
        log.error("the page of an error failed in %s", route(), exc_info=True)
        words = PAGES.get(status) or PAGES[400 if status < 500 else 500]
        plain = "\n".join((*map(str, words), request_id(), ""))
        return Response(plain, status, headers, mimetype="text/plain")


def _refuse_nul() -> None:
    """No text of ours holds NUL or half a character: Postgres takes neither. A device's body is
    its adapter's to judge.
    """
    typed = () if _wants_json() else request.form.items(multi=True)
    for pairs in (request.args.items(multi=True), typed, (request.view_args or {}).items()):
        for name, value in pairs:
            if not _is_text(name) or not _is_text(str(value)):
                raise BadRequest


def _is_text(value: str) -> bool:
    return "\x00" not in value and not any("\ud800" <= c <= "\udfff" for c in value)


def _http_error(error: HTTPException):  # type: ignore[no-untyped-def]
    if error.code is None or error.code < 400:
        return error
    kept = {k: v for k, v in error.get_headers() if k in ("Retry-After", "Allow")}
    return _answer(error.code, error.name, kept)


def _no_such_value(error: DataError) -> Response:
    """A number or a date that no column can hold: nothing is known under it."""
    log.warning("a value was refused by the database in %s", route(), exc_info=error)
    return _answer(400, "Bad Request")


def _unexpected(error: Exception) -> Response:
    log.error("%s failed", route(), exc_info=error)
    return _answer(500, "Internal Server Error")


def _problem(status: int, title: str, headers: dict[str, str]) -> Response:
    """RFC 9457."""
    document = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "request_id": request_id(),
    }
    return Response(json.dumps(document), status, headers, mimetype="application/problem+json")


def _wants_json() -> bool:
    return request.path.startswith("/api/") or request.path in ("/healthz", "/readyz")
