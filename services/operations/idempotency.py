"""A call that names itself (Idempotency-Key) is taken once; sent again it gets the same answer.

The name is claimed and the answer kept in the transaction that keeps what the call brought: all
of it or none. A twin that comes meanwhile waits for that transaction to end. After a day a name
is forgotten; the readings themselves are still known then, and count as duplicates.

Belongs here: claiming, keeping, forgetting. Not here: the header (webapp/api/idempotency).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """What came under a name before, and what was answered."""

    body_sha256: bytes
    status: int
    answer: bytes


def claim_key(
    connection: psycopg.Connection,
    *,
    key_id: int,
    mall_id: int,
    name: str,
    body_sha256: bytes,
    now: datetime,
) -> EarlierCall | None:
    """Hold a device key's name for a call until the caller's transaction ends; None: it was free.

    Waits while another transaction holds it. Raises psycopg.Error.
    """
    row = connection.execute(
        "SELECT body_sha256, status, answer FROM ingest.claim_idempotency_key(%s, %s, %s, %s, %s)",
        (key_id, mall_id, name, body_sha256, now),
    ).fetchone()
    return None if row is None else EarlierCall(bytes(row[0]), row[1] or 0, bytes(row[2] or b""))


def keep_answer(
    connection: psycopg.Connection,
    *,
    key_id: int,
    mall_id: int,
    name: str,
    status: int,
    answer: bytes,
) -> None:
    """Keep what the call that claimed the name is answered, in the same transaction."""
    connection.execute(
        "SELECT ingest.keep_idempotent_answer(%s, %s, %s, %s, %s)",
        (key_id, mall_id, name, status, answer),
    )


def prune_idempotency_keys(connection: psycopg.Connection, *, now: datetime) -> int:
    """Forget names that are older than a day; how many."""
    row = connection.execute(
        "SELECT ingest.prune_idempotency_keys(%s)", (now - KEPT_FOR,)
    ).fetchone()
    return row[0] if row else 0
