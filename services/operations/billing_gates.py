"""Gates as they stand: what holds a shop's bills of a month, and who overrode it.

Belongs here: app.billing_gates. Only gates that failed at least once have a row. The checks
themselves are `domain.gates`.
"""

from collections.abc import Mapping
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.calendar import Period
from domain.gates import Failure, Gate

Connection = psycopg.Connection[TupleRow]


def overridden_gates(
    connection: Connection, mall_id: int, month: Period
) -> frozenset[tuple[int, Gate]]:
    """(shop id, gate) of the month that a named person let pass."""
    rows = connection.execute(
        "SELECT shop_id, gate FROM app.billing_gates "
        "WHERE mall_id = %s AND month = %s AND overridden_at IS NOT NULL",
        (mall_id, month.first),
    )
    return frozenset((shop_id, Gate(gate)) for shop_id, gate in rows)


def store_gates(
    connection: Connection,
    mall_id: int,
    month: Period,
    failures: Mapping[int, tuple[Failure, ...]],
    now: datetime,
) -> None:
    """Failing gates as they are now; one that failed before and holds now is marked passed."""
    failing = [
        (mall_id, shop_id, month.first, failure.gate.value, Jsonb(failure.detail), now)
        for shop_id, shop_failures in failures.items()
        for failure in shop_failures
    ]
    connection.execute(
        """
        UPDATE app.billing_gates AS g SET is_passed = true, checked_at = %s
        WHERE g.mall_id = %s AND g.month = %s AND NOT g.is_passed
          AND NOT EXISTS (
              SELECT FROM unnest(%s::bigint[], %s::text[]) AS failing (shop_id, gate)
              WHERE failing.shop_id = g.shop_id AND failing.gate = g.gate
          )
        """,
        (now, mall_id, month.first, [row[1] for row in failing], [row[3] for row in failing]),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO app.billing_gates
                (mall_id, shop_id, month, gate, is_passed, detail, checked_at)
            VALUES (%s, %s, %s, %s, false, %s, %s)
            ON CONFLICT (mall_id, shop_id, month, gate) DO UPDATE
            SET is_passed = false, detail = excluded.detail, checked_at = excluded.checked_at
            """,
            failing,
        )
