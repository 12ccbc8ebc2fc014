"""Readings over HTTP: how many a second are taken, answered after commit, and none lost.

Ours: gunicorn with two workers on loopback, prepared requests over kept connections, each batch
of new keys. Limit: COPY of 10,000 rows a time into the same partitioned, keyed table, one
connection, in the same run. Peer of one reading a call: a Flask and ORM endpoint that inserts a
row a request, under the same server (bench.peer_server), sent the same requests. Peer of a
thousand: the same rows through an ORM, in process, committed a batch at a time.
"""

import json
import queue
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from time import perf_counter, sleep

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bench.figures import Figure
from bench.web_server import Caller, database, peer, readings_request, web
from services.operations.device_keys import create_device_key
from storage.database import create_engine, transaction
from storage.models import Reading

TILLS = 40
WORKERS = 2
CALLERS = 6
ROUNDS = 3
COPY_ROWS = 10_000
COPY_CHUNKS = 10
OPEN_SECONDS = 15.0
OPEN_CALLERS = 32
P99_LIMIT_MS = 150.0
LOSS_THREADS = 16
LOSS_BATCH = 100
LOSS_READINGS = 64_000
PEER_KEYS = 1_000_000_000
COPY_KEYS = 2_000_000_000
COLUMNS = "device_id, metric, interval_start, interval_end, value, quality, received_at, batch_id"


def ingest_batch_1() -> Figure:
    """Readings a second, one reading a call; the peer takes one too, by the same kind of server."""
    ours: list[float] = []
    theirs: list[float] = []
    with database() as (url, folder):
        mall = BenchMall(url)
        with web(url, folder, workers=WORKERS) as port, peer(url, folder) as other:
            for at in (port, other):
                _send(at, [[mall.request(1) for _ in range(4)] for _ in range(CALLERS * 2)])
            for _ in range(ROUNDS):
                for at, figures in ((port, ours), (other, theirs)):
                    requests = [[mall.request(1) for _ in range(400)] for _ in range(CALLERS)]
                    seconds, accepted = _send(at, requests)
                    figures.append(accepted / seconds)
    return Figure("ingest_batch_1", "readings/s", median(ours), None, median(theirs))


def ingest_random_timestamps() -> Figure:
    """Readings a second, a thousand a call, spread over twelve months; the limit is the same in
    one day.
    """
    days: list[float] = []
    months: list[float] = []
    with database() as (url, folder):
        mall = BenchMall(url)
        with web(url, folder, workers=WORKERS) as port:
            for is_spread in (False, True):
                _send(port, [[mall.request(1000, is_spread=is_spread)] for _ in range(CALLERS)])
            for _ in range(ROUNDS):
                for is_spread, figures in ((False, days), (True, months)):
                    requests = [
                        [mall.request(1000, is_spread=is_spread) for _ in range(20)]
                        for _ in range(CALLERS)
                    ]
                    seconds, accepted = _send(port, requests)
                    figures.append(accepted / seconds)
    return Figure("ingest_random_timestamps", "readings/s", median(months), median(days))


def ingest_p99_ms() -> Figure:
    """Milliseconds within which 99 of 100 calls of one reading are answered, at 80 % of the rate
    that callers who wait for each answer reach. Calls come at random times, whether or not
    earlier ones were answered: what waits counts from when it should have been sent.
    """
    with database() as (url, folder):
        mall = BenchMall(url)
        with web(url, folder, workers=WORKERS) as port:
            _send(port, [[mall.request(1) for _ in range(4)] for _ in range(CALLERS * 2)])
            peaks = []
            for _ in range(ROUNDS):
                requests = [[mall.request(1) for _ in range(400)] for _ in range(CALLERS)]
                seconds, accepted = _send(port, requests)
                peaks.append(accepted / seconds)
            rate = 0.8 * median(peaks)
            arrivals, at = [], 0.0
            while at < OPEN_SECONDS:
                at += random.expovariate(rate)
                arrivals.append((at, mall.request(1)))
            waits = sorted(_arrive(port, arrivals))
    p99 = waits[int(len(waits) * 0.99)] * 1000
    return Figure("ingest_p99_ms", "ms", p99, P99_LIMIT_MS)


