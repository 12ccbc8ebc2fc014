"""A small batch whose every reading is fine is landed in one statement (ingest.take_batch).

Who sends one reading a call pays for the call: its key, scope, months, body, reading and touched
date cost one round trip here instead of nine. Whatever is not plain (a key that was closed, a
month that is) writes nothing and comes back as None, for the long way to tell why.

Belongs here: that statement. Not here: the long way (batches), who may call (webapp/api).
"""

import hashlib
from datetime import datetime
from typing import LiteralString

import psycopg

from services.adapters.directory import MallEntry
from services.adapters.readings_judge import ParsedBatch
from services.operations.batches import BatchResult, pack_body, reading_rows
from services.operations.device_keys import KeyGrant
from services.operations.readings import array_literals, touched_days

MOST_READINGS = 50
# The context is said by the statement itself: its arguments are worked out before the function
# begins, and it is the transaction.
TAKE: LiteralString = """
SELECT ingest.take_batch(
    set_config('atrium.context', %s, true), %s, %s, %s, %s, %s, %s, %s::text::date[],
    %s::text::bigint[], %s::text::text[], %s::text::timestamptz[], %s::text::timestamptz[],
    %s::text::numeric[], %s::text::text[], %s)
"""


def take_small_batch(
    connection: psycopg.Connection,
    batch: ParsedBatch,
    *,
    body: bytes,
    content_type: str,
    mall: MallEntry,
    grant: KeyGrant,
    secret_sha256: bytes,
    context: str,
    received_at: datetime,
) -> BatchResult | None:
    """Land a batch of which no reading was refused, committed when this returns; None, and
    nothing written, when it needs the long way.

    `connection` is outside a transaction and acts as the role of `context`, which is signed for
    it (storage.context) and reaches the mall. The key must still be open and have this secret.
    Raises psycopg.Error.
    """
    rows = reading_rows(batch)
    days = ",".join(day.isoformat() for day in touched_days(rows, mall.clock))
    row = connection.execute(
        TAKE,
        (
            context,
            grant.public_id,
            secret_sha256,
            mall.mall_id,
            hashlib.sha256(body).digest(),
            pack_body(body),
            content_type,
            f"{{{days}}}",
            *array_literals(rows),
            received_at,
        ),
    ).fetchone()
    if row is None or row[0] is None:
        return None
    outcomes: dict[str, str] = row[0]
    places = batch.index
    revised = sum(outcome == "revised" for outcome in outcomes.values())
    return BatchResult(
        total=batch.total,
        accepted=batch.total - len(outcomes),
        duplicate=len(outcomes) - revised,
        revised=revised,
        uncertain=batch.uncertain,
        outcomes={places[int(place)]: outcome for place, outcome in outcomes.items()},
    )
