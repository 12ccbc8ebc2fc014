"""The page for whoever holds a paper: what it knows, whether a file is the signed one, and that it
gives nothing else away.
"""

import io
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from portal_mall import BOOKS
from portal_site import PortalSite, portal_site, staff_site  # noqa: F401
from sent_papers import MANAGER, OFFICER, SentLease, code_sent_to, sent_lease, share_fonts
from sqlalchemy.orm import Session
from staff_mall import NOW, PASSWORD
from staff_site import token

from domain.contracts import ContractState
from services.operations.leasing import (
    approve_change,
    change_draft,
    propose_termination,
    revise_contract,
)
from services.operations.papers import read_code, shown_code
from storage.database import transaction
from storage.logins import Login, login_url
from storage.models import Contract, ContractPaper
from storage.objects import open_object_store
from webapp.verify import LIMIT


@pytest.fixture(scope="module", autouse=True)
def fonts(portal_site: PortalSite, font_state_dir: Path) -> None:  # noqa: F811
    share_fonts(portal_site, font_state_dir)


@pytest.fixture(scope="module")
def signed(portal_site: PortalSite) -> SentLease:  # noqa: F811
    """A lease that both sides have signed."""
    lease = sent_lease(portal_site)
    books = portal_site.site.client(BOOKS)
    csrf = token(books, "/account/")
    books.post(f"{lease.address}/code", data={"csrf_token": csrf})
    code = code_sent_to(portal_site.site.engine, lease.sent.paper_id)
    answer = books.post(
        f"{lease.address}/sign",
        data={"csrf_token": csrf, "read": "1", "password": PASSWORD, "code": code},
    )
    assert answer.status_code == 302, answer.text
    return lease


@pytest.fixture
def stranger(portal_site: PortalSite) -> FlaskClient:  # noqa: F811
    return portal_site.site.client()


def stored(site: PortalSite, lease: SentLease, *, sealed: bool = False) -> bytes:
    with Session(site.site.engine) as session:
        paper = session.get_one(ContractPaper, lease.sent.paper_id)
        key = paper.object_key if sealed else paper.signed_object_key
    assert key is not None
    return open_object_store(site.site.settings).get(key)


def compare(client: FlaskClient, lease: SentLease, data: bytes):  # type: ignore[no-untyped-def]
    address = f"/verify/{lease.sent.verify_code}"
    return client.post(
        address,
        data={"csrf_token": token(client, address), "file": (io.BytesIO(data), "paper.pdf")},
        content_type="multipart/form-data",
    )


def test_holder_of_a_code_learns_what_the_paper_says(
    signed: SentLease, stranger: FlaskClient
) -> None:
    page = stranger.get(f"/verify/{signed.sent.verify_code}")
    assert page.status_code == 200
    for words in (signed.number, "云上书店", "南湖天街", "signed by the shop"):
        assert words in page.text
    for secret in ("10000", "30000", "10,000", BOOKS, "10.0.", "王敏", "1380000"):
        assert secret not in page.text


def test_code_may_be_typed_as_it_is_printed(signed: SentLease, stranger: FlaskClient) -> None:
    code = signed.sent.verify_code
    answer = stranger.get("/verify/", query_string={"code": f" {shown_code(code).lower()} "})
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/verify/{code}"
    answer = stranger.get(f"/verify/{shown_code(code)}")
    assert answer.headers["Location"] == f"/verify/{code}"


def test_unknown_code_finds_nothing(stranger: FlaskClient) -> None:
    assert stranger.get("/verify/K7QM3TXP9W2FH5N2").status_code == 404


@pytest.mark.parametrize("code", ["nothing", "K" * 400, "0" * 16])
def test_what_is_no_code_finds_nothing(stranger: FlaskClient, code: str) -> None:
    assert stranger.get(f"/verify/{code}").status_code in (404, 422)
    assert stranger.get("/verify/", query_string={"code": code}).status_code == 422


def test_signed_file_is_recognised(
    portal_site: PortalSite,  # noqa: F811
    signed: SentLease,
    stranger: FlaskClient,
) -> None:
    answer = compare(stranger, signed, stored(portal_site, signed))
    assert answer.status_code == 200
    assert "This is the signed file." in answer.text


def test_sealed_file_is_told_from_the_signed_one(
    portal_site: PortalSite,  # noqa: F811
    signed: SentLease,
    stranger: FlaskClient,
) -> None:
    answer = compare(stranger, signed, stored(portal_site, signed, sealed=True))
    assert "before the shop signed" in answer.text


def test_changed_longer_and_cut_files_are_reported(
    portal_site: PortalSite,  # noqa: F811
    signed: SentLease,
    stranger: FlaskClient,
) -> None:
    data = stored(portal_site, signed)
    broken = bytearray(data)
    broken[2000] ^= 1
    said = compare(stranger, signed, bytes(broken)).text
    assert "This is not the file that was signed." in said
    assert "from byte 2,001 on" in said
    assert "changed after it was signed" in said
    said = compare(stranger, signed, data + b"12345").text
    assert "5 bytes were added" in said
    said = compare(stranger, signed, data[:-7]).text
    assert "This is not the whole file." in said
    assert "The last 7 bytes are missing." in said


