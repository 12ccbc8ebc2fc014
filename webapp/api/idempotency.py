"""The header Idempotency-Key: a call that may be sent again, and is answered as the first time.

Belongs here: the header and its refusals. Not here: what is kept (services.operations.idempotency).
"""

import hashlib
import re

import psycopg
from flask import Request

from services.operations.idempotency import EarlierCall, claim_key
from webapp.api import problems
from webapp.api.calls import Call
from webapp.api.problems import ApiProblem

HEADER = "Idempotency-Key"
NAME = re.compile(r"[\x21-\x7e]{1,255}")
REPLAYED = {"Idempotency-Replayed": "true"}


def read_name(request: Request) -> str:
    """What the call names itself, empty where it does not. Raises ApiProblem (422)."""
    name = request.headers.get(HEADER)
    if name is None:
        return ""
    if NAME.fullmatch(name) is None:
        raise ApiProblem(
            problems.IDEMPOTENCY,
            f"{HEADER} is {name[:80]!r}; expected 1 to 255 visible ASCII characters",
        )
    return name


def find_earlier(connection: psycopg.Connection, call: Call, name: str) -> EarlierCall | None:
    """What the call was answered before, None the first time. Raises ApiProblem (422) when
    another body came under the name.
    """
    body_sha256 = hashlib.sha256(call.body).digest()
    earlier = claim_key(
        connection,
        key_id=call.grant.key_id,
        mall_id=call.grant.mall_id,
        name=name,
        body_sha256=body_sha256,
        now=call.now,
    )
    if earlier is not None and earlier.body_sha256 != body_sha256:
        raise ApiProblem(
            problems.IDEMPOTENCY,
            f"another body came with {HEADER} {name!r} before; nothing of this call was kept: "
            "send it with another one",
        )
    return earlier
