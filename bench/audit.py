"""The audit: how fast its chain is walked and every hash computed anew.

The limit is reading the same rows from the server and doing nothing with them.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import psycopg

from bench.figures import Figure
from services.queries.audit_chain import BATCH, EVENTS, walk_chain
from storage.database import create_engine, migrate
from storage.postgres import embedded_server
from storage.settings import Settings

COUNT = 200_000
TRANSACTION = 20_000
# As a person who edits a shop leaves it.
APPEND = """
SELECT audit.append_event(
    now(), 'IMPORTED', 1, 'shops', n::text,
    jsonb_build_object('name', 'Shop ' || n, 'contact_phone', '13800000000'),
    jsonb_build_object('name', '商户 ' || n, 'contact_phone', '13900000000'), '',
    '{"kind": "PERSON", "id": 7, "name": "somebody@example.org", "role": "OPERATION",
      "address": "203.0.113.9", "agent": "Mozilla/5.0", "request_id": "0123456789abcdef"}')
FROM generate_series(1, %s) AS n
"""


def audit_verify() -> Figure:
    """Events a second that a verification reads, hashes and compares."""
    with _server() as url:
        migrate(url)
        with psycopg.connect(url) as connection:
            for _ in range(COUNT // TRANSACTION):
                connection.execute(APPEND, (TRANSACTION,))
                connection.commit()
        began = perf_counter()
        engine = create_engine(url)
        state = walk_chain(engine)
        engine.dispose()
        ours = perf_counter() - began
        if state.events != COUNT or state.findings:
            raise RuntimeError(f"{state.events} events of {COUNT}: {state.findings[:3]}")
        began = perf_counter()
        with psycopg.connect(url) as connection, connection.cursor("events") as cursor:
            cursor.itersize = BATCH
            for _ in cursor.execute(EVENTS):
                pass
        limit = perf_counter() - began
    return Figure("audit_verify", "events/s", COUNT / ours, COUNT / limit)


@contextmanager
def _server() -> Iterator[str]:
    """A server of its own in a folder that goes away."""
    folder = Path(tempfile.mkdtemp(prefix="atrium-bench-"))
    folder.chmod(0o755)
    server = embedded_server(Settings(state_dir=folder, _env_file=None))
    server.start()
    try:
        yield server.url("postgres")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


MEASURES: dict[str, Callable[[], Figure]] = {"audit_verify": audit_verify}
