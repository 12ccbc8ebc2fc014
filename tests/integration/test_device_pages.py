"""The staff's pages of devices and their keys: who may, what is asked, what is shown once."""

import re
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from staff_site import StaffSite, token
from werkzeug.test import TestResponse

from services.operations.device_keys import create_device_key
from services.operations.malls import register_mall
from storage.database import transaction

DESK = ["admin@example.org", "operation@example.org"]
OPERATION = "operation@example.org"
PLAIN = re.compile(r"[0-9a-f]{16}_[A-Za-z0-9_-]{43}")


def send(client: FlaskClient, path: str, **data: str) -> TestResponse:
    page = "/admin/devices/" if path.endswith("end-maintenance") else path
    return client.post(path, data={**data, "csrf_token": token(client, page)})


def one(site: StaffSite, query: str, **values: object):
    with site.engine.connect() as connection:
        return connection.execute(sa.text(query), values).scalar()


def make(site: StaffSite, client: FlaskClient, **data: str) -> tuple[str, int, TestResponse]:
    """A key made through the pages: plain, its id, and the page that showed it."""
    given = {"name": "till", "device": str(site.mall.device_id), "last_day": "", **data}
    answer = send(client, "/admin/device-keys/new/", **given)
    assert answer.status_code == 200, answer.text
    plain = PLAIN.search(answer.text)
    assert plain, answer.text
    key_id = one(
        site,
        "SELECT id FROM app.device_keys WHERE public_id = :public",
        public=plain[0].split("_")[0],
    )
    return plain[0], key_id, answer


def opens(site: StaffSite, key: str) -> int:
    """Status of a call with the key: 422 for one that opens something, since it holds nothing."""
    client = site.app.test_client(use_cookies=False)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return client.post("/api/v1/readings", data=b"[]", headers=headers).status_code


