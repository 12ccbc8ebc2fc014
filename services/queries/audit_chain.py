"""The audit's chain, walked from end to end.

Belongs here: reading every event in batches and handing it to the check of `domain.audit`, which
computes each hash without the server. Not here: where remembered heads come from
(`services.operations.audit_verification`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import LiteralString

import psycopg
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


def walk_chain(url: str, *, heads: Iterable[tuple[str, ChainHead]] = ()) -> ChainState:
    """Check every event of the database at `url`, as of one moment, in flat memory.

    `heads` are (witness, event it remembers). The role must read all events: row security is
    off, so that one which may not gets an error and not a part.
    """
    options = "-c timezone=UTC -c row_security=off -c statement_timeout=0"
    with psycopg.connect(url, options=options) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
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