def _arrive(port: int, arrivals: list[tuple[float, bytes]]) -> list[float]:
    """Send each request when it is due, over as many connections as are needed; how long each
    took from then, in seconds.
    """
    due: queue.SimpleQueue[tuple[float, bytes] | None] = queue.SimpleQueue()
    waits: list[float] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with Caller(port) as caller:
                while (item := due.get()) is not None:
                    status, body = caller.call(item[1])
                    if status != 200:
                        raise RuntimeError(f"answer {status}: {body[:300]!r}")
                    waits.append(perf_counter() - item[0])
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(OPEN_CALLERS)]
    for thread in threads:
        thread.start()
    began = perf_counter()
    for at, request in arrivals:
        wait = began + at - perf_counter()
        if wait > 0:
            sleep(wait)
        due.put((began + at, request))
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return waits


def ingest_batch_1000() -> Figure:
    """Readings a second, a thousand readings a call."""
    return _measure("ingest_batch_1000", batch=1000, calls=20)


def ingest_threads_lost() -> Figure:
    """Readings that were answered as accepted and are not in the database; must be 0."""
    with database() as (url, folder):
        mall = BenchMall(url)
        with web(url, folder, workers=WORKERS) as port:
            calls = LOSS_READINGS // LOSS_THREADS // LOSS_BATCH
            requests = [
                [mall.request(LOSS_BATCH) for _ in range(calls)] for _ in range(LOSS_THREADS)
            ]
            _, accepted = _send(port, requests)
        stored = mall.count()
    if accepted != LOSS_READINGS:
        raise RuntimeError(f"{accepted} readings of {LOSS_READINGS} were answered as accepted")
    return Figure("ingest_threads_lost", "readings", accepted - stored)


