"""Refused calls as RFC 9457 problem details: what is wrong, where, and what is expected.

Belongs here: the problems' names, statuses and titles. The documentation lists them from here.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Response, g

from services.language import marked

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    slug: str
    status: int
    title: str


NO_KEY = ProblemKind("no-key", 401, marked("A device key is needed"))
WRONG_KEY = ProblemKind("wrong-key", 401, marked("The device key opens nothing"))
MALFORMED_SIGNATURE = ProblemKind(
    "malformed-signature", 401, marked("The signature's header is not of its form")
)
WRONG_CLOCK = ProblemKind("wrong-clock", 401, marked("The call was signed at another time"))
WRONG_SIGNATURE = ProblemKind("wrong-signature", 401, marked("The signature is not the call's"))
SIGNATURE_NEEDED = ProblemKind("signature-needed", 401, marked("The key requires signed calls"))
NOT_PERMITTED = ProblemKind("not-permitted", 403, marked("The key may not do this"))
COOKIES = ProblemKind("cookies", 403, marked("Cookies are not accepted here"))
UNKNOWN_ADAPTER = ProblemKind("unknown-adapter", 404, marked("No such adapter"))
TOO_SLOW = ProblemKind("too-slow", 408, marked("The body came too slowly"))
REPEATED_CALL = ProblemKind("repeated-call", 409, marked("The signed call was taken before"))
SEQUENCE_USED = ProblemKind("sequence-used", 409, marked("Another call was signed so before"))
NO_LENGTH = ProblemKind("no-length", 411, marked("The length of the body is needed"))
TOO_LARGE = ProblemKind("too-large", 413, marked("The body is too large"))
WRONG_TYPE = ProblemKind("wrong-type", 415, marked("The body's type is not known"))
WRONG_ENCODING = ProblemKind("wrong-encoding", 415, marked("The body's encoding is not known"))
UNREADABLE = ProblemKind("unreadable", 422, marked("The body holds no readings"))
WRONG_DIGEST = ProblemKind("wrong-digest", 422, marked("The body differs from its digest"))
ALL_REFUSED = ProblemKind("all-refused", 422, marked("Every reading was refused"))
IDEMPOTENCY = ProblemKind(
    "idempotency-key", 422, marked("The Idempotency-Key stands for another call")
)
QUOTA = ProblemKind("quota", 429, marked("The key sends too much"))
UNAVAILABLE = ProblemKind("unavailable", 503, marked("The service cannot store readings now"))

PROBLEMS = (
    NO_KEY,
    WRONG_KEY,
    MALFORMED_SIGNATURE,
    WRONG_CLOCK,
    WRONG_SIGNATURE,
    SIGNATURE_NEEDED,
    COOKIES,
    NOT_PERMITTED,
    UNKNOWN_ADAPTER,
    TOO_SLOW,
    REPEATED_CALL,
    SEQUENCE_USED,
    NO_LENGTH,
    TOO_LARGE,
    WRONG_TYPE,
    WRONG_ENCODING,
    UNREADABLE,
    WRONG_DIGEST,
    ALL_REFUSED,
    IDEMPOTENCY,
    QUOTA,
    UNAVAILABLE,
)


class ApiProblem(Exception):
    """Ends a call with a problem. `detail` says what is wrong here and what is expected."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.members = members


def problem_response(problem: ApiProblem) -> Response:
    document = {
        "type": f"/api/docs#problem-{problem.kind.slug}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        **problem.members,
        **({"request_id": g.request_id} if "request_id" in g else {}),
    }
    return Response(
        msgspec.json.encode(document),
        status=problem.kind.status,
        mimetype=PROBLEM_JSON,
        headers=problem.headers,
    )
