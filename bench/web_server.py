"""The site as it is served: gunicorn over an embedded server, in folders that go away."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.database import migrate
from storage.logins import prepare_logins
from storage.postgres import EmbeddedServer, embedded_server, free_port
from storage.settings import REPOSITORY, Settings

START_SECONDS = 180


@contextmanager
def database() -> Iterator[tuple[str, Path]]:
    """A migrated, empty database on a server of its own, and the state folder it lives in."""
    with database_server() as (_, url, folder):
        yield url, folder


@contextmanager
def database_server() -> Iterator[tuple[EmbeddedServer, str, Path]]:
    """As `database`, with the server itself."""
    folder = Path(tempfile.mkdtemp(prefix="atrium-bench-"))
    folder.chmod(0o755)
    server = embedded_server(Settings(state_dir=folder, _env_file=None))
    server.start()
    try:
        url = server.url("postgres")
        migrate(url)
        yield server, url, folder
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def web(
    url: str, folder: Path, *, workers: int = 2, threads: int = 4, log_level: str = "WARNING"
) -> Iterator[int]:
    """Gunicorn with `workers` processes over the database; the port it answers on.

    Its log is `web.log` in `folder`, its logins' secrets are there too.
    """
    with running_web(url, folder, workers=workers, threads=threads, log_level=log_level) as (
        port,
        _,
    ):
        yield port


@contextmanager
def running_web(
    url: str, folder: Path, *, workers: int = 2, threads: int = 4, log_level: str = "WARNING"
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """As `web`, with gunicorn's own process."""
    prepare_logins(Settings(state_dir=folder, _env_file=None), url)
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ATRIUM_")
    }
    environment.update(
        ATRIUM_STATE_DIR=str(folder),
        ATRIUM_DATABASE_URL=url,
        ATRIUM_WEB_PORT=str(port),
        ATRIUM_WEB_WORKERS=str(workers),
        ATRIUM_WEB_THREADS=str(threads),
        ATRIUM_LOG_LEVEL=log_level,
        # One key speaks for a whole mall here: it is counted, and never refused.
        ATRIUM_API_KEY_CALLS_PER_MINUTE=str(10**9),
        ATRIUM_API_KEY_BYTES_PER_MINUTE=str(10**12),
    )
    command = ["-c", "python:webapp.gunicorn_conf", "webapp.wsgi:app"]
    with gunicorn(command, environment, port, folder / "web.log") as process:
        yield port, process


@contextmanager
def peer(url: str, folder: Path, *, workers: int = 2, threads: int = 4) -> Iterator[int]:
    """The peer's endpoint (bench.peer_server) under the same server; the port it answers on."""
    port = free_port()
    command = [
        *("--workers", str(workers), "--threads", str(threads), "--worker-class", "gthread"),
        *("--bind", f"127.0.0.1:{port}", "--keep-alive", "15", "bench.peer_server:app"),
    ]
    environment = {**os.environ, "PEER_DATABASE_URL": url}
    with gunicorn(command, environment, port, folder / "peer.log"):
        yield port


@contextmanager
def gunicorn(
    command: list[str], environment: dict[str, str], port: int, log_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """gunicorn once it answers, until the end of the block."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *command],
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(process, port, log_path)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the site does not start:\n{log.read_text(errors='replace')[-3000:]}")


class Caller:
    """One kept connection that sends prepared requests: the benchmark's own cost stays small."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def call(self, request: bytes) -> tuple[int, bytes]:
        """Send one whole request; status and body of its answer."""
        self.socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError(f"the server hung up after {answer[:200]!r}")
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head.split(b" ", 2)[1]), body


def readings_request(key: str, body: bytes, *headers: str) -> bytes:
    """A POST of readings, ready to be sent."""
    lines = (
        "POST /api/v1/readings HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body
