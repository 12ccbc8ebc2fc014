"""What every answer says, whom the site believes, and under which names it answers."""

import json
import re
from datetime import timedelta

import pytest
from flask import Flask, request, url_for
from staff_site import StaffSite, token
from werkzeug.test import Client

from storage.settings import Settings
from webapp.network import Network, known_hosts

ADMIN = "admin@example.org"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
PAGE = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
DATA = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
DOWNLOAD = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "no-store",
}
HTTPS = "https://atrium.example.org"


def application(**settings: str) -> Flask:
    """A small application behind the wall: it says what it believes of the request."""
    app = Flask(__name__)

    @app.get("/who")
    def who() -> dict[str, object]:
        return {
            "address": request.remote_addr,
            "scheme": request.scheme,
            "link": url_for("who", _external=True),
            "number": request.headers.get("X-Request-ID"),
        }

    app.add_url_rule("/healthz", "healthz", lambda: "ok")
    app.wsgi_app = Network(app.wsgi_app, Settings(_env_file=None, **settings))
    return app


def ask(app: Flask, *, peer: str = "203.0.113.9", host: str = "localhost", **headers: str):  # type: ignore[no-untyped-def]
    answer = Client(app).get(
        "/who",
        environ_base={"REMOTE_ADDR": peer},
        headers={"Host": host, **{k.replace("_", "-"): v for k, v in headers.items()}},
    )
    return answer.status_code, json.loads(answer.text) if answer.status_code == 200 else None


# -- headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "own"),
    [
        ("/sign-in", 200, PAGE),
        ("/admin/", 200, PAGE),
        ("/admin/bills/", 200, PAGE),
        ("/nothing", 404, PAGE),
        ("/api/docs", 200, PAGE),
        ("/api/openapi.json", 200, DATA),
        ("/api/nothing", 404, DATA),
        ("/healthz", 200, DATA),
        ("/robots.txt", 200, DATA),
        ("/admin/shops/export/csv/", 200, DOWNLOAD),
        ("/static/app.css", 200, {**DATA, "Cache-Control": "public, max-age=3600"}),
    ],
)
def test_answer_has_exactly_these_headers(
    staff_site: StaffSite, path: str, status: int, own: dict[str, str]
) -> None:
    with staff_site.client("" if path == "/sign-in" else ADMIN).get(path) as answer:
        assert answer.status_code == status
        for name, value in {**EVERYWHERE, **own}.items():
            assert answer.headers.getlist(name) == [value], (path, name)
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])
        assert "Strict-Transport-Security" not in answer.headers
        assert "Server" not in answer.headers
        assert "X-Powered-By" not in answer.headers


def test_download_of_a_document_cannot_act_as_a_page(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    paths = re.findall(r"/admin/files/(?:report|document)/\d+", client.get("/admin/files/").text)
    assert paths
    for path in paths:
        with client.get(path) as answer:
            if answer.status_code != 404:
                assert answer.headers["Content-Disposition"].startswith("attachment;")
                for name, value in {**EVERYWHERE, **DOWNLOAD}.items():
                    assert answer.headers.getlist(name) == [value], (path, name)


def test_session_cookie_over_plain_loopback(staff_site: StaffSite) -> None:
    (cookie,) = staff_site.client().get("/sign-in").headers.getlist("Set-Cookie")
    assert cookie.startswith("atrium_session=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_session_cookie_over_tls_is_secure_and_bound_to_the_host(staff_site: StaffSite) -> None:
    answer = staff_site.app.test_client().get("/sign-in", base_url="https://localhost")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-atrium_session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_cookie_planted_without_tls_is_not_read_over_tls(staff_site: StaffSite) -> None:
    planted = staff_site.client(ADMIN).get_cookie("atrium_session")
    assert planted is not None
    over_tls = staff_site.app.test_client()
    answer = over_tls.get(
        "/admin/",
        base_url="https://localhost",
        headers={"Cookie": f"atrium_session={planted.value}"},
    )
    assert answer.status_code == 302


# -- host names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example.org", "localhost.evil.example.org", "localhost:80@evil.example.org", "evil:x",
     "127.0.0.1.evil.example.org", "[::2]", "a b", "", "localhost\t"],
)  # fmt: skip
def test_forged_host_name_is_refused_and_never_repeated(staff_site: StaffSite, host: str) -> None:
    for path in ("/", "/sign-in", "/admin/", "/api/docs", "/api/v1/readings", "/static/app.css"):
        answer = Client(staff_site.app).get(path, headers={"Host": host})
        assert answer.status_code == 400, path
        assert "evil" not in answer.text + str(answer.headers)
        assert answer.headers["X-Request-ID"] in answer.text
        for name, value in EVERYWHERE.items():
            assert answer.headers[name] == value


def test_forwarded_host_makes_no_link(staff_site: StaffSite) -> None:
    headers = {"X-Forwarded-Host": "evil.example.org", "Forwarded": "host=evil.example.org"}
    for path in ("/", "/admin/", "/sign-in", "/api/docs", "/static"):
        answer = staff_site.app.test_client().get(path, headers=headers)
        assert "evil" not in answer.text + str(answer.headers), path


