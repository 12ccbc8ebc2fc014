"""Which key a call comes with, and whether it is the key's own.

A call bears its secret (`Bearer <public id>_<secret>`) or is signed with the key derived from it
(`Atrium-HMAC-SHA256 keyid=…, timestamp=…, sequence=…, signature=…`). Where vendors' devices push,
the secret may come as HTTP Basic too. Nothing about keys is kept from one call to the next.

Belongs here: the header, the clock's window, the signature. Not here: what is signed
(domain.signatures), where keys are (services.operations.device_keys).
"""

import base64
import binascii
import hashlib
import logging
import re
from datetime import datetime
from typing import Any

import psycopg
from flask import Request

from domain.permissions import Permission
from domain.signatures import (
    SCHEME,
    WINDOW,
    MalformedSignature,
    SignatureHeader,
    canonical_text,
    is_in_time,
    is_signed,
    parse_signature,
)
from services.operations.device_keys import KeyGrant, find_device_key, look_up_device_key
from services.operations.signing_vault import CannotOpen, open_vault
from storage.settings import Settings
from webapp.api import problems
from webapp.api.problems import ApiProblem
from webapp.auth.authorisation import DevicePrincipal, permits

log = logging.getLogger(__name__)

BEARER = re.compile(r"Bearer +([A-Za-z0-9_-]{1,200})", re.IGNORECASE)
SIGNED = re.compile(rf"{SCHEME} +(.+)", re.IGNORECASE)
BASIC = re.compile(r"Basic +([A-Za-z0-9+/=]{1,400})", re.IGNORECASE)
CHALLENGE = {"WWW-Authenticate": f'Bearer realm="Atrium devices", {SCHEME} realm="Atrium devices"'}
BASIC_CHALLENGE = {
    # Basic first: who knows nothing else reads no further.
    "WWW-Authenticate": 'Basic realm="Atrium devices", ' + CHALLENGE["WWW-Authenticate"]
}

Credentials = str | SignatureHeader


def read_credentials(request: Request) -> Credentials:
    """The presented key, or the signature's header. Raises ApiProblem (401)."""
    header = request.headers.get("Authorization", "")
    bearer = BEARER.fullmatch(header)
    if bearer is not None:
        return bearer[1]
    signed = SIGNED.fullmatch(header)
    if signed is not None:
        try:
            return parse_signature(signed[1])
        except MalformedSignature as error:
            raise ApiProblem(
                problems.MALFORMED_SIGNATURE, f"Authorization: {error}", headers=CHALLENGE
            ) from None
    what = "is missing" if not header else "is neither a bearer key nor a signature"
    raise ApiProblem(
        problems.NO_KEY,
        f"Authorization {what}; expected 'Bearer <public id>_<secret>', or '{SCHEME} keyid=…, "
        "timestamp=…, sequence=…, signature=…'",
        headers=CHALLENGE,
    )


def read_push_credentials(request: Request) -> Credentials:
    """As `read_credentials`, or HTTP Basic with the key's public id as user and its secret as
    password: many a sensor can do nothing else. Raises ApiProblem (401).
    """
    basic = BASIC.fullmatch(request.headers.get("Authorization", ""))
    if basic is None:
        return read_credentials(request)
    try:
        user, _, password = base64.b64decode(basic[1], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise ApiProblem(
            problems.NO_KEY,
            "Authorization is no Basic of a user and a password in UTF-8; expected the key's "
            "public id as user and its secret as password",
            headers=BASIC_CHALLENGE,
        ) from None
    return f"{user}_{password}"


def find_key(
    connection: psycopg.Connection, credentials: Credentials, *, now: datetime
) -> KeyGrant:
    """The open key of a call. For a signed call nothing is proven before its body was read and
    `check_signature` passed. Raises ApiProblem (401, 403), psycopg.Error.
    """
    if isinstance(credentials, SignatureHeader):
        _check_clock(credentials, now)
        found = look_up_device_key(connection, public_id=credentials.keyid, now=now)
        grant = found[0] if found else None
        if grant is not None and grant.signing_key_sealed is None:
            raise ApiProblem(
                problems.WRONG_KEY,
                "this key can sign nothing: it was made without a signing key; replace it",
                headers=CHALLENGE,
            )
    else:
        grant = find_device_key(connection, presented=credentials, now=now)
    if grant is None:
        raise ApiProblem(
            problems.WRONG_KEY,
            "the key is unknown, wrong, expired or revoked; expected <public id>_<secret> as it "
            "was shown when the key was made, or its <public id> as keyid of a signature",
            headers=CHALLENGE,
        )
    if grant.requires_signature and not isinstance(credentials, SignatureHeader):
        raise ApiProblem(
            problems.SIGNATURE_NEEDED,
            f"this key requires signed calls; expected 'Authorization: {SCHEME} …'",
            headers=CHALLENGE,
        )
    principal = DevicePrincipal(grant.key_id, grant.public_id, grant.mall_id, grant.device_id)
    if not permits(principal, Permission.OWN_READINGS_APPEND):
        raise ApiProblem(problems.NOT_PERMITTED, "this key may not hand in readings")
    return grant


def check_signature(
    header: SignatureHeader, grant: KeyGrant, request: Request, body: bytes, settings: Settings
) -> bytes:
    """Whether the key signed this call; the SHA-256 of its body. Raises ApiProblem (401, 503)."""
    body_sha256 = hashlib.sha256(body).digest()
    target = sent_target(request.environ)
    try:
        text = canonical_text(
            method=request.method,
            target=target,
            timestamp=header.timestamp,
            sequence=header.sequence,
            body_sha256=body_sha256,
        )
    except ValueError:
        raise ApiProblem(
            problems.WRONG_SIGNATURE,
            f"the target {target[:80]!r} cannot be signed; expected a path in ASCII",
            headers=CHALLENGE,
        ) from None
    try:
        key = open_vault(settings).open(grant.signing_key_sealed or b"", public_id=grant.public_id)
    except CannotOpen as error:
        log.error("%s", error)
        raise ApiProblem(
            problems.UNAVAILABLE,
            "the signature cannot be checked at the moment; nothing of this call was kept",
            headers={"Retry-After": "60"},
        ) from None
    if not is_signed(key, text, header.signature):
        raise ApiProblem(
            problems.WRONG_SIGNATURE,
            "the signature is not that of `signed_text`, the text that was signed as the server "
            "sees it; compare it with yours, then the key",
            headers=CHALLENGE,
            signed_text=text.decode("ascii"),
        )
    return body_sha256


def sent_target(environ: dict[str, Any]) -> str:
    """Path and query as the client sent them: a decoded path may be that of another call."""
    return str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")


def _check_clock(header: SignatureHeader, now: datetime) -> None:
    if is_in_time(header.signed_at, now):
        return
    ours = now.replace(microsecond=0)
    raise ApiProblem(
        problems.WRONG_CLOCK,
        f"the call was signed at {header.signed_at.isoformat()} and it is {ours.isoformat()} here; "
        f"expected at most {int(WINDOW.total_seconds())} seconds between them",
        headers=CHALLENGE,
        signed_at=header.signed_at.isoformat(),
        server_time=ours.isoformat(),
        server_timestamp=int(now.timestamp()),
    )
