"""Sign-in, sessions, headers and forms of the staff site."""

import re
from datetime import timedelta

from flask_security import verify_password
from staff_mall import PASSWORD
from staff_site import StaffSite, token

from services.operations.passwords import hash_password

ADMIN = "admin@example.org"


def test_hash_of_the_command_line_is_accepted_at_sign_in(staff_site: StaffSite) -> None:
    salt = staff_site.settings.secret("password_salt")
    hashed = hash_password("a passphrase with ﬁ and é", salt)
    assert hashed.startswith("$argon2id$")
    with staff_site.app.app_context():
        # Flask-Security normalises what was typed before it verifies.
        assert verify_password("a passphrase with fi and e\u0301", hashed)
        assert not verify_password("a passphrase with fi and e", hashed)


def test_unknown_person_and_wrong_password_get_the_same_answer(staff_site: StaffSite) -> None:
    answers = []
    for email, password in ((ADMIN, "wrong password here"), ("nobody@example.org", PASSWORD)):
        client = staff_site.client()
        answer = staff_site.sign_in(client, email, password)
        assert answer.status_code == 200
        text = re.sub(r'value="[^"]*"', "", answer.text)
        answers.append(text)
    assert answers[0] == answers[1]
    assert "E-mail or password is wrong." in answers[0]


def test_cookie_copied_before_sign_out_opens_nothing_afterwards(staff_site: StaffSite) -> None:
    client = staff_site.client("management@example.org")
    stolen = client.get_cookie("atrium_session")
    assert stolen is not None
    assert client.get("/admin/").status_code == 200
    client.post("/sign-out", data={"csrf_token": token(client, "/admin/")})
    thief = staff_site.app.test_client()
    thief.set_cookie("atrium_session", stolen.value)
    assert thief.get("/admin/").status_code == 302


def test_session_ends_after_eight_hours_however_busy_it_was(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    began = staff_site.clock.at
    try:
        for minutes in range(20, 480, 20):
            staff_site.clock.at = began + timedelta(minutes=minutes)
            assert client.get("/admin/settings/").status_code == 200, minutes
        staff_site.clock.at = began + timedelta(hours=8, minutes=1)
        assert client.get("/admin/settings/").status_code == 302
    finally:
        staff_site.clock.at = began


def test_page_has_no_inline_script_or_style(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    mall = staff_site.mall
    for path in ("/sign-in", "/admin/", f"/admin/bills/details/?id={mall.bill_id}", "/nothing"):
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*(src=|application/json))", page), path
        assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", page), path
        assert not re.findall(r'(?:src|href)="https?://', page), path


def test_post_without_token_is_refused(staff_site: StaffSite) -> None:
    client = staff_site.client("operation@example.org")
    answer = client.post("/admin/shops/new/", data={"code": "X", "name": "X"})
    assert answer.status_code == 400
    assert "That request was not understood" in answer.text
    assert client.post("/sign-out").status_code == 400
    assert client.post("/language", data={"locale": "en"}).status_code == 400


def test_redirect_after_choosing_a_language_stays_on_this_site(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    for target in ("https://evil.example.org/", "//evil.example.org/", "/\\evil.example.org"):
        answer = client.post(
            "/language",
            data={"locale": "en", "next": target, "csrf_token": token(client, "/admin/settings/")},
        )
        assert answer.location == "/", target


def test_error_pages_are_designed_and_numbered(staff_site: StaffSite) -> None:
    client = staff_site.client("finance@example.org")
    for path, status, words in (
        ("/nothing", 404, "There is nothing here"),
        ("/admin/devices/", 403, "You may not open this page"),
        ("/admin/shops/details/?id=abc", 404, "There is nothing here"),
    ):
        answer = client.get(path)
        assert answer.status_code == status
        assert words in answer.text
        assert answer.headers["X-Request-ID"] in answer.text


def test_failure_shows_no_secret_and_is_numbered(staff_site: StaffSite, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("webapp.admin.runs.list_runs", fail)
    staff_site.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = staff_site.client(ADMIN).get("/admin/runs/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "hunter2" not in answer.text


def test_open_redirect_after_sign_in_is_refused(staff_site: StaffSite) -> None:
    client = staff_site.client()
    answer = client.post(
        "/sign-in?next=https://evil.example.org/",
        data={
            "email": ADMIN,
            "password": PASSWORD,
            "csrf_token": token(client, "/sign-in"),
        },
    )
    assert "evil.example.org" not in (answer.location or "")


def test_shop_may_not_enter_the_staff_site(staff_site: StaffSite) -> None:
    from domain.people import Role
    from services.operations.people import create_user
    from storage.database import transaction

    with transaction(staff_site.engine) as session:
        create_user(
            session,
            email="tenant@example.org",
            name="",
            role=Role.SHOP,
            mall_codes=["M01"],
            shop_codes=["S-001"],
            password_hash=hash_password(PASSWORD, staff_site.settings.secret("password_salt")),
        )
    client = staff_site.client("tenant@example.org")
    for path in ("/admin/", "/admin/shops/", "/admin/files/", "/admin/settings/"):
        assert client.get(path).status_code == 403, path
