"""The desk of leases over HTTP: drafting, clauses, review, changes and renewals by their roles."""

import re
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from staff_mall import NOW
from staff_site import StaffSite, staff_site, token  # noqa: F401

from services.documents.fonts import prepare_fonts
from services.operations.leasing import ask_renewal
from storage.database import transaction

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


def newest_change(site: StaffSite) -> int:
    with site.engine.connect() as connection:
        return int(connection.scalar(sa.text("SELECT max(id) FROM app.contract_changes")) or 0)


def test_lease_is_drafted_handed_in_and_approved(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
    manager: FlaskClient,
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


def test_deposit_finer_than_a_cent_is_not_rounded_behind_ones_back(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    status, text, _to = post(
        officer,
        "/admin/contracts/new/",
        number="T-010",
        shop=staff_site.mall.shop_id,
        units=staff_site.mall.unit_id + 4,
        start_date="2028-01-01",
        end_date="2028-12-31",
        deposit_amount="50000.005",
        proration="ACTUAL",
        payment_term_days="10",
        officer=OFFICER,
    )
    assert status == 200 and "Write at most 2 decimals." in text
    address = f"/admin/contracts/{staff_site.mall.contract_id + 7}/renew"
    facts = {"number": "HT-2028-010", "end_date": "2029-12-31", "deposit_amount": "50000.005"}
    status, text, _to = post(officer, address, **facts)
    assert status == 200 and "Write at most 2 decimals." in text


def test_fault_names_its_clause_and_field_in_the_reader_s_language(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = new_draft(staff_site, officer, "T-002")
    editor = f"/admin/contracts/{lease}/clauses"
    wrong = {**RENT, "clause-0-amount": "zehn", "clause-0-valid_to": "2029-01-31"}
    status, text, _to = post(officer, editor, do="save", base="", **wrong)
    assert status == 200
    assert "“zehn” is not a number." in text
    assert "2028-01-01 to 2029-01-31 is not inside the contract" in text
    assert 'value="zehn"' in text  # nothing typed is lost
    assert 'id="clause-0-amount-errors"' in text
    chinese = staff_site.client(OFFICER, locale="zh")
    chinese.post("/language", data={"locale": "zh_CN", "csrf_token": token(chinese, editor)})
    text = post(chinese, editor, do="save", base="", **wrong)[1]
    assert "“zehn”不是数字。" in text
    assert "第 1 条，租金" in text
    chinese.post("/language", data={"locale": "en", "csrf_token": token(chinese, editor)})


def test_buttons_of_the_editor_change_what_is_typed_and_save_nothing(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = new_draft(staff_site, officer, "T-003")
    editor = f"/admin/contracts/{lease}/clauses"
    text = post(
        officer,
        editor,
        do="steps",
        base="",
        **RENT,
        **{"steps-clause": "0", "steps-months": "6", "steps-percent": "5"},
    )[1]
    assert 'value="2028-07-01"' in text and 'value="10,500.00"' in text
    text = post(
        officer, editor, do="free", base="", **RENT, **{"free-first": "x", "free-last": ""}
    )[1]
    assert "Write the first and the last free day as 2026-01-31." in text
    assert 'value="x"' in text
    assert "No clause yet" in officer.get(f"/admin/contracts/details/?id={lease}").text


def test_preview_is_the_schedule_of_what_is_typed(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = new_draft(staff_site, officer, "T-004")
    editor = f"/admin/contracts/{lease}/clauses"
    sent = {"csrf_token": token(officer, editor), **RENT}
    text = officer.post(f"{editor}/preview", data=sent).text
    assert "120,000.00" in text and "<html" not in text
    text = officer.post(f"{editor}/preview", data={**sent, "clause-0-amount": ""}).text
    assert "Clauses that cannot be priced yet are left out." in text
    part = officer.post(editor, data={**sent, "do": "add"}, headers={"X-Part": "editor"}).text
    assert 'id="clause-1"' in part and "<html" not in part
    whole = officer.post(editor, data={**sent, "do": "preview"}).text
    assert "120,000.00" in whole and "<html" in whole


def test_clauses_that_another_saved_meanwhile_are_shown_beside_mine(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = new_draft(staff_site, officer, "T-005")
    editor = f"/admin/contracts/{lease}/clauses"
    assert post(officer, editor, do="save", base="", **RENT)[0] == 302
    mine = {**RENT, "clause-0-amount": "12,345"}
    status, text, _to = post(officer, editor, do="save", base="", **mine)
    assert status == 200
    assert f"What {OFFICER} saved" in text
    assert "¥10,000.00 per month" in text  # theirs
    assert 'value="12345"' in text or 'value="12,345"' in text  # mine
    base = re.search(r'name="base" value="(\d+)"', text)
    assert base is not None
    assert post(officer, editor, do="save", base=base[1], **mine)[0] == 302
    assert "¥12,345.00 per month" in officer.get(f"/admin/contracts/details/?id={lease}").text


def test_clauses_typed_stay_when_the_draft_was_handed_in_meanwhile(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = new_draft(staff_site, officer, "T-008", units=staff_site.mall.unit_id + 2)
    editor = f"/admin/contracts/{lease}/clauses"
    hidden = token(officer, editor)
    assert post(officer, editor, do="save", base="", **RENT)[0] == 302
    assert post(officer, f"/admin/contracts/{lease}/submit")[0] == 302
    assert officer.get(editor).status_code == 302
    mine = {**RENT, "clause-0-amount": "12345", "csrf_token": hidden}
    for button in ("save", "add"):
        answer = officer.post(editor, data={**mine, "do": button})
        assert answer.status_code == 200
        assert "Only a draft can be changed; take the contract back first." in answer.text
        assert 'value="12345"' in answer.text
    assert "12,345.00" not in officer.get(f"/admin/contracts/details/?id={lease}").text


def test_overlap_of_a_unit_is_refused_with_the_other_contract_s_number(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = new_draft(staff_site, officer, "T-006", start="2027-12-01")
    clause = {**RENT, "clause-0-valid_from": "2027-12-01"}
    sentence = "The unit 1-101 is let by the contract HT-2025-001 from 2025-01-01 to 2027-12-31."
    page = f"/admin/contracts/details/?id={lease}"
    assert sentence in unescape(officer.get(page).text)  # said at once, when it was drafted
    editor = f"/admin/contracts/{lease}/clauses"
    assert post(officer, editor, do="save", base="", **clause)[0] == 302
    status, text, _to = post(officer, f"/admin/contracts/{lease}/submit")
    assert status == 200 and sentence in text
    assert state_of(staff_site, lease) == "DRAFT"


def test_rejected_lease_is_redrafted_and_compared_with_what_was_before(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
    manager: FlaskClient,
) -> None:
    units = {"units": staff_site.mall.unit_id + 1}
    lease = new_draft(staff_site, officer, "T-007", **units)
    editor, review = f"/admin/contracts/{lease}/clauses", f"/admin/contracts/{lease}/review"
    post(officer, editor, do="save", base="", **RENT)
    post(officer, f"/admin/contracts/{lease}/submit")
    status, text, _to = post(manager, review, do="reject", comment=" ")
    assert status == 200 and "Say why." in text
    assert post(manager, review, do="reject", comment="租金太低")[0] == 302
    page = f"/admin/contracts/details/?id={lease}"
    assert "租金太低" in officer.get(page).text
    assert "Contracts rejected by management" in officer.get("/admin/").text
    assert post(officer, f"/admin/contracts/{lease}/revise", comment="")[0] == 302
    base = re.search(r'name="base" value="([\d,]*)"', officer.get(editor).text)
    assert base is not None
    dearer = {**RENT, "clause-0-amount": "11000"}
    assert post(officer, editor, do="save", base=base[1], **dearer)[0] == 302
    assert post(officer, f"/admin/contracts/{lease}/submit")[0] == 302
    text = unescape(manager.get(review).text)
    assert "<del>¥10,000.00 per month" in text and "<ins>¥11,000.00 per month" in text
    assert "Contracts to review" in manager.get("/admin/").text
    versions = unescape(officer.get(f"/admin/contracts/{lease}/versions").text)
    assert "<del>¥10,000.00 per month" in versions
    assert post(manager, review, do="approve", comment="好")[0] == 302


def test_amendment_is_written_in_the_editor_and_decided_by_another(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
    manager: FlaskClient,
) -> None:
    lease = staff_site.mall.contract_id
    amend = f"/admin/contracts/{lease}/amend"
    assert "Choose a day from 2025-01-01" in officer.get(f"{amend}?from=2031-01-01").text
    page = f"{amend}?from=2026-07-01"
    typed = editor_fields(officer.get(page).text)
    assert typed["clause-0-rate"] == "6.5" and typed["clause-0-valid_from"] == "2026-07-01"
    status, text, _to = post(officer, page, **typed, do="save", reason="")
    assert status == 200 and "Say why the contract is amended." in text
    status, text, _to = post(officer, page, **typed, do="save", reason="周年优惠")
    assert status == 200 and "Nothing is different from what is agreed already." in text
    typed["clause-0-rate"] = "7"
    assert post(officer, page, **typed, do="save", reason="周年优惠")[0] == 302
    change = newest_change(staff_site)
    address = f"/admin/contracts/{lease}/changes/{change}"
    text = unescape(manager.get(address).text)
    assert "<del>¥6.5 per m² and day" in text or "¥6.5 per m² and day" in text
    assert "<ins>¥7 per m² and day" in text
    assert "HT-2025-001" in manager.get("/admin/reviews/").text
    assert post(officer, f"{address}/withdraw", comment="")[0] == 302
    assert "Withdrawn" in officer.get(address).text


@pytest.mark.parametrize(
    ("first", "sentence"),
    [("2031-01-01", "Choose a day from 2025-01-01 to 2027-12-31."), ("no day", "Choose a day")],
)
def test_clauses_of_an_amendment_stay_when_its_day_is_outside_the_lease(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
    first: str,
    sentence: str,
) -> None:
    amend = f"/admin/contracts/{staff_site.mall.contract_id + 6}/amend"
    typed = editor_fields(officer.get(f"{amend}?from=2026-07-01").text)
    typed["clause-0-rate"] = "7.77"
    before = newest_change(staff_site)
    status, text, _to = post(officer, f"{amend}?from={first}", **typed, do="save", reason="周年")
    assert status == 200 and sentence in text
    assert 'value="7.77"' in text and "周年" in text
    assert newest_change(staff_site) == before


def test_clauses_of_an_amendment_stay_when_the_lease_is_not_running(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = new_draft(staff_site, officer, "T-009", units=staff_site.mall.unit_id + 3)
    amend = f"/admin/contracts/{lease}/amend?from=2028-07-01"
    assert officer.get(amend).status_code == 302
    hidden = token(officer, f"/admin/contracts/{lease}/clauses")
    mine = {**RENT, "clause-0-amount": "12345", "csrf_token": hidden}
    answer = officer.post(amend, data={**mine, "do": "save", "reason": "x"})
    assert answer.status_code == 200
    assert "Only a signed or active contract can be amended." in answer.text
    assert 'value="12345"' in answer.text


def test_reason_of_an_amendment_that_is_too_long_is_refused_whole(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    page = f"/admin/contracts/{staff_site.mall.contract_id + 6}/amend?from=2026-07-01"
    typed = {**editor_fields(officer.get(page).text), "clause-0-rate": "7"}
    reason = "周" * 2001
    status, text, _to = post(officer, page, **typed, do="save", reason=reason)
    assert status == 200 and "Say why, in at most 2000 characters." in text
    assert reason in text


def test_approved_amendment_is_sealed_and_sent_and_taken_back(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
    manager: FlaskClient,
    font_state_dir: Path,
) -> None:
    prepare_fonts(font_state_dir)
    (staff_site.settings.state_dir / "fonts").symlink_to(font_state_dir / "fonts")
    lease = staff_site.mall.contract_id + 3
    page = f"/admin/contracts/{lease}/amend?from=2026-07-01"
    typed = {**editor_fields(officer.get(page).text), "clause-0-rate": "7"}
    assert post(officer, page, **typed, do="save", reason="周年调整")[0] == 302
    change = newest_change(staff_site)
    address = f"/admin/contracts/{lease}/changes/{change}"
    details = f"/admin/contracts/details/?id={lease}"
    assert "An amendment waits for management." in officer.get(details).text
    assert post(manager, address, do="approve", comment="")[0] == 302
    assert f"{address}/send" in officer.get(details).text
    status, text, _to = post(officer, f"{address}/send")
    assert status == 302, text
    text = unescape(officer.get(details).text)
    assert "An amendment waits for the shop's signature." in text
    assert "Awaits the shop's signature" in text
    paper = re.search(rf"/admin/contracts/{lease}/papers/\d+", text)
    assert paper is not None
    assert officer.get(paper[0]).data.startswith(b"%PDF")
    other = re.sub(r"contracts/\d+", f"contracts/{staff_site.mall.contract_id}", paper[0])
    assert officer.get(other).status_code == 404
    assert post(officer, f"{address}/withdraw", comment="")[0] == 200  # the shop is told why
    assert post(officer, f"{address}/withdraw", comment="条款有误")[0] == 302
    assert "Withdrawn" in officer.get(address).text
    assert "chip-void" in officer.get(details).text  # nobody can sign the paper any more


def test_approved_amendment_is_withdrawn_before_the_shop_has_it(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
    manager: FlaskClient,
) -> None:
    lease = staff_site.mall.contract_id + 4
    page = f"/admin/contracts/{lease}/amend?from=2026-07-01"
    typed = {**editor_fields(officer.get(page).text), "clause-0-rate": "7"}
    assert post(officer, page, **typed, do="save", reason="周年调整")[0] == 302
    address = f"/admin/contracts/{lease}/changes/{newest_change(staff_site)}"
    assert post(manager, address, do="approve", comment="")[0] == 302
    assert "It is not sent to the shop." in officer.get(f"{address}/withdraw").text
    assert post(officer, f"{address}/withdraw", comment="")[0] == 302
    assert "Withdrawn" in officer.get(address).text


def test_early_end_asks_for_the_number_and_shows_management_the_settlement(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
    manager: FlaskClient,
) -> None:
    lease = staff_site.mall.contract_id
    address = f"/admin/contracts/{lease}/end-early"
    facts = {"last_day": "2026-06-30", "reason": "店铺申请"}
    shown = {**facts, "shown": "2026-06-30"}
    status, text, _to = post(officer, address, last_day="2031-01-01", reason="x", do="show")
    assert status == 200 and "Choose a day from 2025-01-01 to the day before 2027-12-31." in text
    status, text, _to = post(officer, address, **facts, do="show")
    assert status == 200 and "Type the number HT-2025-001 to confirm" in text
    assert 'name="shown" value="2026-06-30"' in text
    status, text, _to = post(officer, address, **shown, do="propose", typed="HT-2025-002")
    assert status == 200 and "This is not the number of the contract." in text
    assert post(officer, address, **shown, do="propose", typed="HT-2025-001")[0] == 302
    change = newest_change(staff_site)
    page = f"/admin/contracts/{lease}/changes/{change}"
    text = unescape(manager.get(page).text)
    assert "Final settlement as of 2026-06-30" in text
    assert "M01-202603-0001" in text  # an open bill of the lease
    assert "Final settlement" not in officer.get(page).text  # the desk sees no bills
    assert post(manager, page, do="reject", comment="再谈")[0] == 302


def test_early_end_on_a_day_that_was_not_shown_is_shown_first(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = staff_site.mall.contract_id + 5
    address = f"/admin/contracts/{lease}/end-early"
    number = re.search(
        r"Type the number (\S+) to confirm",
        post(officer, address, last_day="2026-06-30", reason="店铺申请", do="show")[1],
    )
    assert number is not None
    facts = {"last_day": "2026-09-30", "reason": "店铺申请", "typed": number[1]}
    status, text, _to = post(officer, address, **facts, shown="2026-06-30", do="propose")
    assert status == 200 and "The day was changed." in text
    assert "Propose that the contract ends on 2026-09-30" in text
    shown = re.search(r'name="shown" value="([^"]+)"', text)
    assert shown is not None
    assert post(officer, address, **facts, shown=shown[1], do="propose")[0] == 302


def test_renewal_is_drafted_with_the_clauses_of_the_last_day(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = staff_site.mall.contract_id + 1
    with transaction(staff_site.engine) as session:
        ask_renewal(
            session, contract_id=lease, months=24, actor="王敏", comment="想续两年", now=NOW
        )
    page = f"/admin/contracts/details/?id={lease}"
    assert "The shop asks for a renewal of 24 months." in officer.get(page).text
    assert "Shops that ask for a renewal" in officer.get("/admin/").text
    address = f"/admin/contracts/{lease}/renew"
    assert 'value="2029-12-31"' in officer.get(address).text
    status, text, to = post(
        officer, address, number="HT-2028-002", end_date="2029-12-31", deposit_amount="60000"
    )
    assert status == 302, text
    text = officer.get(to).text
    assert 'value="6.5"' in text and 'value="2028-01-01"' in text
    assert "It is followed by HT-2028-002." in officer.get(page).text


def test_wish_for_a_renewal_is_refused_with_a_reason(
    staff_site: StaffSite,  # noqa: F811
    officer: FlaskClient,
) -> None:
    lease = staff_site.mall.contract_id + 2
    with transaction(staff_site.engine) as session:
        wish = ask_renewal(session, contract_id=lease, months=12, actor="王敏", now=NOW)
    address = f"/admin/contracts/{lease}/renewals/{wish}/refuse"
    assert post(officer, address, comment="")[0] == 200
    assert post(officer, address, comment="铺位另有规划")[0] == 302
    assert "铺位另有规划" in officer.get(f"/admin/contracts/details/?id={lease}").text


def editor_fields(text: str) -> dict[str, str]:
    """What the editor's fields hold, as a browser would send them."""
    fields = {
        name: unescape(value)
        for name, value in re.findall(
            r'<input[^>]*name="(clause-[^"]+)"[^>]*? value="([^"]*)"', text, re.DOTALL
        )
    }
    for name, options in re.findall(
        r'<select[^>]*name="(clause-[^"]+)"[^>]*>(.*?)</select>', text, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        found = chosen or first
        fields[name] = unescape(found[1]) if found else ""
    return fields
