"""No form and no other request that changes something passes without the person's token."""

import re

import pytest
from site_crawl import crawl, rule_of
from staff_mall import PASSWORD, PEOPLE
from staff_site import StaffSite

from domain.people import Role
from services.operations.passwords import hash_password
from services.operations.people import create_user
from storage.database import transaction

TENANT = "tenant@example.org"
STARTS = {"": "/sign-in", TENANT: "/", **dict.fromkeys(PEOPLE, "/admin/")}


@pytest.fixture(scope="module")
def site(staff_site: StaffSite) -> StaffSite:
    with transaction(staff_site.engine) as session:
        create_user(
            session,
            email=TENANT,
            name="",
            role=Role.SHOP,
            mall_codes=["M01"],
            shop_codes=["S-001"],
            password_hash=hash_password(PASSWORD, staff_site.settings.secret("password_salt")),
        )
    return staff_site


@pytest.mark.parametrize("email", STARTS)
def test_every_form_of_every_page_needs_its_token(site: StaffSite, email: str) -> None:
    client = site.client(email)
    start = STARTS[email]
    if email == TENANT:
        start = client.get("/").headers["Location"]
    pages = crawl(site.app, client, start)
    assert len(pages) >= (1 if not email else 5), list(pages)
    tried = set()
    for page in pages.values():
        for form in page.forms:
            if form.method != "post":
                continue
            assert form.fields.get("csrf_token"), (page.address, form.action)
            rule = rule_of(site.app, form.action, "POST")
            assert rule, (page.address, form.action)
            if rule in tried:
                continue
            tried.add(rule)
            for token in ({}, {"csrf_token": ""}, {"csrf_token": "x" + form.fields["csrf_token"]}):
                fields = {k: v for k, v in form.fields.items() if k != "csrf_token"} | token
                answer = client.post(form.action, data=fields)
                assert answer.status_code == 400, (form.action, token)
    assert "/language" in tried


@pytest.mark.parametrize("email", ["", "admin@example.org", TENANT])
def test_every_unsafe_method_of_every_address_needs_the_token(site: StaffSite, email: str) -> None:
    client = site.client(email)
    other = site.client(email)
    foreign = re.search(
        r'name="csrf_token"[^>]*value="([^"]+)"', other.get(STARTS[""], follow_redirects=True).text
    )
    passed = {}
    for rule in site.app.url_map.iter_rules():
        if rule.endpoint.startswith("api."):
            continue
        address = str(rule)
        for name in rule.arguments:
            filled = "9b2f6a1e-0000-4000-8000-000000000000" if name == "uuid" else "1"
            address = re.sub(rf"<[^>]*{name}>", filled, address)
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
            tokens = [{"x": "1"}]
            if foreign:
                tokens.append({"csrf_token": foreign[1]})
            for token in tokens:
                answer = client.open(address, method=method, data=token)
                if answer.status_code != 400:
                    passed[method, address] = answer.status_code
    assert passed == {}


def test_token_of_another_site_s_page_is_refused(site: StaffSite) -> None:
    """Over TLS the page that sends a form must be ours."""
    client = site.app.test_client()
    page = client.get("/sign-in", base_url="https://localhost").text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    answer = client.post(
        "/language",
        base_url="https://localhost",
        data={"locale": "en", "csrf_token": found[1]},
        headers={"Referer": "https://evil.example.org/"},
    )
    assert answer.status_code == 400
    answer = client.post(
        "/language",
        base_url="https://localhost",
        data={"locale": "en", "csrf_token": found[1]},
        headers={"Referer": "https://localhost/sign-in"},
    )
    assert answer.status_code == 302
