"""The API as it is really served: gunicorn, kept connections, bodies that lie about themselves."""

import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from flask import Request

from bench.ingest import _Mall
from bench.web_server import Caller, readings_request, web
from storage.database import migrate
from webapp.api import bodies
from webapp.api.bodies import Announced, read_body
from webapp.api.problems import ApiProblem


@dataclass(frozen=True)
class Site:
    port: int
    mall: _Mall


@pytest.fixture(scope="module")
def site(server_url: str) -> Iterator[Site]:
    name = f"served_{time.time_ns()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server_url.rsplit("/", 1)[0] + f"/{name}"
    migrate(url)
    folder = Path(tempfile.mkdtemp(prefix="atrium-served-"))
    try:
        with web(url, folder) as port:
            yield Site(port, _Mall(url))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def raw(site: Site, head: bytes, body: bytes = b"") -> tuple[int, float]:
    """Status of a hand-made request and the seconds it took."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        connection.sendall(
            b"POST /api/v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {site.mall.key}\r\n".encode()
            + head
            + b"\r\n"
            + body
        )
        answer = connection.recv(65536)
    return int(answer.split(b" ", 2)[1]), time.monotonic() - began


def is_answered(site: Site) -> bool:
    with Caller(site.port) as caller:
        return caller.call(site.mall.request(1))[0] == 200


def test_readings_are_taken_over_one_kept_connection(site: Site) -> None:
    with Caller(site.port) as caller:
        for batch in (1, 10, 1000):
            status, body = caller.call(site.mall.request(batch))
            assert (status, json.loads(body)["accepted"]) == (200, batch)


def test_chunked_body_is_refused_and_the_next_call_is_answered(site: Site) -> None:
    chunked = b"5\r\n[1,2]\r\n0\r\n\r\n"
    assert raw(site, b"Transfer-Encoding: chunked\r\n", chunked)[0] == 411
    assert raw(site, b"")[0] == 411
    assert is_answered(site)


def test_ten_gigabytes_are_refused_before_they_come(site: Site) -> None:
    status, seconds = raw(site, b"Content-Length: 10737418240\r\n", b"[" * 100)
    assert status == 413
    assert seconds < 5
    assert is_answered(site)


def test_wrong_key_is_refused_without_reading_the_body(site: Site) -> None:
    request = readings_request("0000_wrong", b"[" + b" " * 1_000_000 + b"]")
    with Caller(site.port) as caller:
        status, body = caller.call(request)
    assert (status, json.loads(body)["type"]) == (401, "/api/docs#problem-wrong-key")


def test_sixteen_callers_lose_no_acknowledged_reading(site: Site) -> None:
    before = site.mall.count()
    requests = [[site.mall.request(50) for _ in range(5)] for _ in range(16)]
    accepted = [0] * 16

    def work(number: int) -> None:
        with Caller(site.port) as caller:
            for request in requests[number]:
                status, body = caller.call(request)
                if status == 200:
                    accepted[number] += json.loads(body)["accepted"]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(accepted) == 16 * 5 * 50
    assert site.mall.count() - before == sum(accepted)


def test_body_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PAUSE_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"[1,")
        line = ours.makefile("rb", buffering=0)
        request = Request(
            {
                "gunicorn.socket": ours,
                "wsgi.input": line,
                "CONTENT_LENGTH": "1000",
                "REQUEST_METHOD": "POST",
            }
        )
        began = time.monotonic()
        with pytest.raises(ApiProblem, match="Content-Length says 1,000"):
            read_body(request, Announced(1000, "application/json", False, False))
        assert time.monotonic() - began < 5
        assert ours.gettimeout() is None
        line.close()
