"""Whether the process lives, and whether it can do its work.

/healthz: the process answers. /readyz: the database is reachable and migrated, its walls stand
(storage.walls) and the object store takes objects; 503 with the reasons when not. No secret and
no address is shown.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from flask import Response

from storage.database import pending_migrations
from storage.objects import ObjectStore
from storage.walls import check_walls
from webapp.runtime import Runtime, runtime

log = logging.getLogger(__name__)
KEPT_SECONDS = 2.0

_lock = threading.Lock()
_last: tuple[Runtime, float, dict[str, str]] | None = None


def healthz() -> Response:
    return _answer({"status": "ok"}, 200)


def readyz() -> Response:
    reasons = _reasons(runtime())
    ready = not any(reasons.values())
    checks = {name: reason or "ok" for name, reason in reasons.items()}
    return _answer(
        {"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503
    )


def _reasons(at: Runtime) -> dict[str, str]:
    """Why each part is not ready; empty where it is. Asked often, looked at every two seconds."""
    global _last
    with _lock:
        if _last is not None and _last[0] is at and time.monotonic() - _last[1] < KEPT_SECONDS:
            return _last[2]
        reasons = {
            "database": _tried("database", lambda: _database(at.engine)),
            "objects": _tried("object store", lambda: _objects(at.store)),
        }
        _last = (at, time.monotonic(), reasons)
        return reasons


def _tried(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready"
        log.warning("the %s is not ready: %s", name, error)
        return f"the {name} does not answer ({type(error).__name__}); the log says more"


def _database(engine: sa.Engine) -> str:
    if pending_migrations(engine):
        return "the schema differs from this version; run: atrium database migrate"
    wrong = check_walls(engine)
    for sentence in wrong:
        log.error("a wall of the database is open: %s", sentence)
    return "a wall between malls or shops is open; the log says which" if wrong else ""


def _objects(store: ObjectStore) -> str:
    key = f"uploads/.ready-{secrets.token_hex(6)}"
    store.put(key, b"ready")
    store.delete(key)
    return ""


def _answer(document: dict[str, Any], status: int) -> Response:
    return Response(
        msgspec.json.encode(document),
        status=status,
        mimetype="application/json",
        headers={"Cache-Control": "no-store"},
    )