def test_key_is_shown_once_and_nowhere_else(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    plain, key_id, answer = make(staff_site, client)
    secret = plain.partition("_")[2]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "curl" in answer.text
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert secret not in cookie
    assert secret not in answer.request.url
    for path in (
        f"/admin/device-keys/details/?id={key_id}",
        "/admin/device-keys/",
        "/admin/device-keys/export/csv/",
        f"/admin/devices/details/?id={staff_site.mall.device_id}",
    ):
        page = client.get(path)
        assert page.status_code == 200, path
        assert "till" in page.text
        assert secret not in page.text
    assert opens(staff_site, plain) == 422
    kept = one(staff_site, "SELECT string_agg(e::text, ' ') FROM audit.events e")
    assert secret not in kept
    assert "DEVICE_KEY_MADE" in kept


def test_key_of_a_device_or_a_gateway_expires_after_its_last_day(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    today = staff_site.clock.at.date()
    _, key_id, _ = make(staff_site, client, device="", last_day=today.isoformat())
    kept = "SELECT {} FROM app.device_keys WHERE id = :id"
    assert one(staff_site, kept.format("device_id"), id=key_id) is None
    # The end of the day in the mall's zone, eight hours before that of UTC.
    ends = one(staff_site, kept.format("expires_at AT TIME ZONE 'Asia/Shanghai'"), id=key_id)
    assert ends.time().isoformat() == "00:00:00"
    assert ends.date() - today in (timedelta(days=1), timedelta(days=0))
    past = (today - timedelta(days=3)).isoformat()
    answer = send(client, "/admin/device-keys/new/", name="x", device="", last_day=past)
    assert "This day is past." in answer.text
    answer = send(client, "/admin/device-keys/new/", name="", device="", last_day="")
    assert 'id="name-errors"' in answer.text


def test_required_signature_is_kept_and_explained(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    plain, _, answer = make(staff_site, client, requires_signature="y")
    assert "/api/docs#signing" in answer.text
    assert f"Bearer {plain}" not in answer.text
    assert opens(staff_site, plain) == 401


def test_replaced_key_opens_for_the_hours_of_overlap(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    old, key_id, _ = make(staff_site, client)
    answer = send(client, f"/admin/device-keys/{key_id}/rotate", overlap_hours="2")
    new = PLAIN.search(answer.text)
    assert new and new[0] != old
    assert answer.headers["Cache-Control"] == "no-store"
    assert "The key before closes at" in answer.text
    page = client.get(f"/admin/device-keys/details/?id={key_id}").text
    assert "Being replaced" in page
    assert "Replaced by" in page
    assert opens(staff_site, old) == opens(staff_site, new[0]) == 422
    again = send(client, f"/admin/device-keys/{key_id}/rotate", overlap_hours="2")
    assert not PLAIN.search(again.text)
    assert "is being replaced" in again.text
    too_long = send(client, f"/admin/device-keys/{key_id}/rotate", overlap_hours="721")
    assert 'id="overlap_hours-errors"' in too_long.text
    before = staff_site.clock.at
    try:
        staff_site.clock.at = before + timedelta(hours=2)
        assert (opens(staff_site, old), opens(staff_site, new[0])) == (401, 422)
    finally:
        staff_site.clock.at = before


def test_revoked_key_s_next_call_is_refused(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    plain, key_id, _ = make(staff_site, client)
    asked = client.get(f"/admin/device-keys/{key_id}/revoke")
    assert "very next call is refused" in asked.text
    assert opens(staff_site, plain) == 422
    assert send(client, f"/admin/device-keys/{key_id}/revoke").status_code == 302
    assert opens(staff_site, plain) == 401
    page = client.get(f"/admin/device-keys/details/?id={key_id}").text
    assert "Revoked" in page
    assert "/rotate" not in page
    assert "till" in client.get("/admin/device-keys/?state=REVOKED").text


def test_unused_keys_are_found(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    _, key_id, _ = make(staff_site, client, name="forgotten key")
    _, used, _ = make(staff_site, client, name="living key")
    with transaction(staff_site.engine) as session:
        session.execute(
            sa.text(
                "UPDATE app.device_keys SET created_at = :then,"
                " last_used_at = CASE id WHEN :used THEN CAST(:now AS timestamptz) END"
                " WHERE id IN (:one, :used)"
            ),
            {
                "then": staff_site.clock.at - timedelta(days=31),
                "now": staff_site.clock.at,
                "one": key_id,
                "used": used,
            },
        )
    page = client.get("/admin/device-keys/?state=STALE").text
    assert "forgotten key" in page
    assert "living key" not in page
    assert "Unused for 30 days" in page
    for state in ("OPEN", "CLOSING", "EXPIRED", "nonsense"):
        assert client.get(f"/admin/device-keys/?state={state}&of=gateway").status_code == 200
    assert client.get("/admin/device-keys/?search=forgotten").text.count("forgotten key") == 1


@pytest.mark.parametrize("email", ["management@example.org", "finance@example.org"])
def test_others_change_nothing(staff_site: StaffSite, email: str) -> None:
    _, key_id, _ = make(staff_site, staff_site.client(OPERATION))
    client = staff_site.client(email)
    csrf = token(client, "/admin/")
    device = staff_site.mall.device_id
    for path in (
        "/admin/device-keys/new/",
        f"/admin/device-keys/{key_id}/rotate",
        f"/admin/device-keys/{key_id}/revoke",
        f"/admin/devices/{device}/install",
        f"/admin/devices/{device}/remove",
        f"/admin/devices/{device}/replace",
        f"/admin/devices/{device}/maintenance",
        f"/admin/devices/{device}/end-maintenance",
    ):
        data = {"csrf_token": csrf, "overlap_hours": "1", "reason": "x", "name": "x"}
        assert client.post(path, data=data).status_code == 403, path
    page = client.get(f"/admin/device-keys/details/?id={key_id}")
    assert page.status_code == (200 if email.startswith("management") else 403)
    assert "/revoke" not in page.text


def test_keys_and_devices_of_another_mall_do_not_exist(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        other = register_mall(session, code="Z98", name="别处")
        create_device_key(
            session, mall_id=other, device_id=None, name="foreign", now=staff_site.clock.at
        )
    key_id = one(staff_site, "SELECT id FROM app.device_keys WHERE name = 'foreign'")
    client = staff_site.client(OPERATION)
    assert client.get(f"/admin/device-keys/details/?id={key_id}").status_code == 404
    for deed in ("rotate", "revoke"):
        assert client.get(f"/admin/device-keys/{key_id}/{deed}").status_code == 404
    assert "foreign" not in client.get("/admin/device-keys/").text


def test_device_is_taken_down_installed_replaced_and_given_a_ratio(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    meter = one(staff_site, "SELECT id FROM app.devices WHERE code = 'E-003'")
    install, remove = f"/admin/devices/{meter}/install", f"/admin/devices/{meter}/remove"
    refused = send(client, install, shop="", zone="PLANT", installed_date="2026-04-02")
    assert "take it down first" in refused.text
    answer = send(client, remove, removed_date="2026-04-01", final_register="1204.7")
    assert answer.status_code == 302
    assert "hangs nowhere" in send(client, remove, removed_date="2026-04-01").text
    both = send(client, install, shop=str(staff_site.mall.shop_id), zone="X", installed_date="")
    assert 'id="shop-errors"' in both.text
    assert 'id="installed_date-errors"' in both.text
    again = send(client, install, shop="", zone="PLANT", installed_date="2026-04-02")
    assert again.status_code == 302
    path = f"/admin/devices/{meter}/replace"
    missing = send(client, path, first_date="2026-04-10", final_register="1300")
    assert "both registers are needed" in missing.text
    assert 'value="1300"' in missing.text
    answer = send(
        client,
        path,
        first_date="2026-04-10",
        final_register="1300",
        initial_register="0.4",
        serial="SN-NEW",
    )
    assert answer.status_code == 302
    newest = (
        "SELECT {} FROM app.device_installations WHERE device_id = :id"
        " ORDER BY installed_date DESC LIMIT 1"
    )
    assert one(staff_site, newest.format("installed_date"), id=meter) == date(2026, 4, 10)
    assert one(staff_site, newest.format("zone"), id=meter) == "PLANT"
    before = newest.format("removed_date") + " OFFSET 1"
    assert one(staff_site, before, id=meter) == date(2026, 4, 9)
    page = client.get(f"/admin/devices/details/?id={meter}").text
    assert "1,300" in page
    assert "2026-04-10" in page
    assert "SN-NEW" in page
    ratio = f"/admin/devices/{meter}/ratio"
    same = send(client, ratio, first_date="2026-04-12", ratio="1", register="7")
    assert "a new ratio must be another" in same.text
    changed = send(client, ratio, first_date="2026-04-12", ratio="40", register="7")
    assert changed.status_code == 302
    assert one(staff_site, newest.format("ratio"), id=meter) == 40


def test_maintenance_begins_with_a_reason_and_ends(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    device = staff_site.mall.device_id
    page, path = f"/admin/devices/details/?id={device}", f"/admin/devices/{device}/maintenance"
    assert 'id="reason-errors"' in send(client, path, reason="").text
    assert send(client, path, reason="new CT").status_code == 302
    assert "new CT" in client.get(page).text
    assert "Maintenance" in client.get("/admin/devices/?status=MAINTENANCE").text
    assert send(client, f"/admin/devices/{device}/end-maintenance").status_code == 302
    assert "new CT" not in client.get(page).text
    answer = client.post(
        f"/admin/devices/{device}/end-maintenance",
        data={"csrf_token": token(client, path)},
        follow_redirects=True,
    )
    assert "The device is not in maintenance." in answer.text


@pytest.mark.parametrize("email", DESK)
def test_desk_finds_its_deeds_on_the_device_s_page(staff_site: StaffSite, email: str) -> None:
    device = staff_site.mall.device_id
    page = staff_site.client(email).get(f"/admin/devices/details/?id={device}").text
    for link in (
        f"/admin/device-keys/new/?device={device}",
        f"/admin/devices/{device}/replace",
        f"/admin/devices/{device}/remove",
        f"/admin/devices/{device}/maintenance",
    ):
        assert link in page
    chosen = staff_site.client(email).get(f"/admin/device-keys/new/?device={device}").text
    assert re.search(rf'<option selected value="{device}"', chosen)