def _measure(name: str, *, batch: int, calls: int) -> Figure:
    """The median of rounds, each with all three side by side, so that a noisy machine hits all."""
    ours, limit, peer = [], [], []
    with database() as (url, folder):
        mall = BenchMall(url)
        with web(url, folder, workers=WORKERS) as port:
            _send(port, [[mall.request(batch)] * 1 for _ in range(CALLERS * 2)])
            for number in range(ROUNDS):
                limit.append(_copy(url, number))
                requests = [[mall.request(batch) for _ in range(calls)] for _ in range(CALLERS)]
                seconds, accepted = _send(port, requests)
                if accepted != batch * calls * CALLERS:
                    raise RuntimeError(f"only {accepted} readings were accepted")
                ours.append(accepted / seconds)
                peer.append(_through_orm(url, number, batch=batch, times=max(2, 300 // batch)))
    return Figure(name, "readings/s", median(ours), median(limit), median(peer))


class BenchMall:
    """A mall with tills, a gateway's key, and an endless supply of new readings."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=6)
        self.sent = 0
        engine = create_engine(url)
        with transaction(engine) as session:
            mall_id: int = session.execute(
                sa.text("INSERT INTO app.malls (code, name) VALUES ('B', 'Bench') RETURNING id")
            ).scalar_one()
            session.execute(
                sa.text(
                    "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
                    "SELECT :mall, 'POS-' || n, 'POS', 'EVENT' FROM generate_series(1, :n) AS n"
                ),
                {"mall": mall_id, "n": TILLS},
            )
            self.key = create_device_key(
                session, mall_id=mall_id, device_id=None, name="bench", now=self.start
            )
        engine.dispose()

    def request(self, batch: int, *, is_spread: bool = False) -> bytes:
        """One till's next `batch` sales, a quarter of a second apart, or anywhere in the last
        twelve months.
        """
        first, self.sent = self.sent, self.sent + batch
        till = f"POS-{first // max(batch, 1) % TILLS + 1}"
        # Each till has its own tills' time: no key comes twice.
        readings = [
            {
                "device_id": till,
                "data_type": "sales",
                "value": random.randint(100, 99_999) / 100,
                "timestamp": self._time(first + i, is_spread=is_spread)
                .isoformat()
                .replace("+00:00", "Z"),
            }
            for i in range(batch)
        ]
        body = json.dumps(readings if batch > 1 else readings[0])
        return readings_request(self.key, body.encode())

    def _time(self, number: int, *, is_spread: bool) -> datetime:
        at = self.start + timedelta(milliseconds=250 * number)
        # Whole weeks, more than all readings span: no two alike.
        return at - timedelta(weeks=random.randrange(52)) if is_spread else at

    def count(self) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT count(*) FROM ingest.readings").fetchone()
        return row[0] if row else 0


def _send(port: int, requests: list[list[bytes]]) -> tuple[float, int]:
    """Send each list over a connection and thread of its own; seconds, and readings accepted."""
    accepted = [0] * len(requests)
    errors: list[BaseException] = []
    ready = threading.Barrier(len(requests) + 1)

    def work(number: int) -> None:
        try:
            with Caller(port) as caller:
                ready.wait()
                for request in requests[number]:
                    status, body = caller.call(request)
                    if status != 200:
                        raise RuntimeError(f"answer {status}: {body[:300]!r}")
                    accepted[number] += json.loads(body)["accepted"]
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
            ready.abort()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(requests))]
    for thread in threads:
        thread.start()
    ready.wait()
    began = perf_counter()
    for thread in threads:
        thread.join()
    seconds = perf_counter() - began
    if errors:
        raise errors[0]
    return seconds, sum(accepted)


def _rows(keys: int, count: int, number: int) -> list[tuple[int, datetime, Decimal]]:
    start = datetime.now(UTC).replace(day=2, hour=0, minute=0, second=0, microsecond=0)
    return [
        (
            keys + number * 1000 + n // 1000,
            start + timedelta(seconds=n % 1000),
            Decimal(random.randint(100, 99_999)) / 100,
        )
        for n in range(count)
    ]


def _copy(url: str, number: int) -> float:
    """Rows a second of COPY, 10,000 a time, each committed."""
    now = datetime.now(UTC)
    chunks = [
        "".join(
            f"{device}\tsales\t{at}\t{at}\t{value}\tGOOD\t{now}\t1\n"
            for device, at, value in _rows(COPY_KEYS + chunk * 10_000, COPY_ROWS, number)
        ).encode()
        for chunk in range(COPY_CHUNKS)
    ]
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        began = perf_counter()
        for rows in chunks:
            with cursor.copy(f"COPY ingest.readings ({COLUMNS}) FROM STDIN") as copy:
                copy.write(rows)
        return COPY_ROWS * COPY_CHUNKS / (perf_counter() - began)


def _through_orm(url: str, number: int, *, batch: int, times: int) -> float:
    engine = create_engine(url)
    now = datetime.now(UTC)
    rows = _rows(PEER_KEYS, batch * times, number)
    began = perf_counter()
    for at in range(0, len(rows), batch):
        with Session(engine) as session:
            session.add_all(
                Reading(
                    device_id=device,
                    metric="sales",
                    interval_start=start,
                    interval_end=start,
                    value=value,
                    received_at=now,
                    batch_id=1,
                )
                for device, start, value in rows[at : at + batch]
            )
            session.commit()
    seconds = perf_counter() - began
    engine.dispose()
    return len(rows) / seconds


MEASURES: dict[str, Callable[[], Figure]] = {
    "ingest_batch_1": ingest_batch_1,
    "ingest_batch_1000": ingest_batch_1000,
    "ingest_p99_ms": ingest_p99_ms,
    "ingest_random_timestamps": ingest_random_timestamps,
    "ingest_threads_lost": ingest_threads_lost,
}
