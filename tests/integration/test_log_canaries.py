"""Secrets are sown everywhere a person or a device can put one; no log and no page shows them."""

import base64
import http.client
import io
import json
import logging
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from staff_mall import PASSWORD, build_staff_mall
from staff_site import StaffSite, token

from bench.web_server import web
from storage.database import create_engine, migrate
from storage.logins import prepare_logins
from storage.logs import configure_logs
from storage.settings import Settings

ADMIN = "admin@example.org"
CANARY = "canary7f3a9c"


@pytest.fixture
def log(staff_site: StaffSite) -> Iterator[io.StringIO]:
    """What the site writes into its log at the lowest level."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    stream = io.StringIO()
    configure_logs(Settings(log_level="DEBUG", _env_file=None), stream=stream)
    yield stream
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.setLevel(level)
    root.handlers[:] = handlers


def events(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_every_answer_is_one_line_with_its_number(staff_site: StaffSite, log: io.StringIO) -> None:
    client = staff_site.client(ADMIN)
    log.seek(0)
    log.truncate()
    answer = client.get(f"/admin/shops/details/?id={staff_site.mall.shop_id}&search={CANARY}")
    (line,) = [e for e in events(log) if e["logger"] == "atrium.web"]
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert (line["event"], line["method"], line["status"]) == ("request", "GET", 200)
    assert line["path"] == "/admin/shops/details/"
    assert isinstance(line["account_id"], int)
    assert isinstance(line["milliseconds"], float)
    assert CANARY not in log.getvalue()


def test_sign_in_leaves_neither_password_nor_address(
    staff_site: StaffSite, log: io.StringIO
) -> None:
    client = staff_site.client()
    staff_site.sign_in(client, ADMIN, f"wrong {CANARY} password")
    staff_site.sign_in(client, f"{CANARY}@example.org", PASSWORD)
    staff_site.client(ADMIN).get("/admin/")
    text = log.getvalue()
    assert len(events(log)) > 3
    assert CANARY not in text
    assert PASSWORD not in text
    assert ADMIN not in text


def test_failing_view_shows_its_secrets_nowhere(
    staff_site: StaffSite, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        password = f"{CANARY}-{len(args)}"
        raise RuntimeError(f"cannot reach postgresql://atrium:{password}@db/atrium")

    monkeypatch.setattr("webapp.admin.runs.list_runs", fail)
    monkeypatch.setitem(staff_site.app.config, "PROPAGATE_EXCEPTIONS", False)
    client = staff_site.client(ADMIN)
    answer = client.get(f"/admin/runs/?token={CANARY}", headers={"Cookie": f"other={CANARY}"})
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.text
    for word in (CANARY, "Traceback", "RuntimeError", "postgresql", "webapp", ".py"):
        assert word not in answer.text, word
    assert CANARY not in log.getvalue()
    failed = [e for e in events(log) if "exception" in e]
    assert "RuntimeError: cannot reach" in str(failed[0]["exception"])
    assert failed[0]["request_id"] == answer.headers["X-Request-ID"]


def test_refusal_of_the_database_is_kept_without_the_row(
    staff_site: StaffSite, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(session: object, **kwargs: object) -> None:
        with staff_site.engine.connect() as connection:
            connection.execute(
                sa.text("INSERT INTO app.users (email, password_hash) VALUES (:e, :p)"),
                {"e": ADMIN, "p": CANARY},
            )

    monkeypatch.setattr("webapp.admin.runs.list_runs", fail)
    monkeypatch.setitem(staff_site.app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = staff_site.client(ADMIN).get("/admin/runs/")
    assert answer.status_code == 500
    for word in (CANARY, "INSERT", "app.users", ADMIN):
        assert word not in answer.text
    assert CANARY not in log.getvalue()
    assert ADMIN not in log.getvalue()


def test_token_in_an_address_is_logged_as_its_route(
    staff_site: StaffSite, log: io.StringIO
) -> None:
    client = staff_site.client()
    rules = [r for r in staff_site.app.url_map.iter_rules() if "token" in r.arguments]
    addresses = [re.sub(r"<[^>]*token[^>]*>", f"{CANARY}abcdefgh", str(r)) for r in rules]
    for address in (*addresses, f"/invitation/{CANARY}", f"/x?token={CANARY}"):
        client.get(address)
        client.post(address, data={"csrf_token": token(client, "/sign-in"), "password": CANARY})
    assert CANARY not in log.getvalue()
    assert {str(r) for r in rules} <= {str(e.get("path")) for e in events(log)}


def test_device_key_is_in_no_line(staff_site: StaffSite, log: io.StringIO) -> None:
    client = staff_site.client()
    for key in (f"0123456789abcdef_{CANARY}{CANARY}", CANARY):
        answer = client.post(
            "/api/v1/readings",
            json={"device_id": CANARY},
            headers={"Authorization": f"Bearer {key}", "X-Signature": CANARY},
        )
        assert answer.status_code in (401, 422)
        assert CANARY not in answer.text
    assert any(e.get("path") == "/api/v1/readings" for e in events(log))
    assert CANARY not in log.getvalue()


def test_basic_secret_of_a_device_is_in_no_line(staff_site: StaffSite, log: io.StringIO) -> None:
    client = staff_site.app.test_client(use_cookies=False)
    secret = f"{CANARY}{CANARY}"
    pairs = (f"0123456789abcdef:{secret}", f"{CANARY}:{CANARY}", CANARY, f"{CANARY}\xff:")
    sown = [base64.b64encode(pair.encode("latin-1")).decode() for pair in pairs]
    for text in (*sown, f"{CANARY}!"):
        answer = client.post(
            "/api/v1/devices/techtrans",
            data=f"<a><password>{CANARY}</password></a>",
            headers={"Authorization": f"Basic {text}"},
        )
        assert answer.status_code == 401
        assert CANARY not in answer.text
        assert text not in answer.text
    lines = log.getvalue()
    assert any(e.get("path") == "/api/v1/devices/<adapter>" for e in events(log)), lines
    for text in (CANARY, *sown):
        assert text not in lines


# -- as it is served ----------------------------------------------------------------------------


@dataclass
class Served:
    port: int
    folder: Path
    cookie: str = field(default="")

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
        """Status, headers and body of an answer; cookies are kept."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        if self.cookie:
            sent["Cookie"] = self.cookie
        if body:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body or None, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        kept = answer.headers.get("Set-Cookie", "")
        self.cookie = kept.partition(";")[0] or self.cookie
        connection.close()
        return answer.status, str(answer.headers), text

    def raw(self, request: bytes) -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return answer.decode("latin-1")

    def written(self) -> str:
        """All that was written into the state folder, but for the secrets' own place."""
        parts = []
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "secrets" not in path.parts and path.suffix != ".gz":
                parts.append(path.read_bytes().decode("latin-1"))
        return "\n".join(parts)


