"""What every answer says to the browser, and the number and the log line of every request.

Belongs here: security headers, cookie flags, request ids, the access log. Not here: who may see
what, and which addresses and host names are believed (webapp.network).
"""

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.signals import request_started
from structlog.contextvars import bind_contextvars, clear_contextvars

access_log = logging.getLogger("atrium.web")

# No inline script or style anywhere: charts are drawn from data blocks by our own files.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
# What is no page of ours may do nothing, should a browser show it all the same.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
DOWNLOAD_POLICY = "sandbox; default-src 'none'"
STRICT_TRANSPORT = "max-age=31536000"
FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Asked every few seconds by machines, or many times a page.
QUIET = frozenset({"static", "admin.static", "security.static", "api.healthz", "api.readyz"})


class SchemeAwareSessions(SecureCookieSessionInterface):
    """Behind TLS the cookie is Secure and bound to this host by its name; plain loopback works.

    A browser takes a cookie named `__Host-…` only from https, for this host alone and for `/`:
    neither a neighbour's subdomain nor a page over plain http can plant one.
    """

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_name(self, app: Flask) -> str:
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Devices have none: their answers set no cookie and vary by none."""
        if request.blueprint != "api" or request.method != "POST":
            super().save_session(app, session, response)


def install(app: Flask) -> None:
    """Must be the first to be installed: it begins before all others and ends after them."""
    request_started.connect(_begin, app)
    app.after_request(_finish)
    app.teardown_request(_forget)


def request_id() -> str:
    """The number of this request: a trusted proxy's (webapp.network), else our own."""
    if "request_id" not in g:
        g.request_id = number_of(request.headers.get("X-Request-ID", ""))
    return str(g.request_id)


def number_of(given: str) -> str:
    """The number that a proxy gave a request when it is one, else a new one."""
    return given if re.fullmatch(r"[0-9A-Za-z-]{8,64}", given) else secrets.token_hex(8)


def data_headers(number: str, *, is_secure: bool) -> dict[str, str]:
    """What `_finish` says of an answer that is no page, for one that Flask has no part in."""
    headers = {
        **FIXED_HEADERS,
        "Content-Security-Policy": DATA_POLICY,
        "X-Request-ID": number,
        "Cache-Control": "no-store",
    }
    if is_secure:
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    return headers


@contextmanager
def numbered(number: str, *, method: str, path: str) -> Iterator[None]:
    """Log lines of the block carry the request's number, as Flask's requests do."""
    clear_contextvars()
    bind_contextvars(request_id=number, method=method, path=path)
    try:
        yield
    finally:
        clear_contextvars()


def write_line(status: int, began: float) -> None:
    """The line of a request that Flask has no part in; `began` by time.perf_counter."""
    if access_log.isEnabledFor(logging.INFO):
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        access_log.info("request", extra={"status": status, "milliseconds": milliseconds})


def route() -> str:
    """The rule that a request met, never the address itself: that may hold a token."""
    return str(request.url_rule) if request.url_rule is not None else "(no route)"


def _begin(sender: Flask, **_: Any) -> None:
    g.began = time.perf_counter()
    clear_contextvars()
    bind_contextvars(request_id=request_id(), method=request.method, path=route())


def _finish(response: Response) -> Response:
    headers = response.headers
    for name, value in FIXED_HEADERS.items():
        headers.setdefault(name, value)
    headers["Content-Security-Policy"] = _policy(response)
    headers["X-Request-ID"] = request_id()
    if request.is_secure:
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    # Static files say `public` and their age; everything else may show a person's data, and a
    # library's own idea of that is not asked for (one writes `no-store=True`, which means nothing).
    if not headers.get("Cache-Control", "").startswith("public"):
        headers["Cache-Control"] = "no-store"
    _write_line(response)
    return response


def _policy(response: Response) -> str:
    if response.headers.get("Content-Disposition", "").startswith("attachment"):
        return DOWNLOAD_POLICY
    return CONTENT_SECURITY_POLICY if response.mimetype == "text/html" else DATA_POLICY


def _write_line(response: Response) -> None:
    level = logging.DEBUG if request.endpoint in QUIET else logging.INFO
    if not access_log.isEnabledFor(level):
        return
    # Whoever was asked for is known by now; nobody is looked up for the log's sake.
    account = getattr(g.get("_login_user"), "id", None)
    seconds = time.perf_counter() - g.began
    access_log.log(
        level,
        "request",
        extra={
            "status": response.status_code,
            "milliseconds": round(seconds * 1000, 1),
            **({"account_id": account} if account is not None else {}),
        },
    )


def _forget(error: BaseException | None) -> None:
    clear_contextvars()
