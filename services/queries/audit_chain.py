"""The audit's chain, walked from end to end.

Belongs here: reading every event in batches and handing it to the check of `domain.audit`, which
computes each hash without the server. Not here: where remembered heads come from
(`services.operations.audit_verification`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import LiteralString

import psycopg
import sqlalchemy as sa
from psycopg.rows import args_row

from domain.audit import ChainHead, ChainWalk, Finding, SealedEvent

BATCH = 2_000
EVENTS: LiteralString = """
SELECT seq, previous_hash, hash, occurred_at, recorded_at, mall_id, actor_kind, actor_id,
       actor_name, actor_role, address, agent, request_id, login, action, subject_type,
       subject_id, part, before::text, after::text, note
FROM audit.events ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class ChainState:
    """What a walk found; without findings the chain is intact. `head` is its last event."""

    events: int
    head: ChainHead
    findings: tuple[Finding, ...]


def walk_chain(engine: sa.Engine, *, heads: Iterable[tuple[str, ChainHead]] = ()) -> ChainState:
    """Check every event, as of one moment, in flat memory.

    `heads` are (witness, event it remembers). The engine's role must read all events: what row
    security hides from it is told as missing.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as outer:
        connection = outer.connection.driver_connection
        if not isinstance(connection, psycopg.Connection):
            raise TypeError("the engine's driver is psycopg")
        connection.execute("SET TRANSACTION READ ONLY")
        walk = ChainWalk(heads)
        for event in _events(connection):
            walk.check(event)
        recorded = connection.execute("SELECT seq, hash FROM audit.head").fetchone()
    walk.finish(ChainHead(*recorded) if recorded else None)
    return ChainState(walk.events, walk.head, tuple(walk.findings))


def _events(connection: psycopg.Connection) -> Iterator[SealedEvent]:
    with connection.cursor("events", row_factory=args_row(SealedEvent)) as cursor:
        cursor.itersize = BATCH
        yield from cursor.execute(EVENTS)
