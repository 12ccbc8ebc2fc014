"""When a device was last heard, and whether it is online.

Traffic sets a device ONLINE; silence sets it OFFLINE; MAINTENANCE is a person's word and stays.
Belongs here: those two facts. They are kept apart from the readings' transaction: a busy row of
a device must hold up no reading.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg

# Who is silent for as many expected intervals, and at least an hour, is offline.
SILENT_INTERVALS = 3
SILENT_AT_LEAST = timedelta(hours=1)

SILENT: LiteralString = """
UPDATE app.devices SET status = 'OFFLINE'
WHERE status = 'ONLINE' AND (last_seen_at IS NULL OR last_seen_at < %(now)s - greatest(
    interval '1 hour', make_interval(mins => %(intervals)s * expected_interval_minutes)))
"""


def note_traffic(
    connection: psycopg.Connection, *, device_ids: Collection[int], now: datetime
) -> int:
    """Say that devices were heard at `now`; how many rows changed, at most one a minute each."""
    if not device_ids:
        return 0
    # The door of the API may change no device but by this function.
    row = connection.execute(
        "SELECT app.note_traffic(%s::bigint[], %s)", (sorted(device_ids), now)
    ).fetchone()
    return row[0] if row else 0


def is_silent(
    last_seen_at: datetime | None, *, expected_interval_minutes: int, now: datetime
) -> bool:
    """Whether a device should have been heard three times since."""
    limit = max(SILENT_AT_LEAST, SILENT_INTERVALS * timedelta(minutes=expected_interval_minutes))
    return last_seen_at is None or last_seen_at < now - limit


def mark_silent_devices(connection: psycopg.Connection, *, now: datetime) -> int:
    """Set devices OFFLINE that should have been heard three times since; how many."""
    return connection.execute(SILENT, {"now": now, "intervals": SILENT_INTERVALS}).rowcount
