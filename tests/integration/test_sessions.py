"""Sessions: seen in a list, ended one by one or all at once, dead with their cookie; freshness."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from accounts import actions, enrol, forward, new_person, post, rewound, scalar
from flask.testing import FlaskClient
from second_factor import current_code, form_token
from staff_mall import PASSWORD
from staff_site import StaffSite

from domain.people import Role
from domain.sign_in import SessionEnd
from services.operations.people import change_access, deactivate_user
from storage.database import transaction
from storage.models import UserSession

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
NEW = "seven lamps by the river"


@pytest.fixture
def site(staff_site: StaffSite) -> Iterator[StaffSite]:
    yield from rewound(staff_site)


def browser(site: StaffSite, email: str, agent: str = FIREFOX) -> FlaskClient:
    client = site.client()
    client.environ_base["HTTP_USER_AGENT"] = agent
    assert site.sign_in(client, email, PASSWORD).location == "/admin/"
    return client


def is_in(client: FlaskClient) -> bool:
    return client.get("/account/").status_code == 200


def press(client: FlaskClient, page: str, action: str):  # type: ignore[no-untyped-def]
    return client.post(action, data={"csrf_token": form_token(client.get(page).text)})


def test_list_shows_browser_place_and_times_and_one_can_be_ended(
    site: StaffSite,
) -> None:
    new_person(site, "lists@example.org")
    mine = browser(site, "lists@example.org")
    forward(site, 300)
    other = browser(site, "lists@example.org", CHROME)
    page = mine.get("/account/sessions").text
    for words in ("Firefox · Linux", "Chrome · Windows", other.environ_base["REMOTE_ADDR"]):
        assert words in page
    assert page.count("this one") == 1
    (action,) = re.findall(r'action="(/account/sessions/\d+/end)"', page)
    assert press(mine, "/account/sessions", action).location == "/account/sessions"
    assert is_in(mine) and not is_in(other)
    assert "Chrome · Windows" not in mine.get("/account/sessions").text


def test_session_of_somebody_else_cannot_be_ended(site: StaffSite) -> None:
    victim_id = new_person(site, "victim@example.org")
    new_person(site, "meddler@example.org")
    victim, meddler = browser(site, "victim@example.org"), browser(site, "meddler@example.org")
    theirs = scalar(site, sa.select(UserSession.id).where(UserSession.user_id == victim_id))
    press(meddler, "/account/sessions", f"/account/sessions/{theirs}/end")
    assert is_in(victim)


def test_all_others_end_and_this_one_stays(site: StaffSite) -> None:
    user_id = new_person(site, "others@example.org")
    clients = [browser(site, "others@example.org") for _ in range(3)]
    press(clients[0], "/account/sessions", "/account/sessions/end-others")
    assert [is_in(client) for client in clients] == [True, False, False]
    assert "SESSION_ENDED" in actions(site, user_id)


def test_signing_out_ends_one_session_and_its_copied_cookie(site: StaffSite) -> None:
    user_id = new_person(site, "copied@example.org")
    client, elsewhere = browser(site, "copied@example.org"), browser(site, "copied@example.org")
    stolen = client.get_cookie("atrium_session")
    assert stolen is not None
    thief = site.app.test_client()
    thief.set_cookie("atrium_session", stolen.value)
    assert is_in(thief), "a copied cookie is the session, while it lives"
    press(client, "/account/", "/sign-out")
    assert not is_in(thief) and not is_in(client)
    assert is_in(elsewhere)
    assert actions(site, user_id)[-1] == "SIGNED_OUT"


def test_session_dies_after_half_an_hour_of_rest(site: StaffSite) -> None:
    user_id = new_person(site, "rests@example.org")
    client = browser(site, "rests@example.org")
    for _ in range(3):
        forward(site, 29 * 60)
        assert is_in(client)
    forward(site, 30 * 60)
    assert not is_in(client)
    reason = sa.select(UserSession.end_reason).where(UserSession.user_id == user_id)
    assert scalar(site, reason) is SessionEnd.IDLE


def test_use_is_written_once_a_minute_at_most(site: StaffSite) -> None:
    user_id = new_person(site, "busy@example.org")
    client = browser(site, "busy@example.org")
    began = site.clock.at
    seen = sa.select(UserSession.last_seen_at).where(UserSession.user_id == user_id)
    forward(site, 59)
    client.get("/account/")
    assert scalar(site, seen) == began
    forward(site, 1)
    client.get("/account/")
    assert scalar(site, seen) == began + timedelta(seconds=60)


def test_changed_password_ends_the_others_and_needs_the_old_one(
    site: StaffSite,
) -> None:
    email = "changes@example.org"
    user_id = new_person(site, email)
    client, other = browser(site, email), browser(site, email)
    wrong = post(client, "/account/password", current="not my own", password=NEW, repeated=NEW)
    assert "This password is wrong." in wrong.text and is_in(other)
    weak = post(client, "/account/password", current=PASSWORD, password="short", repeated="short")
    assert "Use at least 12 characters" in weak.text
    done = post(client, "/account/password", current=PASSWORD, password=NEW, repeated=NEW)
    assert done.location == "/account/password"
    assert is_in(client) and not is_in(other)
    assert site.sign_in(site.client(), email, PASSWORD).status_code == 200
    assert site.sign_in(site.client(), email, NEW).location == "/admin/"
    assert "PASSWORD_CHANGED" in actions(site, user_id)


def test_wrong_old_passwords_on_the_account_page_count_as_well(
    site: StaffSite,
) -> None:
    email = "guesses@example.org"
    new_person(site, email)
    client = browser(site, email)
    for _ in range(5):
        post(client, "/account/password", current="not my own", password=NEW, repeated=NEW)
    locked = post(client, "/account/password", current=PASSWORD, password=NEW, repeated=NEW)
    assert "This password is wrong." in locked.text


@pytest.mark.parametrize("change", ["role", "closed"])
def test_change_of_the_account_ends_its_sessions(site: StaffSite, change: str) -> None:
    user_id = new_person(site, f"{change}@example.org")
    client = browser(site, f"{change}@example.org")
    with transaction(site.engine) as session:
        if change == "role":
            change_access(
                session,
                user_id=user_id,
                role=Role.MANAGEMENT,
                mall_codes=["M01"],
                by=None,
                now=site.clock.at,
            )
        else:
            deactivate_user(session, user_id=user_id, by=None, now=site.clock.at)
    assert not is_in(client)


# -- asked again ------------------------------------------------------------------------------


def test_second_factor_of_one_s_own_will_is_set_up_and_removed(
    site: StaffSite,
) -> None:
    from second_factor import code_of_key, shown_key

    email = "willing@example.org"
    new_person(site, email)
    client, other = browser(site, email), browser(site, email)
    page = client.get("/account/authenticator/new").text
    code = code_of_key(site.app, shown_key(page))
    done = client.post(
        "/account/authenticator/new", data={"code": code, "csrf_token": form_token(page)}
    )
    assert len(re.findall(r"<code>[2-9A-Z]{5}-[2-9A-Z]{5}</code>", done.text)) == 10
    assert is_in(client) and not is_in(other)
    assert site.sign_in(site.client(), email, PASSWORD).location == "/sign-in/code"
    removed = press(client, "/account/authenticator", "/account/authenticator/remove")
    assert removed.location == "/account/authenticator"
    assert site.sign_in(site.client(), email, PASSWORD).location == "/admin/"


def test_role_that_needs_it_cannot_remove_the_authenticator(site: StaffSite) -> None:
    client = site.client("finance@example.org")
    answer = press(client, "/account/authenticator", "/account/authenticator/remove")
    assert answer.status_code == 403


def test_after_fifteen_minutes_a_page_asks_again_and_goes_on(site: StaffSite) -> None:
    email = "stale@example.org"
    new_person(site, email)
    client = browser(site, email)
    forward(site, 15 * 60)
    asked = client.get("/account/authenticator/new?from=here")
    assert asked.location == "/sign-in/again?next=/account/authenticator/new?from%3Dhere"
    wrong = post(client, asked.location, confirm_password="not my own")
    assert "This password is wrong." in wrong.text
    right = post(client, asked.location, confirm_password=PASSWORD)
    assert right.location == "/account/authenticator/new?from=here"
    assert client.get(right.location).status_code == 200
    forward(site, 14 * 60)
    assert client.get(right.location).status_code == 200
    forward(site, 60)
    assert client.get(right.location).status_code == 302


def test_what_was_sent_is_asked_for_and_then_done_as_it_was_sent(
    site: StaffSite,
) -> None:
    email = "sends@example.org"
    user_id = new_person(site, email, Role.FINANCE)
    client = site.client()
    enrol(site, client, email)
    forward(site, 20 * 60)
    form = form_token(client.get("/account/authenticator").text)
    sent = {"csrf_token": form, "note": 'a "quoted" <note>', "many": ["1", "2"]}
    asked = client.post("/account/recovery-codes", data=sent)
    assert asked.status_code == 401
    assert "Is it still you?" in asked.text
    assert 'name="note" value="a &#34;quoted&#34; &lt;note&gt;"' in asked.text
    assert asked.text.count('name="many"') == 2
    assert actions(site, user_id).count("RECOVERY_CODES_MADE") == 1
    answer = {**sent, "confirm_password": PASSWORD, "confirm_code": "000000"}
    wrong = client.post("/account/recovery-codes", data=answer)
    assert wrong.status_code == 401 and "This code is wrong" in wrong.text
    assert PASSWORD not in wrong.text
    answer["confirm_code"] = current_code(site.app, site.engine, email)
    done = client.post("/account/recovery-codes", data=answer)
    assert done.status_code == 200
    assert "Keep your recovery codes" in done.text
    assert actions(site, user_id).count("RECOVERY_CODES_MADE") == 2


def test_account_pages_are_closed_to_strangers(site: StaffSite) -> None:
    for path in ("/account/", "/account/password", "/account/authenticator", "/account/sessions"):
        assert site.client().get(path).location == f"/sign-in?next={path}"
    assert site.client().get("/sign-in/again").location.startswith("/sign-in?next=")
