"""The API as it is really served: gunicorn, kept connections, bodies that lie about themselves."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from databases import create_database, drop_database

from bench.ingest import BenchMall
from bench.web_server import Caller, readings_request, web
from services.operations.device_keys import create_device_key, revoke_device_key
from services.operations.signing_vault import open_vault
from storage.database import create_engine, transaction
from storage.settings import Settings
from webapp.api import connections
from webapp.api.signing_guide import EXAMPLES


@dataclass(frozen=True)
class Site:
    port: int
    mall: BenchMall
    folder: Path


@pytest.fixture(scope="module")
def site(server_url: str, template_url: str) -> Iterator[Site]:
    url = create_database(server_url, template_url)
    folder = Path(tempfile.mkdtemp(prefix="atrium-served-"))
    try:
        with web(url, folder) as port:
            yield Site(port, BenchMall(url), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        drop_database(server_url, url)


def raw(site: Site, head: bytes, body: bytes = b"") -> tuple[int, float]:
    """Status of a hand-made request and the seconds it took."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        connection.sendall(
            b"POST /api/v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\n"
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


def alert(start: str, enter: int) -> bytes:
    """An interval of a Hikvision camera, as its alertStream sends it."""
    end = start[:14] + "15:00+08:00"
    xml = (
        '<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">'
        "<macAddress>00:00:5e:00:53:c1</macAddress><channelID>1</channelID>"
        f"<dateTime>{end}</dateTime><eventType>PeopleCounting</eventType>"
        "<peopleCounting><statisticalMethods>timeRange</statisticalMethods>"
        f"<TimeRange><startTime>{start}</startTime><endTime>{end}</endTime></TimeRange>"
        f"<enter>{enter}</enter><exit>0</exit></peopleCounting></EventNotificationAlert>"
    ).encode()
    head = (
        b"--boundary\r\nContent-Type: application/xml; charset=UTF-8\r\nContent-Length: %d\r\n\r\n"
    )
    return head % len(xml) + xml + b"\r\n"


