"""A call of the API is landed: its body kept, its readings written, its refusals quarantined.

Belongs here: that one transaction. Not here: reading the body (services/adapters/readings_json),
HTTP (webapp/api).
"""

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString

import psycopg
import zstandard

from domain.devices import Adapter
from services.adapters.directory import MallEntry
from services.adapters.readings_json import ParsedBatch
from services.adapters.refusals import Refusal
from services.adapters.unpacking import unpack_gzip, unpack_zstd
from services.operations.quarantine import quarantine
from services.operations.readings import ReadingRows, write_readings

GZIP_MARK = b"\x1f\x8b"
ZSTD_MARK = b"\x28\xb5\x2f\xfd"
# Level 1 packs JSON of readings 15 times at 1 GB/s; gzip's level 1 takes four times as long.
PACKING_LEVEL = 1
WORTH_PACKING = 512
MOST_UNPACKED = 256 * 1024 * 1024

INSERT_BATCH: LiteralString = """
INSERT INTO ingest.batches (mall_id, device_key_id, body_sha256, body, content_type, adapter,
                            rows_total, rows_refused, received_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """accepted + duplicate + revised + late + refused = total; `uncertain` are among those taken.
    `outcomes` names the places of readings that are duplicate, revised or late.
    """

    total: int
    accepted: int = 0
    duplicate: int = 0
    revised: int = 0
    late: int = 0
    refused: int = 0
    uncertain: int = 0
    outcomes: dict[int, str] = field(default_factory=dict)


def land_batch(
    connection: psycopg.Connection,
    batch: ParsedBatch,
    *,
    body: bytes,
    content_type: str,
    mall: MallEntry,
    key_id: int,
    received_at: datetime,
) -> BatchResult:
    """Land a parsed batch in one transaction; `body` is what came over the wire.

    When this returns outside another transaction, the batch is committed; inside one it is part
    of that. Raises psycopg.Error;
    then nothing of the batch is kept and the caller may send it again: what was written before
    counts as duplicate.
    """
    is_idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    with connection.transaction() if is_idle else nullcontext():
        batch_id = keep_batch(
            connection,
            body,
            content_type=content_type,
            adapter=Adapter.ATRIUM,
            rows_total=batch.total,
            refusals=batch.refusals,
            mall=mall,
            key_id=key_id,
            received_at=received_at,
        )
        written = write_readings(
            connection,
            reading_rows(batch),
            mall=mall,
            received_at=received_at,
            batch_id=batch_id,
        )
    places = batch.index
    return BatchResult(
        total=batch.total,
        accepted=written.accepted,
        duplicate=written.duplicate,
        revised=written.revised,
        late=written.late,
        refused=len(batch.refusals),
        uncertain=batch.uncertain,
        outcomes={places[place]: outcome for place, outcome in written.outcomes.items()},
    )


def keep_batch(
    connection: psycopg.Connection,
    body: bytes,
    *,
    content_type: str,
    adapter: Adapter,
    rows_total: int,
    refusals: Sequence[Refusal],
    mall: MallEntry,
    key_id: int,
    received_at: datetime,
) -> int:
    """Keep a call's body and what was refused of it, inside the caller's transaction; its id."""
    row = connection.execute(
        INSERT_BATCH,
        (
            mall.mall_id,
            key_id,
            hashlib.sha256(body).digest(),
            pack_body(body),
            content_type,
            adapter.value,
            rows_total,
            len(refusals),
            received_at,
        ),
    ).fetchone()
    assert row is not None
    batch_id: int = row[0]
    quarantine(
        connection, refusals, mall_id=mall.mall_id, batch_id=batch_id, received_at=received_at
    )
    return batch_id


def reading_rows(batch: ParsedBatch) -> ReadingRows:
    return ReadingRows(
        device_id=batch.device_id,
        metric=batch.metric,
        interval_start=batch.interval_start,
        interval_end=batch.interval_end,
        value=batch.value,
        quality=batch.quality,
    )


def pack_body(body: bytes) -> bytes:
    """A body as it is kept: what is small or packed already stays as it came."""
    if len(body) < WORTH_PACKING or body.startswith((GZIP_MARK, ZSTD_MARK)):
        return body
    return zstandard.compress(body, PACKING_LEVEL)


def unpack_body(kept: bytes, *, limit: int = MOST_UNPACKED) -> bytes:
    """The text of a kept body, unpacked. Raises CannotUnpack: what could not be read when it came
    is kept as well.
    """
    if kept.startswith(ZSTD_MARK):
        return unpack_zstd(kept, limit=limit, is_trusted=True)
    if kept.startswith(GZIP_MARK):
        return unpack_gzip(kept, limit=limit, is_trusted=True)
    return kept
