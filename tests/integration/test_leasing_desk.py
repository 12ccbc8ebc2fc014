"""The desk of leases over HTTP: drafting, clauses, review, changes and renewals by their roles."""

import re
from html import unescape

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from staff_site import StaffSite, staff_site, token  # noqa: F401

OFFICER, MANAGER = "operation@example.org", "management@example.org"
RENT = {
    "clause-0-charge_type": "RENT",
    "clause-0-pricing_kind": "FIXED_MONTHLY",
    "clause-0-valid_from": "2028-01-01",
    "clause-0-valid_to": "",
    "clause-0-amount": "10,000",
    "clause-0-tax": "EXCLUSIVE",
}


@pytest.fixture
def officer(staff_site: StaffSite) -> FlaskClient:  # noqa: F811
    return staff_site.client(OFFICER)


@pytest.fixture
def manager(staff_site: StaffSite) -> FlaskClient:  # noqa: F811
    return staff_site.client(MANAGER)


def post(client: FlaskClient, address: str, **data: object) -> "tuple[int, str, str]":
    """Status, text and where it leads, of a form sent with the page's own token."""
    answer = client.post(address, data={"csrf_token": token(client, address), **data})
    return answer.status_code, unescape(answer.text), answer.headers.get("Location", "")


def new_draft(
    site: StaffSite, client: FlaskClient, number: str, *, start: str = "2028-01-01", **facts: object
) -> int:
    """A draft on the first unit, whose lease ends with 2027."""
    status, text, to = post(
        client,
        "/admin/contracts/new/",
        **{
            "number": number,
            "shop": site.mall.shop_id,
            "units": site.mall.unit_id,
            "start_date": start,
            "end_date": "2028-12-31",
            "deposit_amount": "30,000.00",
            "proration": "ACTUAL",
            "payment_term_days": "10",
            "officer": OFFICER,
            **facts,
        },
    )
    assert status == 302, text
    found = re.search(r"/contracts/(\d+)/clauses", to)
    assert found, to
    return int(found[1])


def state_of(site: StaffSite, contract_id: int) -> str:
    with site.engine.connect() as connection:
        return str(
            connection.scalar(
                sa.text("SELECT state FROM app.contracts WHERE id = :id"), {"id": contract_id}
            )
        )


def test_lease_is_drafted_handed_in_and_approved(
    staff_site: StaffSite, officer: FlaskClient, manager: FlaskClient  # noqa: F811
) -> None:
    lease = new_draft(staff_site, officer, "T-001")
    page = f"/admin/contracts/details/?id={lease}"
    assert "The draft has no clause yet." in officer.get(page).text
    editor = f"/admin/contracts/{lease}/clauses"
    status, text, to = post(officer, editor, do="save", base="", **RENT)
    assert (status, to) == (302, page), text
    text = officer.get(page).text
    assert "¥10,000.00 per month" in text
    assert "120,000.00" in text  # the year's rent in the schedule
    assert post(officer, f"/admin/contracts/{lease}/submit")[0] == 302
    assert state_of(staff_site, lease) == "IN_REVIEW"
    assert "T-001" in manager.get("/admin/reviews/").text
    status, text, to = post(manager, f"/admin/contracts/{lease}/review", do="approve", comment="")
    assert (status, to) == (302, "/admin/reviews/"), text
    assert state_of(staff_site, lease) == "APPROVED"
