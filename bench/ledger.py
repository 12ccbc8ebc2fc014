"""Acknowledged readings survive: callers keep a ledger while web workers and Postgres are killed.

Sixteen threads post single readings and small batches and send each again until it is answered
200; every answer is written down in a ledger file before the next call. Meanwhile a gunicorn
worker, a backend or the whole of Postgres is killed with -9 at random and, where nobody else
does, started again. In the end every reading of the ledger must stand in the database with its
value (or it is lost), and none may have become a revision or have been taken as new twice (or it
is doubled).

    python -m bench.ledger --seconds 300
    python -m bench.ledger --seconds 60 --mutate

`--mutate` sets synchronous_commit off: killing Postgres must then lose some, or the check is
none. Not here: power cuts, which no kill of a process shows.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psycopg

from bench.figures import Figure
from bench.ingest import TILLS, BenchMall
from bench.web_server import Caller, database_server, readings_request, running_web
from storage.postgres import EmbeddedServer

THREADS = 16
FULL_SECONDS = 300.0
PAUSES = (1.0, 4.0)  # seconds between two kills
BATCHES = (1, 1, 1, 20, 100)
RETRY_SECONDS = 0.05
GIVE_UP_SECONDS = 180.0


@dataclass
class Report:
    """`back` are seconds from each kill to the next acknowledgement of anybody; `restarts` those
    that Postgres itself took to be there again.
    """

    seconds: float
    kills: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    calls: int = 0
    repeated: int = 0
    lost: int = 0
    doubled: int = 0
    back: list[float] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        kills = ", ".join(f"{count} {what}" for what, count in sorted(self.kills.items()))
        return (
            f"{self.seconds:.0f} s: {sum(self.kills.values())} kills ({kills}); "
            f"{self.acknowledged:,} readings acknowledged in {self.calls:,} calls, "
            f"{self.repeated:,} calls sent again; {self.lost} lost, {self.doubled} doubled; "
            f"back in {median(self.back or [0]):.2f} s, at worst {max(self.back, default=0):.2f} s "
            f"(Postgres alone {max(self.restarts, default=0):.2f} s)"
        )


def run_killed(
    seconds: float, *, mutate: bool = False, seed: int | None = None, threads: int = THREADS
) -> Report:
    """Post and kill for so long, then compare ledger and database."""
    with database_server() as (server, url, folder):
        if mutate:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_commit = off")
                connection.execute("SELECT pg_reload_conf()")
        mall = BenchMall(url)
        port = server.port()
        assert port is not None
        with running_web(url, folder) as (web_port, process):
            report = Report(seconds)
            ledger = Ledger(folder / "ledger.ndjson")
            stop = threading.Event()
            callers = [
                threading.Thread(target=_call, args=(web_port, mall, n, ledger, stop, report))
                for n in range(threads)
            ]
            for thread in callers:
                thread.start()
            try:
                killer = _Killer(server, port, process.pid, random.Random(seed))  # nosec B311
                _kill_on(killer, seconds, ledger, report)
            finally:
                stop.set()
                for thread in callers:
                    thread.join()
        ledger.close()
        if ledger.errors:
            raise RuntimeError(f"a caller gave up: {ledger.errors[0]}")
        compare(url, folder / "ledger.ndjson", report)
    return report


class Ledger:
    """What was acknowledged, one line a reading, written before the next call of its caller."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w")
        self.lock = threading.Lock()
        self.last = time.monotonic()
        self.errors: list[str] = []

    def acknowledge(self, readings: list[dict[str, str]], answer: dict[str, int]) -> None:
        taken = {"accepted": answer["accepted"], "duplicate": answer["duplicate"]}
        with self.lock:
            self.file.writelines(json.dumps(one) + "\n" for one in readings)
            self.last = time.monotonic()
        if sum(taken.values()) != len(readings):
            self.errors.append(f"{len(readings)} readings were answered {answer}")

    def close(self) -> None:
        self.file.close()


