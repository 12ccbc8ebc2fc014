"""A shop's door: its own rows in every list, page, count, export and download, and no other's."""

import csv
import io
import json
import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from portal_mall import BOOKS, BOTH, COFFEE, NEWCOMER, NOBODY, STRANGER
from portal_site import PortalSite, portal_site, staff_site  # noqa: F401
from staff_mall import PEOPLE
from staff_site import token

from domain.people import Role
from domain.permissions import ROLE_PERMISSIONS
from services.queries.portal_bills import (
    MANY,
    BillFilter,
    BillStanding,
    count_own_bills,
    list_own_bills,
)
from storage.database import transaction
from webapp.portal import door

NEIGHBOUR = ("M01-202603-0002", "HT-2025-002", "海岸咖啡", "S-002", "NEIGHBOUR-MESSAGE")
LISTS = (
    "/portal/",
    "/portal/bills/",
    "/portal/contracts/",
    "/portal/figures/",
    "/portal/messages/",
    "/portal/documents/",
    "/portal/more",
)
EXPORTS = ("/portal/bills.csv", "/portal/figures.csv?month=2026-03")


def rows(client: FlaskClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200, path
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def details(site: PortalSite) -> list[str]:
    mall = site.mall
    return [
        f"/portal/bills/{mall.own_bill}",
        f"/portal/contracts/{mall.own_contract}",
        f"/portal/documents/{mall.own_document}",
    ]


def test_shop_opens_every_page_of_its_own(portal_site: PortalSite) -> None:  # noqa: F811
    client = portal_site.site.client(BOOKS)
    for path in (*LISTS, *EXPORTS, *details(portal_site)):
        assert client.get(path).status_code == 200, path


def test_nothing_of_the_neighbour_stands_on_any_page(portal_site: PortalSite) -> None:  # noqa: F811
    client = portal_site.site.client(BOOKS)
    for path in (*LISTS, *EXPORTS, *details(portal_site)[:2]):
        text = client.get(path).data.decode()
        for word in NEIGHBOUR:
            assert word not in text, (path, word)
    # The words are those of a page that does show them.
    neighbour = portal_site.site.client(COFFEE)
    seen = "".join(neighbour.get(path).data.decode() for path in LISTS)
    for word in NEIGHBOUR:
        if word != "S-002":
            assert word in seen, word


@pytest.mark.parametrize("email", [BOOKS, STRANGER])
def test_rows_of_other_shops_are_not_found(portal_site: PortalSite, email: str) -> None:  # noqa: F811
    mall = portal_site.mall
    client = portal_site.site.client(email)
    for path in (
        f"/portal/bills/{mall.other_bill}",
        f"/portal/contracts/{mall.other_contract}",
        f"/portal/documents/{mall.other_document}",
        "/portal/bills/0",
        "/portal/bills/99999999999999999999",
        "/portal/documents/9223372036854775807",
    ):
        assert client.get(path).status_code == 404, path
    assert (
        portal_site.site.client(COFFEE).get(f"/portal/bills/{mall.other_bill}").status_code == 200
    )


def test_other_mall_s_shop_of_the_same_code_is_another_shop(portal_site: PortalSite) -> None:  # noqa: F811
    mall = portal_site.mall
    books, stranger = portal_site.site.client(BOOKS), portal_site.site.client(STRANGER)
    assert stranger.get(f"/portal/bills/{mall.strange_bill}").status_code == 200
    assert books.get(f"/portal/bills/{mall.strange_bill}").status_code == 404
    for path in details(portal_site):
        assert stranger.get(path).status_code == 404, path
    assert {row["Number"] for row in rows(stranger, "/portal/bills.csv")} == {"M02-202603-0001"}


def test_drafts_and_what_was_dropped_before_its_issue_are_the_desk_s(
    portal_site: PortalSite,  # noqa: F811
) -> None:
    mall = portal_site.mall
    client = portal_site.site.client(BOOKS)
    for path in (
        f"/portal/bills/{mall.draft_bill}",
        f"/portal/bills/{mall.dropped_bill}",
        f"/portal/contracts/{mall.draft_contract}",
    ):
        assert client.get(path).status_code == 404, path
    found = {row["Number"]: row["State"] for row in rows(client, "/portal/bills.csv")}
    assert found == {
        "M01-202603-0001": "Partially paid",
        "M01-202602-0001": "Overdue",
        "M01-202601-0001": "Void",
    }
    assert "HT-2028-900" not in client.get("/portal/contracts/").text


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("search=0001", {"M01-202603-0001", "M01-202602-0001", "M01-202601-0001"}),
        ("search=202602", {"M01-202602-0001"}),
        ("search=M01-202603-0002", set()),  # the neighbour's
        ("search=%25", set()),  # no wildcard
        ("state=OPEN", {"M01-202603-0001", "M01-202602-0001"}),
        ("state=OVERDUE", {"M01-202602-0001"}),
        ("state=VOID", {"M01-202601-0001"}),
        ("state=DRAFT", {"M01-202603-0001", "M01-202602-0001", "M01-202601-0001"}),
        ("month=2026-03", {"M01-202603-0001"}),
        ("month=2026-04", set()),  # a draft's
        ("month=never", {"M01-202603-0001", "M01-202602-0001", "M01-202601-0001"}),
    ],
)
def test_search_and_filters_find_own_bills_only(
    portal_site: PortalSite,  # noqa: F811
    query: str,
    numbers: set[str],
) -> None:
    client = portal_site.site.client(BOOKS)
    assert {row["Number"] for row in rows(client, f"/portal/bills.csv?{query}")} == numbers
    page = client.get(f"/portal/bills/?{query}").text
    assert set(re.findall(r"M0\d-\d{6}-\d{4}(?=</a>)", page)) == numbers
    counted = {0: "Nothing matches", 1: "1 bill<"}.get(len(numbers), f"{len(numbers)} bills<")
    assert counted in page


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=~1",
        "after=2026-01-01~99999999999999999999",
        "before=NaN~1&sort=total",
        "sort=id",
        "month=9999-99",
    ],
)
def test_address_that_cannot_be_is_ignored(portal_site: PortalSite, query: str) -> None:  # noqa: F811
    client = portal_site.site.client(BOOKS)
    assert client.get(f"/portal/bills/?{query}").status_code == 200
    assert client.get(f"/portal/figures/?{query}").status_code == 200
    assert client.get(f"/portal/messages/?{query}").status_code == 200


