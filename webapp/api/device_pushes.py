"""POST /api/v1/devices/<adapter>: a device pushes in its maker's language, as it is.

The answer comes after the commit. Whoever calls with a sound key loses nothing: what cannot be
read, and what nobody has registered, is kept too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
from flask import Response, request

from domain.devices import Adapter
from services.adapters import techtrans
from services.adapters.refusals import Reason
from services.operations.device_pushes import PushResult, land_push
from services.operations.idempotency import keep_answer
from webapp.api import problems
from webapp.api.authentication import BASIC_CHALLENGE, read_push_credentials
from webapp.api.bodies import JSON, read_push_headers, unpack_text
from webapp.api.calls import Call, land_call, note_heard, take_call
from webapp.api.connections import RELOAD_SECONDS, devices_of
from webapp.api.idempotency import REPLAYED, find_earlier, read_name
from webapp.api.problems import PROBLEM_JSON, ApiProblem, problem_response

# Our own format names devices by their codes, and has an endpoint of its own.
VENDORS = tuple(adapter for adapter in Adapter if adapter is not Adapter.ATRIUM)
SOAP = "text/xml; charset=utf-8"
UNAUTHORISED = 401
BAD_REQUEST = 400


def post_push(adapter: str) -> Response:
    """Judge the call, read it, write it, answer. Raises ApiProblem."""
    if adapter not in VENDORS:
        raise ApiProblem(
            problems.UNKNOWN_ADAPTER,
            f"there is no adapter of this name; expected one of {', '.join(VENDORS)}; readings in "
            "our own format go to /api/v1/readings",
            adapters=list(VENDORS),
        )
    spoken = Adapter(adapter)
    try:
        return take_call(
            lambda call: _take(call, spoken),
            announce=read_push_headers,
            sign_in=read_push_credentials,
        )
    except ApiProblem as problem:
        if problem.kind.status == UNAUTHORISED:
            problem.headers = {**problem.headers, **BASIC_CHALLENGE}
        raise


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    content: bytes
    heard_device_ids: frozenset[int] = frozenset()
    is_replayed: bool = False


def _take(call: Call, adapter: Adapter) -> Response:
    name = read_name(request)

    def land(connection: psycopg.Connection) -> Answered:
        earlier = find_earlier(connection, call, name) if name else None
        if earlier is not None:
            return Answered(earlier.status, earlier.answer, is_replayed=True)
        result = _land(connection, call, adapter)
        response = _response(result)
        if adapter is Adapter.TECHTRANS:
            content = _soap(call, result, is_kept=response.status_code < BAD_REQUEST)
        else:
            content = response.get_data()
        if name:
            keep_answer(
                connection,
                key_id=call.grant.key_id,
                mall_id=call.grant.mall_id,
                name=name,
                status=response.status_code,
                answer=content,
            )
        return Answered(response.status_code, content, result.heard_device_ids)

    answered = land_call(call, land)
    note_heard(call, answered.heard_device_ids)
    content_type = PROBLEM_JSON if answered.status >= BAD_REQUEST else JSON
    return Response(
        answered.content,
        status=answered.status,
        content_type=SOAP if adapter is Adapter.TECHTRANS else content_type,
        headers=REPLAYED if answered.is_replayed else None,
    )


def _land(connection: psycopg.Connection, call: Call, adapter: Adapter) -> PushResult:
    settings, url, mall_id = call.at.settings, call.at.database_url, call.grant.mall_id
    devices = devices_of(connection, url, mall_id)
    return land_push(
        connection,
        call.body,
        adapter=adapter,
        content_type=call.announced.content_type,
        devices=devices,
        mall=devices.mall,
        key_id=call.grant.key_id,
        only_device_id=call.grant.device_id,
        received_at=call.now,
        arrival=call.arrival,
        unpack=lambda body: unpack_text(body, call.announced, limit=settings.api_max_bytes),
        newer_devices=lambda: devices_of(connection, url, mall_id, max_age=RELOAD_SECONDS),
    )


def _response(result: PushResult) -> Response:
    """200 for what says something or is a heartbeat, 202 for what waits for a registration, 422
    for what could not be used.
    """
    answer = _answer(result)
    if result.problem is not None:
        kind = (
            problems.TOO_LARGE if result.problem.code is Reason.TOO_LARGE else problems.UNREADABLE
        )
        return problem_response(
            ApiProblem(
                kind,
                f"{result.problem.reason}; the body is kept, and stands in quarantine",
                code=result.problem.code.value,
            )
        )
    if result.is_waiting:
        answer["detail"] = (
            "nobody has registered who sent this; it is kept, and taken when somebody does: "
            "nothing needs to be sent again"
        )
        return Response(msgspec.json.encode(answer), status=202, mimetype="application/json")
    if result.refused and not result.taken:
        first = result.refusals[0]
        return problem_response(
            ApiProblem(problems.ALL_REFUSED, f"piece {first.row_number}: {first.reason}", **answer)
        )
    return Response(msgspec.json.encode(answer), mimetype="application/json")


def _soap(call: Call, result: PushResult, *, is_kept: bool) -> bytes:
    """The reply that a till of this make waits for."""
    if result.problem is not None:
        message = result.problem.reason
    elif result.is_waiting:
        message = "kept until the store and till are registered"
    elif result.refusals:
        message = f"{result.taken} taken, {result.refused} refused: {result.refusals[0].reason}"
    else:
        message = "OK"
    return techtrans.answer(is_kept, message, call.body)


def _answer(result: PushResult) -> dict[str, Any]:
    return {
        "accepted": result.accepted,
        "duplicate": result.duplicate,
        "revised": result.revised,
        "late": result.late,
        "refused": result.refused,
        "skipped": result.skipped,
        "uncertain": result.uncertain,
        "unknown": [{"serial": one.serial, "channel": one.channel} for one in result.unknown],
        "results": list(_results(result)),
    }


def _results(result: PushResult) -> Iterator[dict[str, Any]]:
    """Runs of neighbouring pieces that ended alike: `index` is the first, `count` how many. A
    piece whose parts ended differently stands in several; what says nothing, in none.
    """
    run: dict[str, Any] | None = None
    for place, entry in sorted(_entries(result), key=lambda item: item[0]):
        if run is not None and "reason" not in entry and _follows(run, place, entry):
            run["count"] = place - run["index"] + 1
            continue
        if run is not None:
            yield run
        run = {"index": place, "count": 1, **entry}
    if run is not None:
        yield run


def _follows(run: dict[str, Any], place: int, entry: dict[str, Any]) -> bool:
    return (
        place <= run["index"] + run["count"]
        and run["status"] == entry["status"]
        and run.get("quality") == entry.get("quality")
    )


def _entries(result: PushResult) -> Iterator[tuple[int, dict[str, Any]]]:
    for one in result.outcomes:
        entry: dict[str, Any] = {"status": one.status}
        if one.quality == "UNCERTAIN":
            entry["quality"] = one.quality
        yield one.place, entry
    for refusal in result.refusals:
        yield (
            refusal.row_number,
            {
                "status": "refused",
                "code": refusal.reason_code.value,
                "reason": refusal.reason,
            },
        )
