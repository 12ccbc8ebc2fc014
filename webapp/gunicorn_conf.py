"""How gunicorn serves the site and the device API (`gunicorn -c python:webapp.gunicorn_conf`).

Belongs here: processes, threads and time-outs, and what gunicorn itself says to the world. Not
here: the application (webapp.wsgi).
"""

import secrets
from pathlib import Path
from typing import Any

import gunicorn.http.wsgi
import gunicorn.util
from gunicorn.glogging import Logger

from storage.logs import configure_logs
from storage.settings import load_settings

_settings = load_settings()

bind = f"{_settings.host}:{_settings.web_port}"
workers = _settings.web_workers
worker_class = "webapp.gunicorn_worker.PatientThreads"
threads = _settings.web_threads
# The application is loaded once, before the workers part: loading takes seconds, many on a busy
# machine, and while the last worker is lost nobody is answered. So nothing of it may connect or
# start a thread before a request asks.
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 15
# Long enough for a browser's cookies, short enough to be read at once.
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
# Proxies are believed in one place, webapp.network: gunicorn would believe every neighbour on
# the loopback.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
# The parent that started us ends us; a page never waits on a slow disk for heartbeats.
_memory = Path("/dev/shm")  # nosec B108  # gunicorn makes an unlinked file of its own there
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
accesslog = None
errorlog = "-"
# At debug it would write every address that is asked for.
loglevel = "info" if _settings.log_level == "DEBUG" else _settings.log_level.lower()
control_socket_disable = True


class Log(Logger):
    """Gunicorn's own lines, in the form of all others, without the addresses that were asked
    for: they may hold tokens.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        configure_logs(_settings)
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.propagate = True

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        text = str(msg)
        if text.startswith("Invalid request from ip="):
            msg, args = "a request that is no HTTP was refused", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if str(msg).startswith("Error handling request"):
            msg, args = "error handling a request", ()
        super().exception(msg, *args, **kwargs)


logger_class = Log


class Response(gunicorn.http.wsgi.Response):
    """An answer that does not say what serves it."""

    def default_headers(self) -> list[str]:
        return [line for line in super().default_headers() if not line.startswith("Server:")]


def write_error(sock: Any, status: int, reason: str, message: str) -> None:
    """The answer to what is no HTTP request: a status and a number, nothing of what was sent."""
    number = secrets.token_hex(8)
    body = f"{reason}\nRequest number {number}\n"
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
        f"Cache-Control: no-store\r\nX-Request-ID: {number}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    gunicorn.util.write_nonblock(sock, (head + body).encode("latin-1"))


gunicorn.http.wsgi.Response = Response
gunicorn.util.write_error = write_error