def test_camera_pushes_a_multipart_stream_with_basic(site: Site) -> None:
    engine = create_engine(site.mall.url)
    with transaction(engine) as session:
        device = session.execute(
            sa.text(
                "INSERT INTO app.devices (mall_id, code, kind, feed_kind, adapter, serial, channel)"
                " SELECT id, 'CAM-1', 'FOOTFALL', 'INTERVAL', 'hikvision', '00005e0053c1', '1'"
                " FROM app.malls RETURNING id"
            )
        ).scalar_one()
    day = datetime.now(UTC).date().isoformat()
    body = b"".join(alert(f"{day}T{hour:02}:00:00+08:00", 5 + hour) for hour in range(3))
    body += b"--boundary--\r\n"
    user, _, password = site.mall.key.partition("_")
    request = (
        b"POST /api/v1/devices/hikvision HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: multipart/form-data; boundary=boundary\r\n"
        b"Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()) + b"\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    # A process may know the devices of five seconds ago, and asks anew once a second.
    time.sleep(connections.RELOAD_SECONDS)
    with Caller(site.port) as caller:
        answers = [caller.call(request) for _ in range(2)]
    assert [status for status, _ in answers] == [200, 200]
    assert [json.loads(text)["accepted"] for _, text in answers] == [6, 0]
    assert json.loads(answers[1][1])["duplicate"] == 6
    with engine.connect() as connection:
        found = connection.execute(
            sa.text(
                "SELECT count(*), sum(value) FROM ingest.readings "
                "WHERE device_id = :device AND metric = 'footfall_in'"
            ),
            {"device": device},
        ).one()
    engine.dispose()
    assert tuple(found) == (3, 18)


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


SLOW = 60
# Of those who hold no thread; and of those whose large bodies may hold half of the threads.
NEXT_CALL_SECONDS = 5.0
NEXT_CALL_BEHIND_LARGE_BODIES_SECONDS = 20.0


def slow_lines(site: Site) -> dict[str, tuple[bytes, float]]:
    """What a slow line has sent so far, and how long the next caller may wait."""
    head = (
        "POST /api/v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {site.mall.key}\r\n"
    ).encode()
    form = (
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
    )
    large = b"Content-Length: 1000000\r\n\r\n" + b" " * 300_000
    return {
        "nothing": (b"", NEXT_CALL_SECONDS),
        "a byte of a head": (b"P", NEXT_CALL_SECONDS),
        "half a head": (head, NEXT_CALL_SECONDS),
        "a byte of a body": (head + b"Content-Length: 1000\r\n\r\n[", NEXT_CALL_SECONDS),
        "half of a form": (form + b"Content-Length: 1000\r\n\r\nemail=", NEXT_CALL_SECONDS),
        "a third of a large body": (head + large, NEXT_CALL_BEHIND_LARGE_BODIES_SECONDS),
        "a third of a large form": (form + large, NEXT_CALL_BEHIND_LARGE_BODIES_SECONDS),
    }


@pytest.mark.parametrize("sent", ["nothing", "a byte of a head", "half a head", "a byte of a body",
                                  "half of a form", "a third of a large body",
                                  "a third of a large form"])  # fmt: skip
def test_sixty_slow_lines_do_not_stop_the_next_callers(site: Site, sent: str) -> None:
    """Eight callers at once, so that both processes are asked."""
    text, limit = slow_lines(site)[sent]
    requests = [site.mall.request(1) for _ in range(8)]
    waited: list[float] = []

    def call(request: bytes) -> None:
        began = time.monotonic()
        with Caller(site.port) as caller:
            assert caller.call(request)[0] == 200
        waited.append(time.monotonic() - began)

    with contextlib.ExitStack() as lines:
        for _ in range(SLOW):
            line = socket.create_connection(("127.0.0.1", site.port), timeout=30)
            lines.enter_context(line)
            line.sendall(text)
        time.sleep(0.2)
        threads = [threading.Thread(target=call, args=(request,)) for request in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(waited) == 8
    assert max(waited) < limit
    print(f"{sent}: {max(waited):.2f} s")


def test_body_in_pieces_is_taken_when_it_is_whole(site: Site) -> None:
    request = site.mall.request(10)
    with Caller(site.port) as caller:
        for at in range(0, len(request), 200):
            caller.socket.sendall(request[at : at + 200])
            time.sleep(0.01)
        status, body = caller.call(b"")
        assert (status, json.loads(body)["accepted"]) == (200, 10)
        # The kept connection goes on, whatever was awaited of the call before.
        assert caller.call(site.mall.request(1))[0] == 200


def test_head_that_does_not_come_is_given_up_and_told_so(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=40) as line:
        line.sendall(b"POST /api/v1/readings HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        assert line.recv(65536).startswith(b"HTTP/1.1 408 ")
    assert 15 < time.monotonic() - began < 30


def test_body_that_ends_early_is_answered_at_once(site: Site) -> None:
    request = site.mall.request(10)
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as line:
        line.sendall(request[:-20])
        line.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        answer = line.recv(65536)
    assert b" 422 " in answer.split(b"\r\n")[0]
    assert time.monotonic() - began < 5


def test_large_body_that_stops_coming_is_told_so(site: Site) -> None:
    body = b"[" + b" " * 999_999
    request = readings_request(site.mall.key, body)
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as line:
        line.sendall(request[:500_000])
        began = time.monotonic()
        answer = b""
        while not answer.endswith(b"}") and (part := line.recv(65536)):  # head, then body
            answer += part
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"problem-too-slow" in answer
    assert time.monotonic() - began < 25
    assert is_answered(site)


def test_revoked_key_is_refused_by_both_processes_at_its_next_call(site: Site) -> None:
    engine = create_engine(site.mall.url)
    with transaction(engine) as session:
        mall_id = session.execute(sa.text("SELECT id FROM app.malls")).scalar_one()
        key = create_device_key(
            session, mall_id=mall_id, device_id=None, name="", now=datetime.now(UTC)
        )
    request = readings_request(key, b"[{")
    callers = [Caller(site.port) for _ in range(16)]
    try:
        # Each process has spoken with this key: had it kept it, it would take it again.
        assert {caller.call(request)[0] for caller in callers} == {422}
        with transaction(engine) as session:
            revoke_device_key(session, public_id=key.split("_")[0], now=datetime.now(UTC))
        assert {caller.call(request)[0] for caller in callers} == {401}
    finally:
        for caller in callers:
            caller.socket.close()
        engine.dispose()


@pytest.mark.parametrize("command", [[sys.executable, "sign_call.py"], ["sh", "sign_call.sh"]])
def test_printed_program_posts_a_signed_call(
    site: Site, tmp_path: Path, command: list[str]
) -> None:
    engine = create_engine(site.mall.url)
    with transaction(engine) as session:
        mall_id = session.execute(sa.text("SELECT id FROM app.malls")).scalar_one()
        key = create_device_key(
            session,
            mall_id=mall_id,
            device_id=None,
            name="",
            now=datetime.now(UTC),
            vault=open_vault(Settings(state_dir=site.folder, _env_file=None)),
            requires_signature=True,
        )
    engine.dispose()
    body = tmp_path / "body.json"
    body.write_bytes(site.mall.request(3).partition(b"\r\n\r\n")[2])
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{site.port}", str(body)],
        cwd=EXAMPLES,
        env={**os.environ, "ATRIUM_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == 3, done.stdout
