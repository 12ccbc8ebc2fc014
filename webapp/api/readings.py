"""POST /api/v1/readings: a device hands in what it measured.

The answer comes after the commit: what is counted as accepted, duplicate, revised
or late is on disk.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
from flask import Response, request

from services.adapters.readings_json import ParsedBatch, Scope, UnreadableBody, parse
from services.adapters.refusals import Reason, Refusal
from services.operations.batches import BatchResult, land_batch
from services.operations.idempotency import keep_answer
from storage.settings import Settings
from webapp.api import problems
from webapp.api.bodies import read_headers, unpack
from webapp.api.calls import Call, land_call, note_heard, take_call
from webapp.api.connections import RELOAD_SECONDS, devices_of
from webapp.api.idempotency import REPLAYED, find_earlier, read_name
from webapp.api.problems import ApiProblem


def post_readings() -> Response:
    """Judge the call, read it, write it, answer. Raises ApiProblem."""
    return take_call(_take, announce=read_headers)


def _take(call: Call) -> Response:
    settings = call.at.settings
    text = unpack(call.body, call.announced, limit=settings.api_max_bytes)

    name = read_name(request)

    def land(connection: psycopg.Connection) -> Landed:
        earlier = find_earlier(connection, call, name) if name else None
        if earlier is not None:
            return Landed(earlier.status, earlier.answer, is_replayed=True)
        devices = devices_of(connection, call.at.database_url, call.grant.mall_id)
        batch = _parse(text, call, Scope(devices, call.grant.device_id), settings)
        if any(refusal.reason_code is Reason.UNKNOWN_DEVICE for refusal in batch.refusals):
            fresh = devices_of(
                connection, call.at.database_url, call.grant.mall_id, max_age=RELOAD_SECONDS
            )
            if fresh is not devices:
                devices = fresh
                batch = _parse(text, call, Scope(devices, call.grant.device_id), settings)
        result = land_batch(
            connection,
            batch,
            body=call.body,
            content_type=call.announced.content_type,
            mall=devices.mall,
            key_id=call.grant.key_id,
            received_at=call.now,
        )
        landed = _landed(batch, result)
        if name:
            keep_answer(
                connection,
                key_id=call.grant.key_id,
                mall_id=call.grant.mall_id,
                name=name,
                status=landed.status,
                answer=landed.answer,
            )
        return landed

    try:
        landed = land_call(call, land)
    except UnreadableBody as error:
        kind = problems.TOO_LARGE if error.problem.code is Reason.TOO_LARGE else problems.UNREADABLE
        raise ApiProblem(kind, error.problem.reason, code=error.problem.code.value) from None
    note_heard(call, landed.device_ids)
    if landed.status != 200:
        document = msgspec.json.decode(landed.answer)
        raise ApiProblem(
            problems.ALL_REFUSED,
            document.pop("detail"),
            headers=REPLAYED if landed.is_replayed else None,
            **document,
        )
    return Response(
        landed.answer,
        mimetype="application/json",
        headers=REPLAYED if landed.is_replayed else None,
    )


@dataclass(frozen=True, slots=True)
class Landed:
    """What a call is answered: the answer, or the members of the problem that every reading was
    refused.
    """

    status: int
    answer: bytes
    device_ids: frozenset[int] = frozenset()
    is_replayed: bool = False


def _landed(batch: ParsedBatch, result: BatchResult) -> Landed:
    answer: dict[str, Any] = answer_of(batch, result)
    status = 200
    if result.refused == result.total:
        first = batch.refusals[0]
        status = problems.ALL_REFUSED.status
        answer["detail"] = f"reading {first.row_number}: {first.reason}"
    return Landed(status, msgspec.json.encode(answer), frozenset(batch.device_id))


def answer_of(batch: ParsedBatch, result: BatchResult) -> dict[str, Any]:
    return {
        "accepted": result.accepted,
        "duplicate": result.duplicate,
        "revised": result.revised,
        "late": result.late,
        "refused": result.refused,
        "uncertain": result.uncertain,
        "results": list(_results(batch, result)),
    }


def _parse(text: bytes, call: Call, scope: Scope, settings: Settings) -> ParsedBatch:
    return parse(
        text,
        is_lines=call.announced.is_lines,
        scope=scope,
        arrival=call.arrival,
        max_readings=settings.api_max_readings,
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
