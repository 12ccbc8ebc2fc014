"""Whatever is sent, the answer is a refusal with a number, never a failure of ours."""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staff_mall import NOW
from staff_site import StaffSite, token
from werkzeug.test import EnvironBuilder, run_wsgi_app

from services.operations.device_keys import create_device_key
from storage.database import transaction
from webapp.api.device_pushes import VENDORS

ADMIN = "admin@example.org"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW")
OURS = re.compile(r"Traceback|werkzeug|sqlalchemy|psycopg|flask|\.py\b|SELECT |INSERT ", re.I)
HUGE = "9" * 400
# A link that ran out, a form with a fault: pages of their own that say what to do.
SAID_IN_PLACE = (410, 422)
# Where devices call.
DOORS = (
    "/api/v1/readings",
    *(f"/api/v1/devices/{adapter}" for adapter in ("hikvision", "xovis", "nem12", "nobody")),
)


@pytest.fixture(scope="module")
def admin(staff_site: StaffSite) -> FlaskClient:
    """Signed in once: every request here leaves the session as it was."""
    return staff_site.client(ADMIN)


@pytest.fixture(autouse=True)
def as_served(staff_site: StaffSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures become answers, as they do in production."""
    monkeypatch.setitem(staff_site.app.config, "PROPAGATE_EXCEPTIONS", False)


def check(answer, where: object) -> None:  # type: ignore[no-untyped-def]
    """No failure; a refusal is numbered and says nothing of what we are made of."""
    assert answer.status_code < 500, where
    assert answer.headers["X-Request-ID"], where
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert not OURS.search(answer.text), where
        if answer.status_code not in SAID_IN_PLACE:
            assert answer.headers["X-Request-ID"] in answer.text, where
    answer.close()


def addresses(site: StaffSite, odd: str, *, method: str = "GET") -> Iterator[str]:
    """Every rule with the method but those of files, with `odd` in each of its places."""
    for rule in site.app.url_map.iter_rules():
        if method in (rule.methods or ()) and ("static" not in rule.endpoint or odd != "1"):
            yield re.sub(r"<[^>]+>", odd, str(rule))


# What a browser or a rude program may put into a place of an address: path or query.
ODD = (
    "%00", "a%00b", "%FF%FE", "%C0%AF", "%ED%A0%80", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "-1", "0",
    HUGE, "1e9", "NaN", "%27%3B--", "%3Cscript%3E", "%E2%80%AE", "9223372036854775808", "%0D%0AX:1",
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_odd_piece_of_a_path_is_refused(
    staff_site: StaffSite, admin: FlaskClient, odd: str
) -> None:
    client = admin
    for path in addresses(staff_site, odd):
        if odd in path:
            check(client.get(path), path)


QUERY_NAMES = (
    "id", "search", "page", "sort", "desc", "page_size", "month", "period", "device", "date",
    "from", "to", "state", "type", "kind", "mall", "next", "url", "after", "before", "role",
    "account", "action", "lang", "filter", "shop", "start", "end",
)  # fmt: skip


@pytest.mark.parametrize(
    "odd", ["a%00b", "%FF%FE", "-1", HUGE, "%E2%80%AE%27%3C", "2026-13", "0001-01", "2026-W99"]
)
def test_odd_value_of_a_query_is_refused_or_ignored(
    staff_site: StaffSite, admin: FlaskClient, odd: str
) -> None:
    client = admin
    odd_id = "&".join(f"{name}={odd}" for name in QUERY_NAMES)
    known_id = "id=1&" + odd_id.partition("&")[2]
    for path in addresses(staff_site, "1"):
        for query in (odd_id, known_id) if "details" in path or "edit" in path else (odd_id,):
            check(client.get(f"{path}?{query}"), path)


def test_every_method_is_answered(staff_site: StaffSite, admin: FlaskClient) -> None:
    stranger = staff_site.client()
    for client, methods in ((stranger, ("HEAD", "TRACE")), (admin, ("HEAD", "OPTIONS", "BREW"))):
        for path in addresses(staff_site, "1"):
            for method in methods:
                answer = client.open(path, method=method)
                check(answer, (method, path))
                if method in ("TRACE", "BREW"):
                    assert answer.status_code in (400, 404, 405), (method, path)


def test_method_cannot_be_overridden(staff_site: StaffSite, admin: FlaskClient) -> None:
    client = admin
    answer = client.get(
        "/sign-out?_method=POST", headers={"X-HTTP-Method-Override": "POST", "X-Method": "POST"}
    )
    assert answer.status_code in (404, 405)
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    "cookie",
    ["x", "", "a.b.c", "e30.AAAA.AAAA", ".eJwDAAAAAAE.x.y", "\x01\x02", "é" * 100, "." * 5000,
     "eyJ" + "A" * 3000],
)  # fmt: skip
def test_broken_cookie_is_a_stranger_s(staff_site: StaffSite, cookie: str) -> None:
    for path in ("/admin/", "/sign-in"):
        environ = EnvironBuilder(path).get_environ()
        environ["HTTP_COOKIE"] = f"atrium_session={cookie}; remember_token={cookie}"
        body, status, _headers = run_wsgi_app(staff_site.app, environ)
        assert status.startswith(("302", "200")), (status, b"".join(body)[:200])


FORMS = {
    "NUL": b"csrf_token=%s&email=a%%00b&password=x",
    "invalid UTF-8": b"csrf_token=%s&email=%%FF%%FE&password=\xff\xfe",
    "half a character": b"csrf_token=%s&email=%%ED%%A0%%80&password=x",
    "no pair": b"csrf_token=%s&&&=&=&email&password",
    "many of one": b"csrf_token=%s" + b"&email=a" * 200,
    "other token": b"csrf_token=x%s",
}


@pytest.mark.parametrize("form", FORMS)
def test_odd_form_is_refused(staff_site: StaffSite, form: str) -> None:
    client = staff_site.client()
    body = FORMS[form] % token(client, "/sign-in").encode()
    check(
        client.post("/sign-in", data=body, content_type="application/x-www-form-urlencoded"), form
    )
    # Its own session: a sound token may end it on the way.
    client = staff_site.client(ADMIN)
    body = FORMS[form] % token(client, "/admin/").encode()
    for path in sorted(addresses(staff_site, "1", method="POST"), key="/sign-out".__eq__):
        check(client.post(path, data=body, content_type="application/x-www-form-urlencoded"), path)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"a":' * 100_000),
        ("application/json", b"\xff\xfe"),
        ("application/json", b'{"email": NaN, "email": Infinity}'),
        ("application/json", b"9" * 5_000),
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na"),
        ("multipart/form-data; boundary=" + "x" * 500, b"--x"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 5000),
        ("application/x-www-form-urlencoded; charset=utf-7", b"+AAA-=1"),
        ("text/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
        ("", b"x=1"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(3000))),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 600_000),
    ],
)
def test_odd_body_is_refused(
    staff_site: StaffSite, admin: FlaskClient, content_type: str, body: bytes
) -> None:
    client = admin
    for path in ("/sign-in", "/sign-out", "/language", "/admin/shops/new/", *DOORS):
        answer = client.post(path, data=body, content_type=content_type)
        check(answer, path)
        assert answer.status_code >= 400, path


@pytest.fixture(scope="module")
def device_key(staff_site: StaffSite) -> str:
    with transaction(staff_site.engine) as session:
        return create_device_key(
            session, mall_id=staff_site.mall.mall_id, device_id=None, name="odd", now=NOW
        )


ODD_PUSHES = {
    "nothing": b"",
    "NUL": b"\x00" * 1000,
    "a deep array": b"[" * 100_000,
    "a deep object": b'{"a":' * 100_000,
    "halves of characters": b'{"logics_data":{"sensor_info":{"serial_number":"\\ud800"}}}',
    "a number of a million digits": b"[" + b"9" * 1_000_000 + b"]",
    "an entity": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a laugh": b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "' + b"&b;" * 1000 + b'">]><a>&c;</a>',
    "tags without end": b"<a>" * 50_000,
    "a stream of no parts": b"--x\r\n" * 5_000,
    "half a stream": b"--x\r\nContent-Type: application/xml\r\n\r\n<Event",
    "commas": b"," * 100_000,
    "lines of NEM12": b"100,NEM12\n" + b"300,20260101,\n" * 5_000,
    "a telegram of nothing": b"/XXX5\r\n\r\n" + b"1-0:1.8.0()\r\n" * 3_000 + b"!0000\r\n",
}


@pytest.mark.parametrize("name", ODD_PUSHES)
def test_odd_push_with_a_sound_key_is_refused(
    staff_site: StaffSite, device_key: str, name: str
) -> None:
    client = staff_site.app.test_client(use_cookies=False)
    for adapter in VENDORS:
        answer = client.post(
            f"/api/v1/devices/{adapter.value}",
            data=ODD_PUSHES[name],
            headers={"Authorization": f"Bearer {device_key}"},
        )
        assert answer.status_code in (200, 202, 411, 413, 422), (adapter, answer.text[:300])
        assert not OURS.search(answer.text), adapter


def test_form_of_too_much_is_too_large(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    known = token(client, "/admin/")
    for data in (
        {"csrf_token": known, "locale": "x" * 600_000},
        {"csrf_token": known, **{f"a{n}": (None, "1") for n in range(600)}},
    ):
        answer = client.post("/language", data=data, content_type="multipart/form-data")
        assert answer.status_code == 413
        check(answer, "form")


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept-Language": "x" * 5000},
        {"Accept-Language": ",;q=,zh;q=abc,*;q=-1"},
        {"Accept": "text/html;q=nan"},
        {"Authorization": "Basic " + "x" * 5000},
        {"Authorization": "Basic " + "/" * 300},
        {"Authorization": "Basic AAAA:"},
        {"Authorization": "Bearer \xff"},
        {"Authentication-Token": "x.y.z"},
        {"Content-Length": "-1"},
        {"Content-Length": "abc"},
        {"Range": "bytes=-1,0-,9-1"},
        {"If-Modified-Since": "yesterday"},
        {"If-None-Match": '"' * 100},
        {"Referer": "javascript:alert(1)"},
        {"Origin": "https://evil.example.org"},
        {"User-Agent": "\x01\x7f" * 200},
        {"X-Request-ID": "<script>"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "zstd"},
        {"Content-Encoding": "gzip, zstd"},
        {"Idempotency-Key": "x" * 5000},
        {"Content-Type": "multipart/mixed; boundary=" + "x" * 5000},
    ],
)
def test_odd_header_is_survived(
    staff_site: StaffSite, admin: FlaskClient, headers: dict[str, str]
) -> None:
    for client in (staff_site.client(), admin):
        for path in (
            "/",
            "/sign-in",
            "/admin/",
            "/api/docs",
            "/static/app.css",
            *DOORS,
        ):
            for method in ("GET", "POST"):
                check(client.open(path, method=method, headers=headers), (method, path))


@settings(
    max_examples=60,
    deadline=timedelta(seconds=5),
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    path=st.binary(max_size=60),
    query=st.binary(max_size=60),
    method=st.sampled_from(METHODS),
    body=st.binary(max_size=200),
    content_type=st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    ),
)
def test_any_bytes_are_answered(
    staff_site: StaffSite, path: bytes, query: bytes, method: str, body: bytes, content_type: str
) -> None:
    environ = EnvironBuilder("/", method=method, data=body, content_type=content_type).get_environ()
    environ["PATH_INFO"] = "/" + path.decode("latin-1")
    environ["QUERY_STRING"] = query.decode("latin-1")
    answer, status, headers = run_wsgi_app(staff_site.app, environ)
    text = b"".join(answer).decode()
    assert int(status[:3]) < 500
    assert headers["X-Request-ID"]
    assert not OURS.search(text) or status.startswith("2")


def test_api_refuses_a_person_s_cookie(staff_site: StaffSite, admin: FlaskClient) -> None:
    client = admin
    body = json.dumps([{"device_id": "x"}]).encode()
    answer = client.post("/api/v1/readings", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["type"]) == (403, "/api/docs#problem-cookies")
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


def test_packed_bomb_is_refused_before_a_key_is_even_looked_up(staff_site: StaffSite) -> None:
    answer = staff_site.client().post(
        "/api/v1/readings",
        data=gzip.compress(bytes(10_000_000), mtime=0),
        content_type="application/json",
        headers={"Content-Encoding": "gzip", "Authorization": "Bearer 0123456789abcdef_x"},
    )
    assert answer.status_code == 401
