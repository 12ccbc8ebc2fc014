"""Administrators invite people, look after their accounts and see what each role may do."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask.testing import FlaskClient
from staff_mall import PEOPLE
from staff_site import StaffSite, token

from domain.people import Role
from services.operations.people import create_user
from storage.database import transaction

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE


def account(site: StaffSite, email: str, role: Role = Role.OPERATION, **terms) -> int:  # type: ignore[no-untyped-def]
    with transaction(site.engine) as session:
        return create_user(
            session,
            email=email,
            name="",
            role=role,
            mall_codes=["M01"],
            password_hash="hash",
            **terms,
        )


def row(site: StaffSite, query: str, **values: object) -> sa.Row:  # type: ignore[type-arg]
    with site.engine.connect() as connection:
        return connection.execute(sa.text(query), values).one()


def post(client: FlaskClient, path: str, **data: object):  # type: ignore[no-untyped-def]
    return client.post(path, data={"csrf_token": token(client, "/admin/users/new/"), **data})


def test_inviting_makes_an_account_without_password_and_sends_a_letter(
    staff_site: StaffSite,
) -> None:
    client = staff_site.client(ADMIN)
    answer = post(
        client,
        "/admin/users/new/",
        email="Li.Na@Example.org",
        name="李娜",
        role="SHOP",
        shop_codes=["M01/S-002", "M01/S-003"],
        locale="zh_CN",
    )
    assert answer.status_code == 302, re.findall(r"<li>(.*?)</li>", answer.text)
    user = row(staff_site, "SELECT * FROM app.users WHERE email = 'li.na@example.org'")
    assert (user.name, user.locale, user.password) == ("李娜", "zh_CN", None)
    shops = row(
        staff_site,
        "SELECT array_agg(code ORDER BY code) FROM app.user_shops JOIN app.shops"
        " ON shops.id = shop_id WHERE user_id = :id",
        id=user.id,
    )
    assert shops[0] == ["S-002", "S-003"]
    letter = row(
        staff_site,
        "SELECT recipient, body, secret_body, locale FROM app.notifications"
        " WHERE recipient = :email",
        email="li.na@example.org",
    )
    assert letter.locale == "zh_CN"
    assert "/link/" in letter.secret_body
    assert "/link/" not in letter.body
    page = client.get(answer.location).text
    assert "Invited" in page
    assert "M01/S-002, M01/S-003" in page


def test_form_says_what_is_wrong_and_keeps_what_was_typed(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    for data, complaint in (
        ({"role": ""}, "This field is required"),
        ({"role": "FINANCE"}, "Tick at least one mall"),
        ({"role": "SHOP"}, "Tick the shops"),
        ({"role": "FINANCE", "mall_codes": "M01", "shop_codes": "M01/S-001"}, "tick none"),
        ({"role": "SHOP", "shop_codes": "M01/S-404"}, "is not a valid choice"),
        ({"role": "FINANCE", "mall_codes": "M01", "email": FINANCE}, "Another account has"),
    ):
        values = {"email": "typed@example.org", "name": "Typed Name", "locale": "", **data}
        answer = post(client, "/admin/users/new/", **values)
        assert answer.status_code == 200
        assert complaint in answer.text, complaint
        assert "Typed Name" in answer.text
    count = row(staff_site, "SELECT count(*) FROM app.users WHERE email = 'typed@example.org'")
    assert count[0] == 0


def test_list_is_searched_and_filtered_by_role_mall_and_state(staff_site: StaffSite) -> None:
    account(staff_site, "closed@example.org", Role.FINANCE, active=False)
    client = staff_site.client(ADMIN)

    def shown(query: str) -> set[str]:
        text = client.get(f"/admin/users/?{query}").text
        return set(re.findall(r"[\w.]+@example\.org", text.split("<tbody>")[-1])) - {ADMIN}

    assert shown("role=FINANCE") == {FINANCE, "closed@example.org"}
    assert shown("role=FINANCE&state=ACTIVE") == {FINANCE}
    assert shown("state=CLOSED") == {"closed@example.org"}
    assert shown("search=manag") == {MANAGEMENT}
    assert {FINANCE, OPERATION, MANAGEMENT} <= shown("mall=M01")
    assert "Nothing matches" in client.get("/admin/users/?mall=NOPE").text
    export = client.get("/admin/users/export/csv/?state=CLOSED").text
    assert [line.split(",")[0] for line in export.splitlines()[1:]] == ["closed@example.org"]
    assert "hash" not in export


def test_edit_changes_role_and_malls_and_starts_from_what_is(staff_site: StaffSite) -> None:
    user_id = account(staff_site, "moved@example.org", Role.FINANCE)
    client = staff_site.client(ADMIN)
    form = client.get(f"/admin/users/edit/?id={user_id}").text
    assert re.search(r'value="FINANCE"\s+selected|selected[^>]*value="FINANCE"', form)
    assert re.search(r'value="M01" checked', form)
    assert 'name="email"' not in form
    answer = post(
        client,
        f"/admin/users/edit/?id={user_id}",
        name="Moved",
        role="OPERATION",
        mall_codes="M01",
        locale="en",
    )
    assert answer.status_code == 302
    page = client.get(f"/admin/users/details/?id={user_id}").text
    assert "Operation" in page
    assert "Moved" in page


def test_own_role_cannot_be_given_away(staff_site: StaffSite) -> None:
    own = row(staff_site, "SELECT id FROM app.users WHERE email = :email", email=ADMIN).id
    account(staff_site, "second.admin@example.org", Role.SUPER_ADMIN)
    client = staff_site.client(ADMIN)
    answer = post(
        client,
        f"/admin/users/edit/?id={own}",
        name="x",
        role="FINANCE",
        mall_codes="M01",
        locale="",
    )
    assert answer.status_code == 200
    assert "Not your own account" in answer.text
    post(client, f"/admin/users/{own}/close", typed=ADMIN)
    assert client.get("/admin/users/").status_code == 200


def test_closing_asks_for_the_address(staff_site: StaffSite) -> None:
    user_id = account(staff_site, "leaving@example.org")
    client = staff_site.client(ADMIN)
    active = "SELECT active FROM app.users WHERE id = :id"
    answer = post(client, f"/admin/users/{user_id}/close", typed="somebody@example.org")
    assert "That is not the address" in answer.text
    assert row(staff_site, active, id=user_id).active
    assert post(client, f"/admin/users/{user_id}/close", typed="Leaving@example.org").status_code
    assert not row(staff_site, active, id=user_id).active
    assert "Nobody can sign in" in client.get(f"/admin/users/details/?id={user_id}").text
    post(client, f"/admin/users/{user_id}/open")
    assert row(staff_site, active, id=user_id).active


def test_lock_is_shown_and_lifted(staff_site: StaffSite) -> None:
    user_id = account(staff_site, "locked@example.org")
    with transaction(staff_site.engine) as session:
        session.execute(
            sa.text("UPDATE app.users SET locked_until = :until, lockouts = 1 WHERE id = :id"),
            {"until": staff_site.clock.at.replace(hour=23), "id": user_id},
        )
    client = staff_site.client(ADMIN)
    assert "after wrong passwords" in client.get(f"/admin/users/details/?id={user_id}").text
    post(client, f"/admin/users/{user_id}/unlock")
    assert row(staff_site, "SELECT locked_until FROM app.users WHERE id = :id", id=user_id) == (
        None,
    )


def test_roles_page_shows_the_table_in_both_languages(staff_site: StaffSite) -> None:
    english = staff_site.client(ADMIN).get("/admin/roles/").text
    assert "approve or reject" in english
    assert "Device key" in english
    chinese = staff_site.client(ADMIN, locale="zh_CN").get("/admin/roles/").text
    assert "审批或驳回" in chinese
    assert "approve" not in chinese


def test_old_sign_in_is_asked_again_before_roles_and_exports(staff_site: StaffSite) -> None:
    user_id = account(staff_site, "fresh@example.org")
    client = staff_site.client(ADMIN)
    csrf = token(client, "/admin/users/new/")
    began = staff_site.clock.at
    try:
        staff_site.clock.at = began + timedelta(minutes=16)
        for path in (
            "/admin/users/new/",
            f"/admin/users/edit/?id={user_id}",
            f"/admin/users/{user_id}/close",
            "/admin/users/export/csv/",
            "/admin/shops/export/csv/",
        ):
            answer = client.get(path)
            assert urlsplit(answer.location).path == "/sign-in/again", path
        answer = client.post(f"/admin/users/{user_id}/end-sessions", data={"csrf_token": csrf})
        assert answer.status_code == 401
        assert client.get("/admin/users/").status_code == 200
    finally:
        staff_site.clock.at = began


def test_page_of_a_person_leads_to_what_happened(staff_site: StaffSite) -> None:
    user_id = account(staff_site, "watched@example.org")
    client = staff_site.client(ADMIN)
    post(client, f"/admin/users/{user_id}/close", typed="watched@example.org")
    page = client.get(f"/admin/users/details/?id={user_id}").text
    to_it, by_them = re.findall(r'href="(/admin/audit/\?[^"]*)"', page)
    events = client.get(to_it.replace("&amp;", "&")).text.split("</form>")[-1]
    assert "Account disabled" in events
    assert "actor=watched" in by_them