def test_paper_of_another_lease_is_good_and_still_not_this_one(
    portal_site: PortalSite,  # noqa: F811
    signed: SentLease,
    stranger: FlaskClient,
) -> None:
    other = sent_lease(portal_site)
    answer = compare(stranger, signed, stored(portal_site, other, sealed=True))
    assert "This is not the file that was signed." in answer.text


@pytest.mark.parametrize("data", [b"MZ no paper", b"%PDF-1.7\n%%EOF", b"\x00" * 5000])
def test_any_other_file_is_told_not_to_be_it(
    signed: SentLease, stranger: FlaskClient, data: bytes
) -> None:
    answer = compare(stranger, signed, data)
    assert answer.status_code == 200
    assert "This is not the file that was signed." in answer.text
    assert "cannot be read as a PDF" in answer.text


def test_no_file_and_a_form_without_its_token_are_refused(
    signed: SentLease, stranger: FlaskClient
) -> None:
    address = f"/verify/{signed.sent.verify_code}"
    answer = stranger.post(address, data={"csrf_token": token(stranger, address)})
    assert answer.status_code == 422
    assert stranger.post(address, data={"file": ""}).status_code == 400


def test_paper_taken_back_is_shown_as_void(
    portal_site: PortalSite,  # noqa: F811
    stranger: FlaskClient,
) -> None:
    lease = sent_lease(portal_site)
    with transaction(portal_site.site.engine) as session:
        revise_contract(
            session, contract_id=lease.contract_id, actor="operation@example.org", now=NOW,
            comment="x",
        )  # fmt: skip
        assert session.get_one(Contract, lease.contract_id).state is ContractState.DRAFT
    page = stranger.get(f"/verify/{lease.sent.verify_code}").text
    assert "never took effect" in page


def test_paper_taken_back_keeps_its_own_number_and_days(
    portal_site: PortalSite,  # noqa: F811
    stranger: FlaskClient,
) -> None:
    lease = sent_lease(portal_site)
    with transaction(portal_site.site.engine) as session:
        given = {"contract_id": lease.contract_id, "actor": OFFICER, "now": NOW}
        revise_contract(session, comment="x", **given)
        change_draft(
            session, role="OPERATION", number=f"{lease.number}-B", end_date=date(2028, 3, 31),
            **given,
        )  # fmt: skip
    page = stranger.get(f"/verify/{lease.sent.verify_code}").text
    assert lease.number in page and f"{lease.number}-B" not in page
    assert "2027-04-30" in page and "2028-03-31" not in page


def test_signed_paper_keeps_its_last_day_when_the_lease_ends_early(
    portal_site: PortalSite,  # noqa: F811
    signed: SentLease,
    stranger: FlaskClient,
) -> None:
    with transaction(portal_site.site.engine) as session:
        change_id = propose_termination(
            session, contract_id=signed.contract_id, last_day=date(2026, 9, 30), reason="x",
            actor=OFFICER, now=NOW,
        )  # fmt: skip
        approve_change(session, change_id=change_id, actor=MANAGER, now=NOW)
    page = stranger.get(f"/verify/{signed.sent.verify_code}").text
    assert "2027-04-30" in page and "2026-09-30" not in page


def test_codes_cannot_be_tried_in_a_flood(
    portal_site: PortalSite,  # noqa: F811
) -> None:
    client = portal_site.site.client()
    allowed = int(LIMIT.split()[0])
    answers = [client.get("/verify/K7QM3TXP9W2FH5N2").status_code for _ in range(allowed + 1)]
    assert answers[:allowed] == [404] * allowed
    assert answers[-1] == 429


def test_door_s_login_reaches_papers_by_their_code_alone(
    portal_site: PortalSite,  # noqa: F811
    signed: SentLease,
) -> None:
    engine = sa.create_engine(
        login_url(portal_site.site.settings, Login.DOOR).replace(
            "postgresql://", "postgresql+psycopg://", 1
        )
    )
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SET ROLE atrium_door"))
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                connection.execute(sa.text("SELECT * FROM app.contract_papers"))
            connection.rollback()
            connection.execute(sa.text("SET ROLE atrium_door"))
            for code in ("", "%", signed.sent.verify_code[:-1]):
                found = connection.execute(
                    sa.text("SELECT * FROM app.find_contract_paper(:code)"), {"code": code}
                ).all()
                assert found == []
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("k7qm-3txp-9w2f-h5nr", "K7QM3TXP9W2FH5NR"),
        (" K7QM 3TXP 9W2F H5NR ", "K7QM3TXP9W2FH5NR"),
        ("K7QM3TXP9W2FH5N", ""),
        ("K7QM3TXP9W2FH5N0", ""),
        ("", ""),
    ],
)
def test_code_is_read_however_it_is_typed(typed: str, code: str) -> None:
    assert read_code(typed) == code
