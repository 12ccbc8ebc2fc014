"""Management decides on the terms that it has read, and on no others."""

import re
from html import unescape

import pytest
from running_mall import MANAGER, NOW, OFFICER, RunningMall, rent
from sqlalchemy.orm import Session
from staff_site import StaffSite, staff_site  # noqa: F401
from test_leasing_desk import RENT, new_draft, post, state_of

from domain.contracts import ContractState
from services.operations import leasing
from services.queries.contracts import list_versions


def handed_in_twice(session: Session) -> tuple[int, int, int]:
    """A contract in review, and the ids of its newest version and of the one before."""
    contract_id = RunningMall(session).draft()
    leasing.submit_contract(session, contract_id=contract_id, actor=OFFICER, now=NOW)
    done = {"contract_id": contract_id, "now": NOW}
    leasing.reject_contract(session, actor=MANAGER, comment="too cheap", **done)
    leasing.revise_contract(session, actor=OFFICER, **done)
    leasing.put_clauses(session, clauses=[rent("1.00")], actor=OFFICER, role="OPERATION", **done)
    leasing.submit_contract(session, actor=OFFICER, **done)
    newest, before = (one.id for one in list_versions(session, contract_id))
    return contract_id, newest, before


@pytest.mark.parametrize("decide", [leasing.approve_contract, leasing.reject_contract])
def test_other_terms_than_those_read_are_not_decided_on(session: Session, decide) -> None:  # type: ignore[no-untyped-def]
    contract_id, newest, before = handed_in_twice(session)
    given = {"contract_id": contract_id, "actor": MANAGER, "now": NOW, "comment": "seen"}
    for read in (before, 0):
        with pytest.raises(leasing.HandedInAgain) as refused:
            decide(session, version_id=read, **given)
        assert refused.value.by == OFFICER
    decided = decide(session, version_id=newest, **given)
    assert decided in (ContractState.APPROVED, ContractState.REJECTED)


def test_page_that_is_out_of_date_decides_nothing_and_shows_what_is_there_now(
    staff_site: StaffSite,  # noqa: F811
) -> None:
    officer = staff_site.client("operation@example.org")
    manager = staff_site.client("management@example.org")
    lease = new_draft(staff_site, officer, "T-R-1")
    editor, review = f"/admin/contracts/{lease}/clauses", f"/admin/contracts/{lease}/review"
    post(officer, editor, do="save", base="", **RENT)
    post(officer, f"/admin/contracts/{lease}/submit")
    shown = version_on(manager.get(review).text)
    assert post(manager, review, do="reject", comment="too cheap", version=shown)[0] == 302
    post(officer, f"/admin/contracts/{lease}/revise", comment="")
    base = re.search(r'name="base" value="([\d,]*)"', officer.get(editor).text)
    assert base is not None
    post(officer, editor, do="save", base=base[1], **{**RENT, "clause-0-amount": "1"})
    post(officer, f"/admin/contracts/{lease}/submit")
    status, text, _to = post(manager, review, do="approve", comment="", version=shown)
    assert status == 200
    assert "operation@example.org handed in other terms while you were reading" in text
    assert "<ins>¥1.00 per month" in text
    assert state_of(staff_site, lease) == "IN_REVIEW"
    now_shown = version_on(text)
    assert now_shown != shown
    assert post(manager, review, do="approve", comment="", version=now_shown)[0] == 302
    assert state_of(staff_site, lease) == "APPROVED"


def version_on(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', unescape(page))
    assert found is not None
    return found[1]