@pytest.mark.parametrize("sort", ["number", "period", "due", "total"])
@pytest.mark.parametrize("desc", ["", "&desc=1"])
def test_pages_forth_and_back_show_each_bill_once(
    portal_site: PortalSite,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    sort: str,
    desc: str,
) -> None:
    from webapp.portal import bills

    def one_at_a_time(*args: object, **options: object) -> object:
        return list_own_bills(*args, **{**options, "size": 1})  # type: ignore[arg-type]

    monkeypatch.setattr(bills, "list_own_bills", one_at_a_time)
    client = portal_site.site.client(BOOKS)

    def shown(path: str) -> tuple[str, str, str]:
        page = client.get(path).text
        links = dict(re.findall(r'rel="(next|prev)" href="([^"]+)"', page))
        (number,) = re.findall(r"M01-\d{6}-\d{4}(?=</a>)", page)
        return number, *(links.get(way, "").replace("&amp;", "&") for way in ("next", "prev"))

    forth, path = [], f"/portal/bills/?sort={sort}{desc}"
    while path:
        number, path, back = shown(path)
        forth.append(number)
    assert len(forth) == len(set(forth)) == 3
    returned = []
    while back:
        number, _onward, back = shown(back)
        returned.append(number)
    assert returned == forth[-2::-1]


def test_count_of_very_many_is_many(portal_site: PortalSite) -> None:  # noqa: F811
    site, mall = portal_site.site, portal_site.mall
    wanted = BillFilter(today=site.clock.at.date(), standing=BillStanding.PAID)
    own = frozenset({mall.own_shop})
    with transaction(site.engine) as session:
        assert count_own_bills(session, shop_ids=own, wanted=wanted) == 0
        session.execute(
            sa.text(
                "INSERT INTO app.bills (mall_id, shop_id, contract_id, number, state, period_start,"
                " period_end, due_date, currency, net_amount, tax_amount, total_amount, issued_at)"
                " SELECT mall_id, shop_id, contract_id, 'many-' || at, 'PAID',"
                " date '1900-01-01' + at, date '1900-01-01' + at, due_date, 'CNY', 1, 0, 1, now()"
                " FROM app.bills, generate_series(1, :rows) AS at WHERE id = :bill"
            ),
            {"rows": MANY + 1, "bill": mall.own_bill},
        )
        assert count_own_bills(session, shop_ids=own, wanted=wanted) is None
        session.rollback()


