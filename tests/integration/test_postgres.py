"""The embedded server: made, started, found, shared and brought back."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from storage.postgres import EmbeddedServer, PostgresError, embedded_server
from storage.settings import Settings


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    path = Path(tempfile.mkdtemp(prefix="atrium 中庭 "))
    path.chmod(0o755)
    server = embedded_server(Settings(state_dir=path, _env_file=None))
    yield server
    server.stop()
    shutil.rmtree(path, ignore_errors=True)


def postmaster(server: EmbeddedServer) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def one(url: str) -> int:
    with psycopg.connect(url.rsplit("/", 1)[0] + "/postgres") as connection:
        row = connection.execute("SELECT 1").fetchone()
    return row[0] if row else 0


def test_started_twice_is_one_server(server: EmbeddedServer) -> None:
    assert server.start() == server.start()
    assert one(server.url()) == 1


def test_killed_server_comes_back(server: EmbeddedServer) -> None:
    server.start()
    os.kill(postmaster(server), signal.SIGKILL)
    assert one(server.start()) == 1


def test_last_holder_stops_the_server(server: EmbeddedServer) -> None:
    with server.held() as url:
        with server.held():
            pass
        assert one(url) == 1
    assert not server.is_running()


def test_half_made_cluster_is_made_again(server: EmbeddedServer) -> None:
    (server.directory / "data.draft").mkdir()
    (server.directory / "data.draft" / "PG_VERSION").write_text("18")
    assert one(server.start()) == 1


def test_connection_without_password_is_refused(server: EmbeddedServer) -> None:
    url = server.start().replace(server.password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        one(url)


def test_server_listens_on_loopback_only(server: EmbeddedServer) -> None:
    with psycopg.connect(server.start().rsplit("/", 1)[0] + "/postgres") as connection:
        row = connection.execute("SHOW listen_addresses").fetchone()
    assert row == ("127.0.0.1",)


def test_url_of_a_stopped_server_is_an_error(server: EmbeddedServer) -> None:
    with pytest.raises(PostgresError, match="not running"):
        server.url()


def test_start_that_cannot_succeed_shows_the_log(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    server.stop()
    monkeypatch.setattr("storage.postgres.START_SECONDS", 0)
    with (server.data / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = nonsense\n")
    began = time.monotonic()
    with pytest.raises(PostgresError, match="nonsense"):
        server.start()
    assert time.monotonic() - began < 30
