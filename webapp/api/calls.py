"""A device's call, whatever language it speaks: who calls, how much it may send, what it said, and
the one transaction in which that is landed.

Belongs here: what every endpoint for devices does alike. Not here: what a body says (readings,
device_pushes).
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import psycopg
from flask import Flask, Request, Response, current_app, request

from domain.scopes import Actor, ActorKind
from domain.signatures import SignatureHeader
from services.adapters.arrival import Arrival
from services.operations.device_keys import KeyGrant, note_key_used, note_signed_call
from services.operations.device_traffic import note_traffic
from storage.settings import Settings
from webapp.api import problems
from webapp.api.authentication import Credentials, check_signature, find_key, read_credentials
from webapp.api.bodies import Announced, read_body
from webapp.api.connections import in_mall, with_connection
from webapp.api.problems import ApiProblem
from webapp.api.quota import Quota
from webapp.runtime import Runtime, runtime

log = logging.getLogger(__name__)

Result = TypeVar("Result")
HEARD_EVERY = timedelta(minutes=1)

# When this process last wrote that a device or a key was heard, by database and id.
_heard: dict[tuple[str, int], datetime] = {}
_used: dict[tuple[str, int], datetime] = {}


@dataclass(frozen=True, slots=True)
class Signature:
    header: SignatureHeader
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A call that its key may make, and its body as it came."""

    at: Runtime
    grant: KeyGrant
    announced: Announced
    body: bytes
    now: datetime
    signature: Signature | None

    @property
    def actor(self) -> Actor:
        return actor_of(self.grant)

    @property
    def arrival(self) -> Arrival:
        settings = self.at.settings
        return Arrival(
            received_at=self.now,
            ahead=timedelta(minutes=settings.clock_skew_ahead_minutes),
            behind=timedelta(days=settings.clock_skew_behind_days),
        )


def take_call(
    take: Callable[[Call], Response],
    *,
    announce: Callable[[Request, int], Announced],
    sign_in: Callable[[Request], Credentials] = read_credentials,
) -> Response:
    """Judge the current request and let `take` answer it; `announce` judges its headers, given
    the most bytes a body may have, and `sign_in` says who calls. Raises ApiProblem.
    """
    at = runtime()
    if request.cookies:
        raise ApiProblem(
            problems.COOKIES, "the call carries cookies; a device signs in by its key alone"
        )
    credentials = sign_in(request)
    announced = announce(request, at.settings.api_max_bytes)
    now = at.now()
    try:
        grant = with_connection(
            at.database_url, lambda connection: find_key(connection, credentials, now=now)
        )
        signature: Signature | None = None
        if isinstance(credentials, SignatureHeader):
            # Only what is proven to be the key's counts for it; what it has no room for waits.
            within_quota(at, grant, announced, now, is_proven=False)
            body = read_body(request, announced)
            digest = check_signature(credentials, grant, request, body, at.settings)
            signature = Signature(credentials, digest)
            within_quota(at, grant, announced, now)
        else:
            within_quota(at, grant, announced, now)
            body = read_body(request, announced)
        note_used(at, grant, now)
        return take(Call(at, grant, announced, body, now, signature))
    except psycopg.Error as error:
        if not _is_passing(error):
            raise
        log.warning("readings cannot be stored: %s", error)
        raise ApiProblem(
            problems.UNAVAILABLE,
            "the database does not take readings at the moment; nothing of this call was kept, "
            "send it again",
            headers={"Retry-After": "5"},
        ) from None


def land_call(call: Call, land: Callable[[psycopg.Connection], Result]) -> Result:
    """Run `land`, which may be repeated, in the one transaction of a call. A signed call is taken
    once: with what it brings, or not at all. Raises ApiProblem (409), psycopg.Error.
    """

    def land_in_mall(connection: psycopg.Connection) -> Result:
        with in_mall(connection, call.at.settings, mall_id=call.grant.mall_id, actor=call.actor):
            if call.signature is not None:
                _refuse_repetition(connection, call, call.signature)
            return land(connection)

    return with_connection(call.at.database_url, land_in_mall)


