"""Refused rows are kept with their reasons.

Belongs here: writing ingest.quarantine. Not here: judging rows (services/adapters).
"""

from collections.abc import Iterable
from datetime import datetime

import psycopg

from services.adapters.refusals import Refusal


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
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY ingest.quarantine (mall_id, file_id, batch_id, row_number, row, reason_code, "
            "reason, received_at) FROM STDIN"
        ) as copy,
    ):
        for refusal in refusals:
            copy.write_row(
                (
                    mall_id,
                    file_id,
                    batch_id,
                    refusal.row_number,
                    refusal.row,
                    refusal.reason_code.value,
                    refusal.reason.replace("\x00", "�"),
                    received_at,
                )
            )
