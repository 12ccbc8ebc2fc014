"""Who acts and what that reaches, said to Postgres at the start of each transaction.

Belongs here: the signed context and the one round trip that sets it. Postgres reads it only
through the functions `app.scope_malls()`, `app.scope_shops()`, `app.scope_is_everything()` and
`app.context_actor()`, which refuse a context that is missing, forged, of another connection, of
another role, or too old. So whoever can only slip SQL into a statement cannot widen what it sees.

Not here: who may do what (domain.permissions) and which rows a scope reaches
(storage/row_security).
"""

import hashlib
import hmac
import json
from dataclasses import asdict
from datetime import datetime, timedelta

import psycopg

from domain.scopes import Actor, Scope
from storage.roles import Group
from storage.settings import Settings

# How long after it was signed a transaction may begin with it: the clocks of two machines differ.
LIFETIME = timedelta(minutes=2)
_BLOCK_BYTES = 64

SET_CONTEXT = (
    "SELECT set_config('role', %s, true), set_config('atrium.context', %s, true),"
    " set_config('transaction_read_only', %s, true)"
)


def context_key(settings: Settings) -> bytes:
    """The key that contexts of this installation are signed with; kept in state_dir/secrets."""
    return settings.secret("context-signing-key").encode()


def key_blocks(key: bytes) -> tuple[bytes, bytes]:
    """The inner and the outer block of HMAC-SHA256 (RFC 2104): all that Postgres needs to know
    to compute it with nothing but sha256.
    """
    block = (key if len(key) <= _BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(
        _BLOCK_BYTES, b"\0"
    )
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def sign_context(
    *, key: bytes, backend_pid: int, role: Group, scope: Scope, actor: Actor, now: datetime
) -> str:
    """The text of the setting `atrium.context`: HMAC in hexadecimal, a bar, JSON.

    `now` is the machine's clock, which Postgres compares with its own, not the application's.
    """
    body = json.dumps(
        {
            "pid": backend_pid,
            "until": (now + LIFETIME).timestamp(),
            "role": role.value,
            "malls": sorted(scope.mall_ids),
            "shops": sorted(scope.shop_ids),
            "everything": scope.is_everything,
            "actor": asdict(actor),
        },
        separators=(",", ":"),
    )
    return f"{hmac.new(key, body.encode(), hashlib.sha256).hexdigest()}|{body}"


def set_context(
    connection: psycopg.Connection,
    *,
    key: bytes,
    role: Group,
    scope: Scope,
    actor: Actor,
    now: datetime,
    read_only: bool = False,
) -> None:
    """Become `role` with this scope and actor until the end of the transaction, in one round trip.

    Call it first in a transaction: what is set holds until its end. `now` is the machine's clock.
    `read_only` lets the transaction change nothing. Raises psycopg.errors.InsufficientPrivilege
    when the connection's login is no member of `role`.
    """
    context = sign_context(
        key=key,
        backend_pid=connection.info.backend_pid,
        role=role,
        scope=scope,
        actor=actor,
        now=now,
    )
    connection.execute(SET_CONTEXT, (role.value, context, "on" if read_only else "off"))