def test_site_answers_under_the_names_it_was_given() -> None:
    app = application(host="10.1.2.3", trusted_hosts="mall.example.org, atrium.lan")
    for host in ("localhost:8080", "127.0.0.1", "[::1]:80", "10.1.2.3:8080", "Mall.Example.org.",
                 "atrium.lan"):  # fmt: skip
        assert ask(app, host=host)[0] == 200, host
    assert ask(app, host="example.org")[0] == 400
    assert known_hosts(Settings(_env_file=None)) == {"localhost", "127.0.0.1", "[::1]"}


def test_balancer_may_ask_for_health_by_address() -> None:
    answer = Client(application()).get("/healthz", headers={"Host": "10.9.8.7"})
    assert answer.status_code == 200


# -- proxies ------------------------------------------------------------------------------------

FORGED = {
    "X_Forwarded_For": "198.51.100.1",
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "localhost",
    "X_Real_IP": "198.51.100.1",
    "X_Request_ID": "chosen-by-a-stranger",
}


@pytest.mark.parametrize("proxies", ["", "10.0.0.0/24"])
def test_stranger_forges_neither_address_nor_scheme_nor_number(proxies: str) -> None:
    _, seen = ask(application(trusted_proxies=proxies), **FORGED)
    assert seen == {
        "address": "203.0.113.9",
        "scheme": "http",
        "link": "http://localhost/who",
        "number": None,
    }


def test_loopback_is_no_proxy_by_itself() -> None:
    _, seen = ask(application(), peer="127.0.0.1", **FORGED)
    assert (seen["address"], seen["scheme"]) == ("127.0.0.1", "http")


def test_named_proxy_is_believed() -> None:
    app = application(trusted_proxies="10.0.0.0/24")
    _, seen = ask(app, peer="10.0.0.5", **FORGED)
    assert seen == {
        "address": "198.51.100.1",
        "scheme": "https",
        "link": "https://localhost/who",
        "number": "chosen-by-a-stranger",
    }


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        # The stranger wrote the first; our proxy appended who really spoke to it.
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.9, 198.51.100.7", "198.51.100.7"),
        # Two of our proxies in a row.
        ("1.1.1.1, 198.51.100.7, 10.0.0.6", "198.51.100.7"),
        ("198.51.100.7:5123", "198.51.100.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        # Nonsense ends the chain at the last that made sense.
        ("'; DROP TABLE, 10.0.0.6", "10.0.0.6"),
        ("", "10.0.0.5"),
        (",".join(["10.0.0.6"] * 10_000), "10.0.0.6"),
    ],
)
def test_client_is_the_last_that_is_no_proxy_of_ours(chain: str, client: str) -> None:
    app = application(trusted_proxies="10.0.0.0/24")
    _, seen = ask(app, peer="10.0.0.5", X_Forwarded_For=chain)
    assert seen["address"] == client


def test_scheme_is_what_the_nearest_proxy_says() -> None:
    app = application(trusted_proxies="10.0.0.5")
    for said, scheme in (("https, http", "http"), ("HTTPS", "https"), ("javascript", "http")):
        assert ask(app, peer="10.0.0.5", X_Forwarded_Proto=said)[1]["scheme"] == scheme


def test_site_without_proxies_sees_who_speaks_to_it(staff_site: StaffSite) -> None:
    forged = {"X-Forwarded-For": "198.51.100.1", "X-Request-ID": "chosen-by-a-stranger"}
    with staff_site.app.test_client() as client:
        answer = client.get("/sign-in", headers=forged)
        assert request.remote_addr == "127.0.0.1"
    assert answer.headers["X-Request-ID"] != "chosen-by-a-stranger"


# -- what machines ask for ----------------------------------------------------------------------


def test_robots_are_sent_away(staff_site: StaffSite) -> None:
    answer = staff_site.client().get("/robots.txt")
    assert (answer.text, answer.mimetype) == ("User-agent: *\nDisallow: /\n", "text/plain")


def test_finder_of_a_weakness_is_told_whom_to_write(
    staff_site: StaffSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = staff_site.client()
    assert client.get("/.well-known/security.txt").status_code == 404
    monkeypatch.setattr(staff_site.settings, "security_contact", "mailto:security@example.org")
    answer = client.get("/.well-known/security.txt")
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert answer.mimetype == "text/plain"
    assert fields["Contact"] == "mailto:security@example.org"
    left = staff_site.clock.at + timedelta(days=180)
    assert fields["Expires"] == f"{left:%Y-%m-%d}T00:00:00Z"


def test_error_of_the_api_is_json_with_the_number(staff_site: StaffSite) -> None:
    for method, path, status in (("GET", "/api/nothing", 404), ("PUT", "/api/v1/readings", 405)):
        answer = staff_site.client().open(path, method=method)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert answer.json["status"] == status
        assert answer.json["request_id"] == answer.headers["X-Request-ID"]


def test_form_without_token_is_numbered_too(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    answer = client.post("/sign-out")
    assert answer.status_code == 400
    assert answer.headers["X-Request-ID"] in answer.text
    assert token(client, "/admin/")
