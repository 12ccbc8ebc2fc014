"""Signing in: the second factor, recovery codes, the cookie and the limit of an address."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa
from accounts import actions, enrol, forward, new_person, post, rewound, scalar
from second_factor import current_code, shown_key
from sqlalchemy.orm import Session
from staff_mall import PASSWORD
from staff_site import StaffSite, token

from domain.people import Role
from services.operations.second_factor import claim_counter, use_recovery_code
from storage.database import transaction
from storage.models import (
    RecoveryCode,
    SecondFactor,
    UserSession,
)
from webapp import create_app

WRONG = "E-mail or password is wrong."


@pytest.fixture
def site(staff_site: StaffSite) -> Iterator[StaffSite]:
    yield from rewound(staff_site)


# -- the second factor ----------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.SUPER_ADMIN, Role.FINANCE])
def test_role_that_needs_a_second_factor_reaches_nothing_before_enrolling(
    site: StaffSite, role: Role
) -> None:
    email = f"first-{role.lower()}@example.org"
    new_person(site, email, role)
    client = site.client()
    assert site.sign_in(client, email, PASSWORD).location == "/sign-in/authenticator"
    for path in ("/admin/", "/admin/bills/", "/account/", "/account/sessions", "/portal/"):
        assert client.get(path).location.startswith("/sign-in?"), path
    # Neither does somebody without a code yet pass by way of the other second steps.
    for path in ("/sign-in/code", "/sign-in/recovery"):
        assert client.get(path).location == "/sign-in", path
    wrong = post(client, "/sign-in/authenticator", code="000000")
    assert "This code is wrong" in wrong.text
    assert client.get("/admin/").status_code == 302


def test_enrolment_shows_a_picture_a_key_and_ten_codes_and_then_never_again(
    site: StaffSite,
) -> None:
    email = "enrols@example.org"
    user_id = new_person(site, email, Role.FINANCE)
    client = site.client()
    site.sign_in(client, email, PASSWORD)
    page = client.get("/sign-in/authenticator").text
    assert 'src="data:image/svg+xml' in page
    key = shown_key(page)
    assert shown_key(client.get("/sign-in/authenticator").text) == key, "a reload keeps the key"
    codes = enrol(site, client, email)
    assert len(set(codes)) == 10
    assert client.get("/admin/").status_code == 200
    stored = scalar(site, sa.select(SecondFactor.totp_key).where(SecondFactor.user_id == user_id))
    assert key.replace("-", "") not in str(stored)
    everything = client.get("/account/authenticator").text
    assert not any(code in everything for code in codes)
    with Session(site.engine) as session:
        digests = session.scalars(sa.select(RecoveryCode.digest)).all()
    assert all(code.replace("-", "").encode() not in bytes(d) for code in codes for d in digests)
    assert actions(site, user_id)[:3] == ["TOTP_ENROLLED", "RECOVERY_CODES_MADE", "SIGNED_IN"]


def test_code_is_taken_once_and_no_older_one_after_it(site: StaffSite) -> None:
    email = "replay@example.org"
    new_person(site, email, Role.FINANCE)
    enrol(site, site.client(), email)
    older = current_code(site.app, site.engine, email, again=False)
    forward(site, 30)
    code = current_code(site.app, site.engine, email, again=False)
    forward(site, 20)
    first, second = site.client(), site.client()
    for client in (first, second):
        assert site.sign_in(client, email, PASSWORD).location == "/sign-in/code"
    assert post(first, "/sign-in/code", code=code).location == "/admin/"
    for spent in (code, older):
        refused = post(second, "/sign-in/code", code=spent)
        assert "was used before" in refused.text
    assert second.get("/admin/").status_code == 302


def test_of_two_requests_with_one_code_one_passes(site: StaffSite) -> None:
    user_id = new_person(site, "race@example.org", Role.FINANCE)
    enrol(site, site.client(), "race@example.org")
    barrier = Barrier(6)

    def claim(_: int) -> bool:
        with transaction(site.engine) as session:
            barrier.wait(10)
            return claim_counter(session, user_id=user_id, counter=99_999_999)

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(claim, range(6))) == [False] * 5 + [True]


def test_second_step_is_forgotten_after_ten_minutes(site: StaffSite) -> None:
    email = "slow@example.org"
    new_person(site, email, Role.FINANCE)
    enrol(site, site.client(), email)
    client = site.client()
    site.sign_in(client, email, PASSWORD)
    forward(site, 601)
    assert client.get("/sign-in/code").location == "/sign-in"


def test_second_step_begun_before_a_password_change_ends_with_it(site: StaffSite) -> None:
    from services.operations.account_links import change_password

    email = "half@example.org"
    user_id = new_person(site, email, Role.FINANCE)
    enrol(site, site.client(), email)
    client = site.client()
    site.sign_in(client, email, PASSWORD)
    with transaction(site.engine) as session:
        change_password(
            session,
            user_id=user_id,
            password="quite another lamp post",
            salt=site.settings.secret("password_salt"),
            now=site.clock.at,
        )
    assert client.get("/sign-in/code").location == "/sign-in"


def test_recovery_code_opens_once_however_it_is_typed(site: StaffSite) -> None:
    email = "lost@example.org"
    user_id = new_person(site, email, Role.FINANCE)
    codes = enrol(site, site.client(), email)
    for attempt, expected in ((codes[0].lower().replace("-", " "), True), (codes[0], False)):
        client = site.client()
        site.sign_in(client, email, PASSWORD)
        answer = post(client, "/sign-in/recovery", code=attempt)
        assert (answer.location == "/admin/") is expected, attempt
    assert "RECOVERY_CODE_USED" in actions(site, user_id)
    barrier = Barrier(5)
    keys = [site.settings.secret("totp_key")]

    def use(_: int) -> bool:
        with transaction(site.engine) as session:
            barrier.wait(10)
            return use_recovery_code(
                session, user_id=user_id, code=codes[1], code_keys=keys, now=site.clock.at
            )

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(use, range(5))) == 1


def test_recovery_code_of_another_person_opens_nothing(site: StaffSite) -> None:
    for email in ("one@example.org", "two@example.org"):
        new_person(site, email, Role.FINANCE)
    foreign = enrol(site, site.client(), "one@example.org")
    enrol(site, site.client(), "two@example.org")
    client = site.client()
    site.sign_in(client, "two@example.org", PASSWORD)
    assert "is wrong" in post(client, "/sign-in/recovery", code=foreign[0]).text


def test_second_factor_reset_by_an_administrator_asks_to_enrol_anew(site: StaffSite) -> None:
    from services.operations.second_factor import reset_second_factor

    email = "reset@example.org"
    user_id = new_person(site, email, Role.FINANCE)
    client = site.client()
    codes = enrol(site, client, email)
    with transaction(site.engine) as session:
        assert reset_second_factor(session, user_id=user_id, now=site.clock.at)
    assert client.get("/admin/").status_code == 302, "its sessions ended"
    with transaction(site.engine) as session:
        assert not use_recovery_code(
            session,
            user_id=user_id,
            code=codes[0],
            code_keys=[site.settings.secret("totp_key")],
            now=site.clock.at,
        )
    assert site.sign_in(site.client(), email, PASSWORD).location == "/sign-in/authenticator"


def test_keys_of_authenticators_survive_a_change_of_their_encryption(site: StaffSite) -> None:
    from webapp.auth.totp import EXTENSION, encryption_keys

    email = "rotated@example.org"
    user_id = new_person(site, email, Role.FINANCE)
    codes = enrol(site, site.client(), email)
    stored = sa.select(SecondFactor.totp_key).where(SecondFactor.user_id == user_id)
    before = scalar(site, stored)
    secret = site.settings.secrets_dir / "totp_key"
    previous = secret.with_name("totp_key.previous")
    secret.rename(previous)
    try:
        app = create_app(site.settings, site.clock)
        rotated = StaffSite(app, site.mall, site.clock, site.settings, site.engine)
        assert len(encryption_keys(site.settings)) == 2
        client = rotated.client()
        rotated.sign_in(client, email, PASSWORD)
        code = current_code(app, site.engine, email)
        assert post(client, "/sign-in/code", code=code).location == "/admin/"
        assert scalar(site, stored) != before, "encrypted anew"
        # From here the old secret is not needed for this person's codes.
        newest_only = type(app.extensions[EXTENSION])(
            encryption_keys(site.settings)[:1], site.clock
        )
        assert newest_only.get_totp_b32_key(str(scalar(site, stored)))
        client = rotated.client()
        rotated.sign_in(client, email, PASSWORD)
        assert post(client, "/sign-in/recovery", code=codes[0]).location == "/admin/"
        app.extensions["atrium"].engine.dispose()
    finally:
        secret.unlink(missing_ok=True)
        previous.rename(secret)


# -- sessions in the cookie -------------------------------------------------------------------


def test_cookie_of_before_the_sign_in_becomes_no_session(site: StaffSite) -> None:
    """A cookie planted by somebody else is not the one that is signed in."""
    client = site.client()
    client.get("/sign-in")
    planted = client.get_cookie("atrium_session")
    assert planted is not None
    site.sign_in(client, "operation@example.org", PASSWORD)
    assert client.get("/admin/").status_code == 200
    thief = site.app.test_client()
    thief.set_cookie("atrium_session", planted.value)
    assert thief.get("/admin/").status_code == 302


def test_token_of_flask_security_is_no_way_in(site: StaffSite) -> None:
    """Its request loader would take a token from the address, with no session behind it."""
    with site.app.test_request_context():
        account = site.app.extensions["security"].datastore.find_user(email="operation@example.org")
        made = account.get_auth_token()
    client = site.client()
    assert client.get(f"/admin/?auth_token={made}").status_code == 302
    assert client.get("/admin/", headers={"Authentication-Token": made}).status_code == 302


def test_session_keeps_the_digest_of_its_token_only(site: StaffSite) -> None:
    client = site.client("operation@example.org")
    with client.session_transaction() as cookie:
        held = cookie["session_token"]
    with Session(site.engine) as session:
        rows = session.execute(sa.select(UserSession.__table__)).all()
    assert len(held) == 43
    assert held not in str(rows)


def test_address_that_knocks_too_often_is_told_when_to_come_back(site: StaffSite) -> None:
    for locale, words in (("en", "Too many requests"), ("zh", "请求过于频繁")):
        client = site.client(locale=locale)
        form = token(client, "/sign-in")
        codes = [
            client.post(
                "/sign-in", data={"email": "", "password": "", "csrf_token": form}
            ).status_code
            for _ in range(30)
        ]
        assert set(codes) == {200}
        answer = client.post("/sign-in", data={"email": "", "password": "", "csrf_token": form})
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 61
        assert words in answer.text
        assert site.client().get("/sign-in").status_code == 200, "another address may"