def within_quota(
    at: Runtime, grant: KeyGrant, announced: Announced, now: datetime, *, is_proven: bool = True
) -> None:
    """Count the call. Raises ApiProblem (429) before anything of it is kept."""
    quota = quota_of(current_app, at.settings)
    count = quota.take if is_proven else quota.wait
    seconds = count(grant.key_id, announced.length, now)
    if seconds:
        raise ApiProblem(
            problems.QUOTA,
            f"this key may send {quota.calls_per_minute:,} calls and {quota.bytes_per_minute:,} "
            f"bytes a minute; nothing of this call was kept, send it again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


def quota_of(app: Flask, settings: Settings) -> Quota:
    """What keys have left in this process: one count for all endpoints."""
    quota: Quota = app.extensions.setdefault(
        "atrium_device_quota",
        Quota(
            calls_per_minute=settings.api_key_calls_per_minute,
            bytes_per_minute=settings.api_key_bytes_per_minute,
        ),
    )
    return quota


def _refuse_repetition(connection: psycopg.Connection, call: Call, signature: Signature) -> None:
    """Take a signed call once. Raises ApiProblem (409)."""
    header = signature.header
    earlier = note_signed_call(
        connection,
        key_id=call.grant.key_id,
        header=header,
        body_sha256=signature.body_sha256,
        now=call.now,
    )
    if earlier is None:
        return
    if earlier == signature.body_sha256:
        raise ApiProblem(
            problems.REPEATED_CALL,
            f"this call, signed at {header.timestamp} as number {header.sequence}, was taken "
            "before: its readings are on disk; nothing is left to do",
        )
    raise ApiProblem(
        problems.SEQUENCE_USED,
        f"another body was signed at {header.timestamp} as number {header.sequence}; nothing of "
        "this call was kept: sign it again with another sequence",
    )


def note_heard(call: Call, device_ids: Collection[int]) -> None:
    """Say that devices were heard, each at most once a minute; after the commit, apart from it."""
    at, now = call.at, call.now
    due = {device for device in device_ids if _is_due(_heard, at, device, now)}
    if not due:
        return

    def note(connection: psycopg.Connection) -> None:
        with in_mall(connection, at.settings, mall_id=call.grant.mall_id, actor=call.actor):
            note_traffic(connection, device_ids=due, now=now)

    try:
        with_connection(at.database_url, note)
    except psycopg.Error as error:
        # The readings are committed: their answer must not fail for this.
        log.warning("devices %s were heard, which could not be noted: %s", sorted(due), error)
        return
    _heard.update({(at.database_url, device): now for device in due})


def note_used(at: Runtime, grant: KeyGrant, now: datetime) -> None:
    """Say that a key was used, at most once a minute, whatever becomes of its readings."""
    if not _is_due(_used, at, grant.key_id, now):
        return

    def note(connection: psycopg.Connection) -> None:
        with in_mall(connection, at.settings, mall_id=grant.mall_id, actor=actor_of(grant)):
            note_key_used(connection, key_id=grant.key_id, now=now)

    with_connection(at.database_url, note)
    _used[at.database_url, grant.key_id] = now


def actor_of(grant: KeyGrant) -> Actor:
    return Actor(ActorKind.DEVICE, grant.public_id, grant.device_id)


def _is_due(
    noted: dict[tuple[str, int], datetime], at: Runtime, number: int, now: datetime
) -> bool:
    before = noted.get((at.database_url, number))
    return before is None or abs(now - before) >= HEARD_EVERY


def _is_passing(error: psycopg.Error) -> bool:
    """Whether the same call may succeed later: no connection, no room, too busy, a restart."""
    return isinstance(error, psycopg.OperationalError)
