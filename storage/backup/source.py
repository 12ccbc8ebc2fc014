"""The server that is backed up, read with PostgreSQL's own pg_basebackup.

Belongs here: whether a server can be backed up by this machine, and the running program. The
program is the embedded package's, also for a server of one's own: it speaks the replication
protocol over the network, so no file of that server has to be reachable.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import psycopg
import sqlalchemy as sa

from storage.backup.errors import BackupError, BackupRefused
from storage.backup.manifest import Source
from storage.backup.streams import widen
from storage.postgres import EmbeddedServer


def postgres_major(server: EmbeddedServer) -> int:
    """Major version of the embedded package's programs."""
    return int(server.run("postgres", "--version").stdout.split()[-1].partition(".")[0])


def inspect_source(url: str, server: EmbeddedServer) -> Source:
    """What the server at `url` is.

    Raises BackupRefused when pg_basebackup could not back it up here, or this machine could not
    prove the backup by restoring it; the message says what to change.
    """
    with psycopg.connect(url) as connection:
        row = connection.execute(
            """
            SELECT current_setting('server_version_num')::int / 10000,
                   (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user),
                   (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
                   (SELECT count(*) FROM pg_tablespace) > 2,
                   current_setting('wal_level') = 'minimal'
                   OR current_setting('max_wal_senders')::int = 0,
                   current_user, current_database()
            """
        ).fetchone()
        if row is None:
            raise AssertionError("the server did not answer")
        major, may_replicate, reads_all, has_tablespaces, has_no_wal_sender, user, database = row
        ours = postgres_major(server)
        if major != ours:
            raise BackupRefused(
                f"the database runs PostgreSQL {major}, the programs here are of {ours}: a backup "
                f"could not be proven. Move the database to PostgreSQL {ours}, or back it up with "
                "its own tools"
            )
        if not may_replicate:
            raise BackupRefused(
                f"the role {user} may not read a backup: ALTER ROLE {user} REPLICATION, and "
                "allow `replication` for it in pg_hba.conf"
            )
        if not reads_all:
            raise BackupRefused(
                f"the role {user} may not read every row, so the backup could not be compared: "
                f"ALTER ROLE {user} BYPASSRLS"
            )
        if has_no_wal_sender:
            raise BackupRefused(
                "the database must be set to wal_level = replica and max_wal_senders of 2 or more"
            )
        if has_tablespaces:
            raise BackupRefused(
                "the database has tablespaces of its own, which one stream cannot hold: "
                "move their tables to pg_default"
            )
        version = connection.execute("SELECT version_num FROM app.alembic_version").fetchone()
        identifier = system_identifier(connection)
    return Source(
        database=database,
        system_identifier=identifier,
        postgres_major=major,
        schema_version=version[0] if version else "",
    )


def system_identifier(connection: psycopg.Connection) -> str:
    """What tells this server from others; empty where the role may not read the control file,
    which takes a superuser or pg_monitor.
    """
    allowed = connection.execute(
        "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')"
    ).fetchone()
    if not (allowed and allowed[0]):
        return ""
    row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    return str(row[0]) if row else ""


@dataclass
class BaseBackup:
    """A running pg_basebackup: `tar` is to be read to its end, then `settle` tells how it went."""

    process: subprocess.Popen[bytes]
    tar: IO[bytes]
    messages: IO[bytes]

    def settle(self) -> None:
        """Wait for the end. Raises BackupError with the program's own words when it failed."""
        if self.process.wait() != 0:
            self.messages.seek(0)
            words = self.messages.read()[-2000:].decode(errors="replace").strip()
            raise BackupError(f"pg_basebackup failed: {words}")


@contextmanager
def base_backup(url: str, server: EmbeddedServer) -> Iterator[BaseBackup]:
    """Start pg_basebackup of the server at `url`: a tar with all databases, the write-ahead log
    it needs and, as its last member, the manifest that pg_verifybackup reads.
    """
    parts = sa.make_url(url)
    # The password goes by the environment: arguments can be seen by everybody on the machine.
    plain = sa.URL.create(
        "postgresql", parts.username, None, parts.host, parts.port, parts.database, parts.query
    )
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            [
                server.program("pg_basebackup"),
                "--dbname", plain.render_as_string(),
                "--format=tar", "--pgdata=-", "--wal-method=fetch", "--checkpoint=fast",
                "--no-password", "--label=atrium",
            ],
            cwd="/",
            env=server.environment() | {"PGPASSWORD": parts.password or ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            **server.identity(),
        )  # fmt: skip
        assert process.stdout is not None
        widen(process.stdout.fileno())
        try:
            yield BaseBackup(process, process.stdout, messages)
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()
            process.wait()
