"""The scratch server a backup is restored to, never the live one.

Belongs here: its data directory, its configuration, its life. It listens on loopback on a port
of its own, takes the passwords that were backed up, and is deleted when the block ends. What a
killed drill left behind is deleted by the next.
"""

import fcntl
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa

from storage.backup.errors import BackupDamaged, BackupRefused
from storage.postgres import EmbeddedServer, PostgresError, embedded_server
from storage.settings import Settings

NAME = "restore-drill"
CHUNK = 1024 * 1024

# Nothing of the copied configuration is used: it may archive, preload or listen elsewhere.
CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 20
max_wal_senders = 0
max_prepared_transactions = 100
fsync = off
full_page_writes = off
autovacuum = off
timezone = UTC
log_timezone = UTC
"""
ACCESS = "host all all 127.0.0.1/32 md5\n"  # md5 takes SCRAM passwords too


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Scratch:
    """A data directory for one restored server."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server

    @property
    def folder(self) -> Path:
        """Where the drill keeps its files; only this user, or the server's, may enter."""
        return self.server.directory

    def require_space(self, needed: int) -> None:
        """Raises BackupRefused when fewer than `needed` bytes are free."""
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise BackupRefused(
                f"the proof needs {needed:,} bytes free in {self.folder}; there are {free:,}"
            )

    def unpack(self, stream: Readable) -> None:
        """Write the files of a base backup's tar. Raises BackupDamaged for one that holds
        anything but files and folders inside itself.
        """
        data = self.server.data
        self._make_folder(data)
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as tar:  # type: ignore[call-overload]
                for member in tar:
                    path = data / member.name
                    if ".." in path.parts or not path.is_relative_to(data):
                        raise BackupDamaged(f"the archive would write outside: {member.name!r}")
                    if member.isdir():
                        self._make_folder(path)
                    elif member.isreg():
                        content = tar.extractfile(member)
                        assert content is not None
                        self._write(path, content)
                    else:
                        raise BackupDamaged(f"the archive holds a link or device: {member.name!r}")
        except tarfile.TarError as error:
            raise BackupDamaged(f"the archive is not whole: {error}") from None
        # The padding after the last member: read to the end, where the stream checks itself.
        while stream.read(CHUNK):
            pass

    def verify(self) -> None:
        """Compare every file with PostgreSQL's own manifest. Raises BackupDamaged."""
        try:
            self.server.run("pg_verifybackup", "--quiet", str(self.server.data))
        except PostgresError as error:
            raise BackupDamaged(str(error)) from None

    @contextmanager
    def running(self, url: str) -> Iterator[str]:
        """The restored server, started, and its URL: that of the live one `url` with another
        port. Raises BackupDamaged when it does not start.
        """
        data = self.server.data
        for name, text in (
            ("postgresql.conf", CONFIGURATION),
            ("postgresql.auto.conf", ""),
            ("pg_hba.conf", ACCESS),
            ("pg_ident.conf", ""),
        ):
            (data / name).unlink(missing_ok=True)
            (data / name).write_text(text)
            self._give(data / name)
        try:
            self.server.start()
        except PostgresError as error:
            raise BackupDamaged(f"the restored server does not start: {error}") from None
        try:
            live = sa.make_url(url)
            restored = sa.URL.create(
                "postgresql", live.username, live.password, "127.0.0.1", self.server.port(),
                live.database,
            )  # fmt: skip
            yield restored.render_as_string(hide_password=False)
        finally:
            self.stop()

    def stop(self) -> None:
        """End the scratch server at once: what it holds is deleted anyway."""
        if (self.server.data / "postmaster.pid").exists():
            self.server.run(
                "pg_ctl", "-D", str(self.server.data), "-m", "immediate", "-w", "stop", check=False
            )

    def clear(self) -> None:
        self.stop()
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _make_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        self._give(path)

    def _write(self, path: Path, content: IO[bytes]) -> None:
        with path.open("xb") as file:
            shutil.copyfileobj(content, file, CHUNK)
        path.chmod(0o600)
        self._give(path)

    def _give(self, path: Path) -> None:
        if self.server.user is not None:
            os.chown(path, self.server.user.pw_uid, self.server.user.pw_gid)


@contextmanager
def scratch(settings: Settings) -> Iterator[Scratch]:
    """The scratch server's place, empty; one drill at a time, a second waits for the first."""
    place = Scratch(embedded_server(settings, NAME))
    with (settings.state_dir / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place.clear()
        try:
            yield place
        finally:
            place.clear()
