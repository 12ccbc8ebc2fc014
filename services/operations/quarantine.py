"""Refused rows are kept with their reasons.

Belongs here: writing ingest.quarantine. Not here: judging rows (services/adapters).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import psycopg

from services.adapters.refusals import Refusal

KEEP: LiteralString = """
INSERT INTO ingest.quarantine
    (mall_id, file_id, batch_id, row_number, row, reason_code, reason, received_at)
SELECT %(mall_id)s, %(file_id)s, %(batch_id)s, row_number, row, reason_code, reason,
       %(received_at)s
FROM unnest(%(row_numbers)s::bigint[], %(rows)s::text[], %(codes)s::text[], %(reasons)s::text[])
    AS refused (row_number, row, reason_code, reason)
"""


def quarantine(
    connection: psycopg.Connection,
    refusals: Iterable[Refusal],
    *,
    mall_id: int | None,
    received_at: datetime,
    file_id: int | None = None,
    batch_id: int | None = None,
) -> None:
    """Keep refused rows with their reasons, inside the caller's transaction."""
    refusals = list(refusals)
    if not refusals:
        return
    # Not by COPY, which row security does not let in.
    with connection.cursor() as cursor:
        cursor.execute(
            KEEP,
            {
                "mall_id": mall_id,
                "file_id": file_id,
                "batch_id": batch_id,
                "received_at": received_at,
                "row_numbers": [refusal.row_number for refusal in refusals],
                "rows": [refusal.row for refusal in refusals],
                "codes": [refusal.reason_code.value for refusal in refusals],
                "reasons": [refusal.reason.replace("\x00", "�") for refusal in refusals],
            },
        )
