"""The plain call, answered before Flask: a known key brings a few readings, and all is well.

Most devices send one reading a call, many times a minute. Such a call costs one statement of
Postgres and little else here. Whatever is not plain - another header, a refusal, a key that is
not known or open, a closed month, a database that does not answer - goes to Flask as though
nobody had looked at it: only an answer 200 is ever given here, and it is the one that Flask
would give, to the byte.

The walls are the same: Postgres itself looks in that very statement whether the key is still
open and has this secret, and the context is signed for the key's mall. What is remembered of a key
is what never changes: its number, mall and device.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import msgspec
import psycopg
from flask import Flask

from domain.scopes import Scope as Reach
from services.adapters.readings_json import ParsedBatch, Scope, UnreadableBody, parse
from services.operations.batches import BatchResult
from services.operations.device_keys import KeyGrant, find_device_key
from services.operations.small_batches import MOST_READINGS, take_small_batch
from storage.context import context_key, sign_context
from storage.roles import Group
from webapp.api.authentication import BEARER
from webapp.api.bodies import JSON, Announced
from webapp.api.calls import Call, note_heard, note_used, quota_of
from webapp.api.connections import known_devices, with_connection
from webapp.api.readings import answer_of
from webapp.headers import data_headers, number_of, numbered, write_line
from webapp.runtime import EXTENSION, Runtime

log = logging.getLogger(__name__)

PATH = "/api/v1/readings"
LONGEST_BODY = 16 * 1024
MOST_KEYS = 10_000
# A call with one of these is Flask's.
NOT_PLAIN = (
    "HTTP_COOKIE",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_CONTENT_ENCODING",
    "HTTP_CONTENT_DIGEST",
    "HTTP_IDEMPOTENCY_KEY",
)

_Environ = dict[str, Any]
_Application = Callable[[_Environ, Any], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class _Known:
    digest: str
    grant: KeyGrant
    secret_sha256: bytes


class QuickReadings:
    """WSGI: plain calls of devices in one statement, everything else to the application."""

    def __init__(self, app: Flask) -> None:
        self.application: _Application = app.wsgi_app
        self.at: Runtime = app.extensions[EXTENSION]
        self.quota = quota_of(app, self.at.settings)
        self._keys: dict[str, _Known] = {}
        self._signing_key: bytes | None = None

    def __call__(self, environ: _Environ, start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == PATH and environ.get("REQUEST_METHOD") == "POST":
            began = time.perf_counter()
            length = _plain_length(environ)
            bearer = BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", "")) if length else None
            if bearer is not None:
                body = _read(environ, length)
                number = number_of(environ.get("HTTP_X_REQUEST_ID", ""))
                with numbered(number, method="POST", path=PATH):
                    answer = self._take(bearer[1], body) if body is not None else None
                    if answer is not None:
                        is_secure = environ.get("wsgi.url_scheme") == "https"
                        headers = [
                            ("Content-Type", JSON),
                            ("Content-Length", str(len(answer))),
                            *data_headers(number, is_secure=is_secure).items(),
                        ]
                        write_line(200, began)
                        start_response("200 OK", headers)
                        return [answer]
        return self.application(environ, start_response)

    def _take(self, presented: str, body: bytes) -> bytes | None:
        """The answer after the commit; None: nothing was written, Flask shall look at it."""
        now = self.at.now()
        counted: int | None = None
        try:
            known = self._key(presented, now)
            if known is None:
                return None
            call = Call(
                self.at, known.grant, Announced(len(body), JSON, False, "identity"), body, now, None
            )
            batch = self._parse(call)
            if batch is None or self.quota.take(known.grant.key_id, len(body), now):
                return None
            counted = known.grant.key_id
            result = self._land(call, known, batch)
        except psycopg.Error as error:
            log.debug("a plain call goes the long way: %s", error)
            self._signing_key = None
            if counted is not None:
                self.quota.give_back(counted, len(body))
            return None
        if result is None:
            self.quota.give_back(known.grant.key_id, len(body))
            self._keys.pop(known.digest, None)
            return None
        try:
            note_used(self.at, known.grant, now)
        except psycopg.Error as error:
            log.warning("key %s was used, not noted: %s", known.grant.public_id, error)
        note_heard(call, frozenset(batch.device_id))
        return msgspec.json.encode(answer_of(batch, result))

    def _key(self, presented: str, now: datetime) -> _Known | None:
        """Which key this is, whether or not it is still open; None: none that is plain."""
        digest = hashlib.sha256(presented.encode()).hexdigest()
        known = self._keys.get(digest)
        if known is not None:
            return known
        grant = with_connection(
            self.at.database_url,
            lambda connection: find_device_key(connection, presented=presented, now=now),
        )
        if grant is None or grant.requires_signature:
            return None
        if len(self._keys) >= MOST_KEYS:
            self._keys.clear()
        secret = presented.partition("_")[2].encode()
        known = self._keys[digest] = _Known(digest, grant, hashlib.sha256(secret).digest())
        return known

    def _parse(self, call: Call) -> ParsedBatch | None:
        devices = known_devices(self.at.database_url, call.grant.mall_id)
        if devices is None:
            return None
        try:
            batch = parse(
                call.body,
                is_lines=False,
                scope=Scope(devices, call.grant.device_id),
                arrival=call.arrival,
                max_readings=min(MOST_READINGS, self.at.settings.api_max_readings),
            )
        except UnreadableBody:
            return None
        return None if batch.refusals else batch

    def _land(self, call: Call, known: _Known, batch: ParsedBatch) -> BatchResult | None:
        settings, mall_id = self.at.settings, call.grant.mall_id
        devices = known_devices(self.at.database_url, mall_id)
        if devices is None:
            return None
        if self._signing_key is None:
            self._signing_key = context_key(settings)
        key = self._signing_key

        def land(connection: psycopg.Connection) -> BatchResult | None:
            return take_small_batch(
                connection,
                batch,
                body=call.body,
                content_type=JSON,
                mall=devices.mall,
                grant=call.grant,
                secret_sha256=known.secret_sha256,
                context=sign_context(
                    key=key,
                    backend_pid=connection.info.backend_pid,
                    role=Group.INGEST,
                    scope=Reach(mall_ids=frozenset({mall_id})),
                    actor=call.actor,
                    now=datetime.now(UTC),
                ),
                received_at=call.now,
            )

        return with_connection(self.at.database_url, land)


def _plain_length(environ: _Environ) -> int:
    """Bytes of a body that is plain; 0: it is not."""
    if environ.get("CONTENT_TYPE") != JSON or any(name in environ for name in NOT_PLAIN):
        return 0
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isascii() or not length.isdigit() or len(length) > 6:
        return 0
    return int(length) if int(length) <= LONGEST_BODY else 0


def _read(environ: _Environ, length: int) -> bytes | None:
    """The whole body, which Flask may read again; None when it did not come."""
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except Exception as error:  # noqa: BLE001
        environ["wsgi.input"] = _Broken(error)
        return None
    environ["wsgi.input"] = BytesIO(body)
    return body if len(body) == length else None


class _Broken:
    """A body that broke off tells so again."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, size: int = -1) -> bytes:
        raise self.error

    readinto = readline = readlines = read
