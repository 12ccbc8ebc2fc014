"""POST /api/v1/readings: a device hands in what it measured.

The answer comes after the commit: what is counted as accepted, duplicate or revised is on disk.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
from flask import Response, current_app, request

from domain.scopes import Actor, ActorKind
from domain.signatures import SignatureHeader
from services.adapters.arrival import Arrival
from services.adapters.readings_json import ParsedBatch, Scope, UnreadableBody, parse
from services.adapters.refusals import Reason, Refusal
from services.operations.batches import BatchResult, land_batch
from services.operations.device_keys import KeyGrant, note_key_used, note_signed_call
from services.operations.device_traffic import note_traffic
from storage.settings import Settings
from webapp.api import problems
from webapp.api.authentication import check_signature, find_key, read_credentials
from webapp.api.bodies import Announced, read_body, read_headers, unpack
from webapp.api.connections import RELOAD_SECONDS, devices_of, in_mall, with_connection
from webapp.api.problems import ApiProblem
from webapp.api.quota import Quota
from webapp.runtime import Runtime, runtime

log = logging.getLogger(__name__)

HEARD_EVERY = timedelta(minutes=1)

# When this process last wrote that a device or a key was heard, by database and id.
_heard: dict[tuple[str, int], datetime] = {}
_used: dict[tuple[str, int], datetime] = {}


def post_readings() -> Response:
    """Judge the call, read it, write it, answer. Raises ApiProblem."""
    at = runtime()
    if request.cookies:
        raise ApiProblem(
            problems.COOKIES, "the call carries cookies; a device signs in by its key alone"
        )
    credentials = read_credentials(request)
    announced = read_headers(request, limit=at.settings.api_max_bytes)
    now = at.now()
    try:
        grant = with_connection(
            at.database_url, lambda connection: find_key(connection, credentials, now=now)
        )
        signature: _Signature | None = None
        if isinstance(credentials, SignatureHeader):
            # Only what is proven to be the key's counts for it; what it has no room for waits.
            _within_quota(at, grant, announced, now, is_proven=False)
            body = read_body(request, announced)
            digest = check_signature(credentials, grant, request, body, at.settings)
            signature = _Signature(credentials, digest)
            _within_quota(at, grant, announced, now)
        else:
            _within_quota(at, grant, announced, now)
            body = read_body(request, announced)
        _note_used(at, grant, now)
        return _take(_Call(at, grant, announced, body, now, signature))
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


@dataclass(frozen=True, slots=True)
class _Signature:
    header: SignatureHeader
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class _Call:
    at: Runtime
    grant: KeyGrant
    announced: Announced
    body: bytes
    now: datetime
    signature: _Signature | None


def _within_quota(
    at: Runtime, grant: KeyGrant, announced: Announced, now: datetime, *, is_proven: bool = True
) -> None:
    """Count the call. Raises ApiProblem (429) before anything of it is kept."""
    quota: Quota = current_app.extensions.setdefault(
        "atrium_device_quota",
        Quota(
            calls_per_minute=at.settings.api_key_calls_per_minute,
            bytes_per_minute=at.settings.api_key_bytes_per_minute,
        ),
    )
    count = quota.take if is_proven else quota.wait
    seconds = count(grant.key_id, announced.length, now)
    if seconds:
        raise ApiProblem(
            problems.QUOTA,
            f"this key may send {quota.calls_per_minute:,} calls and {quota.bytes_per_minute:,} "
            f"bytes a minute; nothing of this call was kept, send it again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


def _take(call: _Call) -> Response:
    settings = call.at.settings
    text = unpack(call.body, call.announced, limit=settings.api_max_bytes)

    def land(connection: psycopg.Connection) -> tuple[ParsedBatch, BatchResult]:
        devices = devices_of(connection, call.at.database_url, call.grant.mall_id)
        batch = _parse(text, call, Scope(devices, call.grant.device_id), settings)
        if any(refusal.reason_code is Reason.UNKNOWN_DEVICE for refusal in batch.refusals):
            fresh = devices_of(
                connection, call.at.database_url, call.grant.mall_id, max_age=RELOAD_SECONDS
            )
            if fresh is not devices:
                devices = fresh
                batch = _parse(text, call, Scope(devices, call.grant.device_id), settings)
        return batch, land_batch(
            connection,
            batch,
            body=call.body,
            content_type=call.announced.content_type,
            mall=devices.mall,
            key_id=call.grant.key_id,
            received_at=call.now,
        )

    def land_in_mall(connection: psycopg.Connection) -> tuple[ParsedBatch, BatchResult]:
        actor = _actor(call.grant)
        with in_mall(connection, settings, mall_id=call.grant.mall_id, actor=actor):
            if call.signature is not None:
                # With its readings or not at all: what was not kept may come again as it was.
                _refuse_repetition(connection, call)
            return land(connection)

    try:
        batch, result = with_connection(call.at.database_url, land_in_mall)
    except UnreadableBody as error:
        kind = problems.TOO_LARGE if error.problem.code is Reason.TOO_LARGE else problems.UNREADABLE
        raise ApiProblem(kind, error.problem.reason, code=error.problem.code.value) from None
    _note_heard(call.at, call.grant, set(batch.device_id), call.now)
    answer: dict[str, Any] = {
        "accepted": result.accepted,
        "duplicate": result.duplicate,
        "revised": result.revised,
        "refused": result.refused,
        "uncertain": result.uncertain,
        "results": list(_results(batch, result)),
    }
    if result.refused == result.total:
        first = batch.refusals[0]
        raise ApiProblem(
            problems.ALL_REFUSED,
            f"reading {first.row_number}: {first.reason}",
            **answer,
        )
    return Response(msgspec.json.encode(answer), mimetype="application/json")


def _parse(text: bytes, call: _Call, scope: Scope, settings: Settings) -> ParsedBatch:
    return parse(
        text,
        is_lines=call.announced.is_lines,
        scope=scope,
        arrival=Arrival(
            received_at=call.now,
            ahead=timedelta(minutes=settings.clock_skew_ahead_minutes),
            behind=timedelta(days=settings.clock_skew_behind_days),
        ),
        max_readings=settings.api_max_readings,
    )


def _refuse_repetition(connection: psycopg.Connection, call: _Call) -> None:
    """Take a signed call once. Raises ApiProblem (409)."""
    assert call.signature is not None
    header = call.signature.header
    earlier = note_signed_call(
        connection,
        key_id=call.grant.key_id,
        header=header,
        body_sha256=call.signature.body_sha256,
        now=call.now,
    )
    if earlier is None:
        return
    if earlier == call.signature.body_sha256:
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


def _results(batch: ParsedBatch, result: BatchResult) -> Iterator[dict[str, Any]]:
    """Runs of readings that ended alike: `index` is the first, `count` how many follow it."""
    run: dict[str, Any] | None = None
    for entry in _entries(batch, result):
        if run is not None and "reason" not in entry and _same(run, entry):
            run["count"] += 1
            continue
        if run is not None:
            yield run
        run = entry
    if run is not None:
        yield run


def _same(run: dict[str, Any], entry: dict[str, Any]) -> bool:
    return run["status"] == entry["status"] and run.get("quality") == entry.get("quality")


def _entries(batch: ParsedBatch, result: BatchResult) -> Iterable[dict[str, Any]]:
    if not batch.refusals and not result.outcomes and not batch.uncertain:
        # Nearly every batch: one run, and nothing made per reading.
        return [{"index": 0, "count": result.total, "status": "accepted"}]
    refused = {refusal.row_number: refusal for refusal in batch.refusals}
    quality = dict(zip(batch.index, batch.quality, strict=True)) if batch.uncertain else {}
    return (
        _entry(place, refused.get(place), result.outcomes.get(place, "accepted"), quality)
        for place in range(result.total)
    )


def _entry(
    place: int, refusal: Refusal | None, outcome: str, quality: dict[int, str]
) -> dict[str, Any]:
    if refusal is not None:
        return {
            "index": place,
            "count": 1,
            "status": "refused",
            "code": refusal.reason_code.value,
            "reason": refusal.reason,
        }
    entry: dict[str, Any] = {"index": place, "count": 1, "status": outcome}
    if quality.get(place) == "UNCERTAIN":
        entry["quality"] = "UNCERTAIN"
    return entry


def _note_heard(at: Runtime, grant: KeyGrant, device_ids: set[int], now: datetime) -> None:
    """Say that devices were heard, each at most once a minute; after the commit, apart from it."""
    due = {device for device in device_ids if _is_due(_heard, at, device, now)}
    if not due:
        return

    def note(connection: psycopg.Connection) -> None:
        with in_mall(connection, at.settings, mall_id=grant.mall_id, actor=_actor(grant)):
            note_traffic(connection, device_ids=due, now=now)

    try:
        with_connection(at.database_url, note)
    except psycopg.Error as error:
        # The readings are committed: their answer must not fail for this.
        log.warning("devices %s were heard, which could not be noted: %s", sorted(due), error)
        return
    _heard.update({(at.database_url, device): now for device in due})


def _note_used(at: Runtime, grant: KeyGrant, now: datetime) -> None:
    """Say that a key was used, at most once a minute, whatever becomes of its readings."""
    if not _is_due(_used, at, grant.key_id, now):
        return

    def note(connection: psycopg.Connection) -> None:
        with in_mall(connection, at.settings, mall_id=grant.mall_id, actor=_actor(grant)):
            note_key_used(connection, key_id=grant.key_id, now=now)

    with_connection(at.database_url, note)
    _used[at.database_url, grant.key_id] = now


def _actor(grant: KeyGrant) -> Actor:
    return Actor(ActorKind.DEVICE, grant.public_id, grant.device_id)


def _is_due(
    noted: dict[tuple[str, int], datetime], at: Runtime, number: int, now: datetime
) -> bool:
    before = noted.get((at.database_url, number))
    return before is None or abs(now - before) >= HEARD_EVERY


def _is_passing(error: psycopg.Error) -> bool:
    """Whether the same call may succeed later: no connection, no room, too busy, a restart."""
    return isinstance(error, psycopg.OperationalError)
