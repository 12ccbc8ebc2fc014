"""When a device was last heard, and whether it is online.

Traffic sets a device ONLINE; silence sets it OFFLINE; MAINTENANCE is a person's word and stays.
Belongs here: those two facts. They are kept apart from the readings' transaction: a busy row of
a device must hold up no reading.
"""

from collections.abc import Collection
from datetime import datetime
from typing import LiteralString

import psycopg

# Who is silent for as many expected intervals, and at least an hour, is offline.
SILENT_INTERVALS = 3

HEARD: LiteralString = """
UPDATE app.devices d
SET last_seen_at = %(now)s,
    status = CASE d.status WHEN 'OFFLINE' THEN 'ONLINE' ELSE d.status END
FROM (SELECT id FROM app.devices
      WHERE id = ANY(%(ids)s)
        AND (last_seen_at IS NULL OR last_seen_at <= %(now)s - interval '1 minute')
      ORDER BY id FOR UPDATE SKIP LOCKED) heard
WHERE d.id = heard.id
"""
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
    return connection.execute(HEARD, {"ids": sorted(device_ids), "now": now}).rowcount


def mark_silent_devices(connection: psycopg.Connection, *, now: datetime) -> int:
    """Set devices OFFLINE that should have been heard three times since; how many."""
    return connection.execute(SILENT, {"now": now, "intervals": SILENT_INTERVALS}).rowcount