def test_postgres_alone_keeps_other_shops_out(
    portal_site: PortalSite,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the portal's own scoping forgotten, row security still lets nothing out."""
    mall = portal_site.mall
    everything = frozenset({mall.own_shop, mall.other_shop, mall.strange_shop})
    monkeypatch.setattr(door, "own_shop_ids", lambda: everything)
    monkeypatch.setattr(door, "shown_shop_ids", lambda: everything)
    client = portal_site.site.client(BOOKS)
    for path in details(portal_site):
        assert client.get(path).status_code == 200, path
    for path in (
        f"/portal/bills/{mall.other_bill}",
        f"/portal/bills/{mall.strange_bill}",
        f"/portal/bills/{mall.draft_bill}",
        f"/portal/contracts/{mall.other_contract}",
        f"/portal/contracts/{mall.draft_contract}",
        f"/portal/documents/{mall.other_document}",
    ):
        assert client.get(path).status_code == 404, path
    for path in (*LISTS, *EXPORTS):
        text = client.get(path).data.decode()
        for word in NEIGHBOUR:
            assert word not in text, (path, word)
    assert len(rows(client, "/portal/figures.csv?month=2026-03")) == 31


def test_person_of_two_shops_changes_between_them(portal_site: PortalSite) -> None:  # noqa: F811
    mall = portal_site.mall
    client = portal_site.site.client(BOTH)
    assert "M01-202603-0001" in client.get("/portal/bills/").text
    assert "M01-202603-0002" not in client.get("/portal/bills/").text
    # A link to the other shop's bill opens: it is the same person's.
    assert client.get(f"/portal/bills/{mall.other_bill}").status_code == 200
    data = {"csrf_token": token(client, "/portal/"), "shop": str(mall.other_shop)}
    assert client.post("/portal/shop", data=data).status_code == 302
    assert "M01-202603-0002" in client.get("/portal/bills/").text
    assert "M01-202603-0001" not in client.get("/portal/bills/").text
    assert (
        client.post("/portal/shop", data={**data, "shop": str(mall.strange_shop)}).status_code
        == 404
    )
    assert client.post("/portal/shop", data={**data, "shop": "x"}).status_code == 404


def test_person_whose_shop_was_taken_away_reaches_nothing_at_once(
    portal_site: PortalSite,  # noqa: F811
) -> None:
    client = portal_site.site.client(NOBODY)
    assert client.get("/portal/bills/").status_code == 200
    with transaction(portal_site.site.engine) as session:
        session.execute(
            sa.text(
                "DELETE FROM app.user_shops USING app.users WHERE users.id = user_id AND email = :e"
            ),
            {"e": NOBODY},
        )
    home = client.get("/portal/")
    assert home.status_code == 200
    assert "No shop belongs to this account" in home.text
    assert "云上书店" not in home.text
    for path in (*LISTS[1:], *EXPORTS, *details(portal_site)):
        assert client.get(path).status_code == 404, path


def test_each_person_is_led_to_the_own_home(portal_site: PortalSite) -> None:  # noqa: F811
    site = portal_site.site
    for email, home in ((BOOKS, "/portal/"), *((email, "/admin/") for email in PEOPLE)):
        assert site.client(email).get("/").headers["Location"] == home, email
    assert site.client().get("/").headers["Location"] == "/sign-in"


def test_staff_stays_out_of_the_portal_and_shops_out_of_the_staff_s(
    portal_site: PortalSite,  # noqa: F811
) -> None:
    site = portal_site.site
    for email in PEOPLE:
        client = site.client(email)
        for path in (*LISTS, *EXPORTS, *details(portal_site)):
            assert client.get(path).status_code == 403, (email, path)
    shop = site.client(BOOKS)
    for path in (
        "/admin/",
        "/admin/bills/",
        f"/admin/bills/details/?id={portal_site.mall.own_bill}",
    ):
        assert shop.get(path).status_code == 403, path
    for path in LISTS:
        answer = site.client().get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/sign-in?next="), path


def test_every_address_of_the_portal_asks_for_a_permission_of_shops_alone(
    portal_site: PortalSite,  # noqa: F811
) -> None:
    """No view is added beside `door.page`, which asks."""
    views = portal_site.site.app.view_functions
    portal = {
        name: view for name, view in views.items() if name.startswith(f"{door.blueprint.name}.")
    }
    assert len(portal) >= 13
    for name, view in portal.items():
        permission = view.permission
        assert permission in ROLE_PERMISSIONS[Role.SHOP], name
        assert permission.scope == "own", name


def test_bill_opens_into_formula_clause_and_readings(portal_site: PortalSite) -> None:  # noqa: F811
    page = portal_site.site.client(BOOKS).get(f"/portal/bills/{portal_site.mall.own_bill}").text
    for word in ("420.5", "HT-2025-001", "¥6.5 per m² and day", "41,250.25", "742 / 744"):
        assert word in page, word
    assert "¥102,291.51" in page  # 112,291.51 less 10,000.00 paid
    assert "Bank transfer" in page
    for inside in ("finance@example.org", "Handed to finance", "/admin/"):
        assert inside not in page.replace("/admin/static", ""), inside


def test_paper_downloads_as_an_attachment(portal_site: PortalSite) -> None:  # noqa: F811
    answer = portal_site.site.client(BOOKS).get(
        f"/portal/documents/{portal_site.mall.own_document}"
    )
    assert answer.data.startswith(b"%PDF")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_days_without_data_are_missing_and_never_zero(portal_site: PortalSite) -> None:  # noqa: F811
    client = portal_site.site.client(BOOKS)
    days = {row["Business date"]: row for row in rows(client, "/portal/figures.csv?month=2026-03")}
    assert len(days) == 31
    assert days["2026-03-11"]["Data"] == "complete"
    assert days["2026-03-12"]["Data"] == "incomplete"
    assert (days["2026-03-20"]["Net sales"], days["2026-03-20"]["Data"]) == ("", "missing")
    assert (days["2026-03-31"]["Net sales"], days["2026-03-31"]["Data"]) == ("", "no data")
    page = client.get("/portal/figures/?month=2026-03").text
    assert "4 days are incomplete or missing" in page
    assert "27 of 29 days complete" in page


def test_chart_is_drawn_of_own_days_only(portal_site: PortalSite) -> None:  # noqa: F811
    drawn = {}
    for email in (BOOKS, COFFEE):
        page = portal_site.site.client(email).get("/portal/figures/?month=2026-03").text
        (found,) = re.findall(r'id="sales-data">(.+?)</script>', page)
        bars, crosses = json.loads(found)["layer"]
        drawn[email] = {row["day"]: row["value"] for row in bars["data"]["values"]}
        assert [row["day"] for row in crosses["data"]["values"]] == ["2026-03-20"]
    assert drawn[BOOKS]["2026-03-02"] == 8063.0
    assert drawn[COFFEE]["2026-03-02"] == 56063.0
    assert set(drawn[BOOKS].values()).isdisjoint(drawn[COFFEE].values())


def test_month_without_data_says_so(portal_site: PortalSite) -> None:  # noqa: F811
    page = portal_site.site.client(BOOKS).get("/portal/figures/?month=2020-01").text
    assert "No data in this period" in page
    assert "data-chart" not in page


def test_inbox_has_what_was_delivered_to_this_shop_here(portal_site: PortalSite) -> None:  # noqa: F811
    page = portal_site.site.client(BOOKS).get("/portal/messages/").text
    assert page.index("4月20日") < page.index("3月13日")
    for other in ("PENDING-MESSAGE", "SMS-MESSAGE", "NEIGHBOUR-MESSAGE"):
        assert other not in page


def test_shop_without_anything_yet_learns_what_comes_and_when(portal_site: PortalSite) -> None:  # noqa: F811
    site, mall = portal_site.site, portal_site.mall
    client = site.client(NEWCOMER)
    words = {
        "/portal/": "No contract was sent to this shop yet.",
        "/portal/bills/": "The first bill comes at the end of the first month",
        "/portal/contracts/": "No contract yet",
        "/portal/figures/": "No figures yet",
        "/portal/messages/": "No message yet",
        "/portal/documents/": "No document yet",
    }
    for path, word in words.items():
        assert word in client.get(path).text, path
    with transaction(site.engine) as session:
        session.execute(
            sa.text(
                "UPDATE app.contracts SET state = 'ACTIVE', start_date = '2026-04-10'"
                " WHERE shop_id = :s"
            ),
            {"s": mall.newcomer_shop},
        )
    assert "Your first bill comes around 2026-05-01" in client.get("/portal/bills/").text


def test_name_that_looks_like_a_formula_is_text_in_an_export(portal_site: PortalSite) -> None:  # noqa: F811
    site = portal_site.site
    with transaction(site.engine) as session:
        session.execute(
            sa.text("UPDATE app.bills SET number = '=1+1' WHERE id = :b"),
            {"b": portal_site.mall.void_bill},
        )
    found = {row["Number"] for row in rows(site.client(BOOKS), "/portal/bills.csv?state=VOID")}
    assert found == {"'=1+1"}
