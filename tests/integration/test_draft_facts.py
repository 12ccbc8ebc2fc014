"""Two officers write the facts of one draft: neither undoes the other's unseen."""

import re

import pytest
import sqlalchemy as sa
from running_mall import NOW, OFFICER, RunningMall
from sqlalchemy.orm import Session
from staff_site import StaffSite, staff_site  # noqa: F401
from test_leasing_desk import new_draft, post

from services.operations import leasing

OFFICER_ACCOUNT = "operation@example.org"


def test_facts_that_changed_since_they_were_read_are_not_overwritten(session: Session) -> None:
    mall = RunningMall(session)
    contract_id = mall.draft()
    given = {"contract_id": contract_id, "actor": OFFICER, "now": NOW}
    seen = leasing.facts_digest(mall.contract(contract_id))
    leasing.change_draft(session, payment_term_days=20, seen=seen, **given)  # type: ignore[arg-type]
    with pytest.raises(leasing.DraftChanged) as refused:
        leasing.change_draft(session, payment_term_days=30, seen=seen, **given)  # type: ignore[arg-type]
    assert (refused.value.number, refused.value.by) == ("C-1", OFFICER)
    assert mall.contract(contract_id).payment_term_days == 20


def test_page_of_facts_shows_what_a_colleague_saved_and_what_was_typed(
    staff_site: StaffSite,  # noqa: F811
) -> None:
    officer = staff_site.client(OFFICER_ACCOUNT)
    lease = new_draft(staff_site, officer, "T-F-1")
    address = f"/admin/contracts/{lease}/facts"
    facts = {
        "number": "T-F-1",
        "shop": staff_site.mall.shop_id,
        "units": staff_site.mall.unit_id,
        "start_date": "2028-01-01",
        "end_date": "2028-12-31",
        "deposit_amount": "30,000.00",
        "proration": "ACTUAL",
        "payment_term_days": "10",
        "officer": OFFICER_ACCOUNT,
    }
    seen = digest_on(officer.get(address).text)
    theirs = {**facts, "end_date": "2028-11-30"}
    assert post(officer, address, **theirs, seen=seen)[0] == 302
    mine = {**facts, "payment_term_days": "25"}
    # A slip of the pen in between does not make the page forget what it showed.
    status, text, _to = post(officer, address, **{**mine, "number": ""}, seen=seen)
    assert status == 200 and digest_on(text) == seen
    status, text, _to = post(officer, address, **mine, seen=seen)
    assert status == 200
    assert f"{OFFICER_ACCOUNT} changed the draft while you were writing." in text
    assert "As it stands now" in text and "2028-11-30" in text and 'value="25"' in text
    assert last_day(staff_site, lease) == "2028-11-30"
    assert post(officer, address, **mine, seen=digest_on(text))[0] == 302
    assert last_day(staff_site, lease) == "2028-12-31"


def digest_on(page: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def last_day(site: StaffSite, contract_id: int) -> str:
    with site.engine.connect() as connection:
        return str(
            connection.scalar(
                sa.text("SELECT end_date FROM app.contracts WHERE id = :id"), {"id": contract_id}
            )
        )