def _call(
    port: int,
    mall: BenchMall,
    number: int,
    ledger: Ledger,
    stop: threading.Event,
    report: Report,
) -> None:
    """One caller: no two readings of the run have the same key."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
    sent = 0
    chance = random.Random()  # nosec B311
    caller: Caller | None = None
    while not stop.is_set():
        batch = chance.choice(BATCHES)
        readings = [
            {
                "device_id": f"POS-{(number + sent + n) % TILLS + 1}",
                "data_type": "sales",
                "value": f"{chance.randint(1, 99_999_999) / 100:.2f}",
                "timestamp": (
                    start + timedelta(milliseconds=(sent + n) * THREADS + number)
                ).isoformat(timespec="milliseconds"),
            }
            for n in range(batch)
        ]
        sent += batch
        request = readings_request(mall.key, json.dumps(readings).encode())
        began = time.monotonic()
        tries = 0
        while True:
            tries += 1
            try:
                caller = caller or Caller(port)
                status, body = caller.call(request)
            except (OSError, StopIteration, ValueError):
                # Killed in the middle: nobody knows whether it was taken.
                if caller is not None:
                    caller.socket.close()
                caller, status = None, 0
            if status == 200:
                ledger.acknowledge(readings, json.loads(body))
                break
            if status not in (0, 503, 500) or time.monotonic() - began > GIVE_UP_SECONDS:
                ledger.errors.append(f"status {status}: {body[:200]!r}")
                return
            time.sleep(RETRY_SECONDS)
        with ledger.lock:
            report.calls += 1
            report.repeated += tries > 1
    if caller is not None:
        caller.socket.close()


class _Killer:
    def __init__(
        self, server: EmbeddedServer, port: int, arbiter: int, chance: random.Random
    ) -> None:
        self.server, self.port, self.arbiter, self.chance = server, port, arbiter, chance
        self.restart_seconds = 0.0

    def kill(self) -> str:
        """Kill one of the three kinds, and start again what nobody else does; which."""
        what = self.chance.choice(("worker", "backend", "Postgres"))
        if what == "worker":
            self._kill_one(children_of(self.arbiter))
        else:
            postmaster = int((self.server.data / "postmaster.pid").read_text().split()[0])
            below = children_of(postmaster)
            if what == "backend":
                self._kill_one([one for one in below if _is_api_backend(one)])
            else:
                for one in (postmaster, *below):
                    _kill(one)
                self._start()
        return what

    def _kill_one(self, of: list[int]) -> None:
        if of:
            _kill(self.chance.choice(of))

    def _start(self) -> None:
        """On the port it had: the site knows it by its address."""
        began = time.monotonic()
        while True:
            done = self.server.run(
                "pg_ctl", "-D", str(self.server.data), "-w", "-t", "30",
                "-l", str(self.server.log), "-o", f"-p {self.port}", "start", check=False,
            )  # fmt: skip
            if done.returncode == 0 or self.server.is_running():
                self.restart_seconds = time.monotonic() - began
                return
            if time.monotonic() - began > GIVE_UP_SECONDS:
                raise RuntimeError("Postgres does not start again")
            time.sleep(0.05)


def _kill_on(killer: _Killer, seconds: float, ledger: Ledger, report: Report) -> None:
    ends = time.monotonic() + seconds
    while True:
        pause = killer.chance.uniform(*PAUSES)
        if time.monotonic() + pause > ends:
            time.sleep(max(0.0, ends - time.monotonic()))
            return
        time.sleep(pause)
        if ledger.errors:
            return
        began = time.monotonic()
        what = killer.kill()
        report.kills[what] = report.kills.get(what, 0) + 1
        while ledger.last <= began and time.monotonic() - began < GIVE_UP_SECONDS:
            time.sleep(0.005)
        # Of Postgres: what was on its way when it was killed may still be written down now.
        since = time.monotonic()
        if what == "Postgres":
            report.restarts.append(killer.restart_seconds)
            while ledger.last <= since and time.monotonic() - began < GIVE_UP_SECONDS:
                time.sleep(0.005)
        report.back.append(ledger.last - began)


def compare(url: str, ledger: Path, report: Report) -> None:
    with psycopg.connect(url) as connection:
        stored = {
            (device, at): value
            for device, at, value in connection.execute(
                "SELECT d.code, r.interval_start, r.value FROM ingest.readings r "
                "JOIN app.devices d ON d.id = r.device_id"
            )
        }
        row = connection.execute("SELECT count(*) FROM ingest.reading_revisions").fetchone()
        assert row is not None
        revised: int = row[0]
    seen: set[tuple[str, datetime]] = set()
    with ledger.open() as lines:
        for line in lines:
            one = json.loads(line)
            key = (one["device_id"], datetime.fromisoformat(one["timestamp"]))
            report.acknowledged += 1
            report.doubled += key in seen
            seen.add(key)
            report.lost += str(stored.get(key)) != one["value"]
    report.doubled += revised


def children_of(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                stat = (path / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.name))
    return found


def _is_api_backend(pid: int) -> bool:
    """By its title: `postgres: atrium_login_ingest atrium 127.0.0.1(41234) idle`."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return "_login_ingest" in title


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def ingest_killed() -> Figure:
    """Acknowledged readings that were lost or doubled in five minutes of kills; must be 0."""
    report = run_killed(FULL_SECONDS)
    print(report)
    return Figure("ingest_killed", "readings", report.lost + report.doubled)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger")
    parser.add_argument("--seconds", type=float, default=FULL_SECONDS)
    parser.add_argument("--mutate", action="store_true", help="commit without waiting for disk")
    parser.add_argument("--seed", type=int, help="of what is killed and when")
    given = parser.parse_args(arguments)
    report = run_killed(given.seconds, mutate=given.mutate, seed=given.seed)
    print(report)
    wrong = report.lost + report.doubled
    return int(not wrong) if given.mutate else int(bool(wrong))


MEASURES: dict[str, Callable[[], Figure]] = {"ingest_killed": ingest_killed}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
