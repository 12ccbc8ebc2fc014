"""POST /api/v1/readings: a device hands in what it measured.

The answer comes after the commit: what is counted as accepted, duplicate or revised is on disk.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
from flask import Response, request

from services.adapters.arrival import Arrival
from services.adapters.readings_json import ParsedBatch, Scope, UnreadableBody, parse
from services.adapters.refusals import Reason, Refusal
from services.operations.batches import BatchResult, land_batch
from services.operations.device_keys import KeyGrant, find_device_key
from services.operations.device_traffic import note_traffic
from storage.settings import Settings
from webapp.api import problems
from webapp.api.bodies import Announced, read_body, read_headers, unpack
from webapp.api.connections import RELOAD_SECONDS, devices_of, with_connection
from webapp.api.problems import ApiProblem
from webapp.runtime import Runtime, runtime

log = logging.getLogger(__name__)

BEARER = re.compile(r"Bearer +([A-Za-z0-9_-]{1,200})")
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Atrium devices"'}
HEARD_EVERY = timedelta(minutes=1)

_heard: dict[tuple[str, int], datetime] = {}


def post_readings() -> Response:
    """Judge the call, read it, write it, answer. Raises ApiProblem."""
    at = runtime()
    if request.cookies:
        raise ApiProblem(
            problems.COOKIES, "the call carries cookies; a device signs in by its key alone"
        )
    key = _presented_key()
    announced = read_headers(request, limit=at.settings.api_max_bytes)
    now = at.now()
    try:
        grant = with_connection(
            at.database_url,
            lambda connection: find_device_key(connection, presented=key, now=now),
        )
        if grant is None:
            raise ApiProblem(
                problems.WRONG_KEY,
                "the key is unknown, wrong or revoked; expected <public id>_<secret> as it was "
                "shown when the key was made",
                headers=CHALLENGE,
            )
        body = read_body(request, announced)
        return _take(_Call(at, grant, announced, body, now))
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
class _Call:
    at: Runtime
    grant: KeyGrant
    announced: Announced
    body: bytes
    now: datetime


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

    try:
        batch, result = with_connection(call.at.database_url, land)
    except UnreadableBody as error:
        kind = problems.TOO_LARGE if error.problem.code is Reason.TOO_LARGE else problems.UNREADABLE
        raise ApiProblem(kind, error.problem.reason, code=error.problem.code.value) from None
    _note_heard(call.at, set(batch.device_id), call.now)
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


def _presented_key() -> str:
    header = request.headers.get("Authorization", "")
    found = BEARER.fullmatch(header)
    if found is None:
        what = "is missing" if not header else "is no bearer key"
        raise ApiProblem(
            problems.NO_KEY,
            f"Authorization {what}; expected 'Authorization: Bearer <public id>_<secret>'",
            headers=CHALLENGE,
        )
    return found[1]


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


def _note_heard(at: Runtime, device_ids: set[int], now: datetime) -> None:
    """Say that devices were heard, each at most once a minute; after the commit, apart from it."""
    due = {
        device
        for device in device_ids
        if abs(now - _heard.get((at.database_url, device), datetime.min.replace(tzinfo=now.tzinfo)))
        >= HEARD_EVERY
    }
    if not due:
        return
    try:
        with_connection(
            at.database_url,
            lambda connection: note_traffic(connection, device_ids=due, now=now),
        )
    except psycopg.Error as error:
        # The readings are committed: their answer must not fail for this.
        log.warning("devices %s were heard, which could not be noted: %s", sorted(due), error)
        return
    _heard.update({(at.database_url, device): now for device in due})


def _is_passing(error: psycopg.Error) -> bool:
    """Whether the same call may succeed later: no connection, no room, too busy, a restart."""
    return isinstance(error, psycopg.OperationalError)