@pytest.fixture(scope="module")
def served(server_url: str) -> Iterator[Served]:
    name = f"canaries_{time.time_ns()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server_url.rsplit("/", 1)[0] + f"/{name}"
    migrate(url)
    folder = Path(tempfile.mkdtemp(prefix="atrium-canaries-"))
    folder.chmod(0o755)
    engine = create_engine(url)
    settings = Settings(state_dir=folder, database_url=url, _env_file=None)
    prepare_logins(settings, url)
    build_staff_mall(engine, settings)
    engine.dispose()
    try:
        with web(url, folder, workers=1, log_level="DEBUG") as port:
            yield Served(port, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_served_site_writes_no_canary_and_does_not_name_itself(served: Served) -> None:
    def field_of(page: str) -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found
        return found[1]

    answers = []
    for password in (f"{CANARY}-wrong", PASSWORD):
        _, _, page = served.ask("GET", "/sign-in")
        form = {"email": ADMIN, "password": password, "csrf_token": field_of(page)}
        answers.append(served.ask("POST", "/sign-in", urlencode(form)))
    assert answers[-1][0] == 302
    answers += [
        served.ask("GET", "/admin/"),
        served.ask("GET", f"/invitation/{CANARY}?token={CANARY}"),
        served.ask("POST", "/api/v1/readings", Authorization=f"Bearer 0123_{CANARY}"),
        served.ask("GET", "/admin/", Host=f"{CANARY}.example.org"),
    ]
    raw = [
        served.raw(f"GET /{CANARY} JUNK\r\n\r\n".encode()),
        served.raw(f"{CANARY} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()),
        served.raw(f"GET / HTTP/1.1\r\nHost: localhost\r\n{CANARY} x: y\r\n\r\n".encode()),
        served.raw(f"GET /{CANARY}{'x' * 9000} HTTP/1.1\r\n\r\n".encode()),
        served.raw(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a="
            + f"{CANARY}{'x' * 20_000}".encode()
            + b"\r\n\r\n"
        ),
    ]
    for text in raw:
        assert re.match(r"HTTP/1\.1 4\d\d ", text), text[:80]
        assert re.search(r"X-Request-ID: [0-9a-f]{16}", text)
        assert "nosniff" in text
    for text in (*raw, *(headers + body for _, headers, body in answers)):
        assert CANARY not in text
        assert "gunicorn" not in text.lower()
        assert not re.search(r"^server:", text, re.IGNORECASE | re.MULTILINE)
    written = served.written()
    assert '"path": "/sign-in"' in written
    assert CANARY not in written
    assert PASSWORD not in written
    assert ADMIN not in written
    lines = (served.folder / "web.log").read_text().splitlines()
    assert all({"time", "level", "logger", "event"} <= json.loads(line).keys() for line in lines)
