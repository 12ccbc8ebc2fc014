"""A paper from the mall's seal to the shop's signature, through the shop's own login: what the
shop signs is what was sealed, and nothing else of a lease is its to change.
"""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from portal_mall import BOOKS, BOTH, COFFEE
from portal_site import PortalSite, portal_site, staff_site  # noqa: F401
from second_factor import code_of_key, current_code, shown_key
from sent_papers import (
    SentLease,
    approved_lease,
    code_sent_to,
    sent_amendment,
    sent_lease,
    share_fonts,
)
from sqlalchemy.orm import Session
from staff_mall import NOW, PASSWORD
from staff_site import token

from domain.contract_changes import ChangeState
from domain.contracts import ContractState
from domain.people import Role
from domain.scopes import Actor, ActorKind, Scope
from domain.signing import CODE_LIFE, CODE_TRIES, PaperState, Party, SignatureState
from services.operations.leasing import revise_contract, withdraw_change
from services.operations.papers import send_for_signature
from services.queries.contract_papers import TermsNotApproved
from services.queries.contracts import list_clauses
from services.signatures.checking import check_paper
from services.signatures.keys import trusted_roots
from storage.context import context_key, set_context
from storage.database import create_engine, transaction
from storage.logins import Login, login_url
from storage.models import (
    Contract,
    ContractChange,
    ContractEvent,
    ContractPaper,
    ContractUnit,
    OutboxMessage,
    User,
)
from storage.objects import open_object_store
from storage.roles import Group


@pytest.fixture(scope="module", autouse=True)
def fonts(portal_site: PortalSite, font_state_dir: Path) -> None:  # noqa: F811
    share_fonts(portal_site, font_state_dir)


@pytest.fixture
def lease(portal_site: PortalSite) -> SentLease:  # noqa: F811
    return sent_lease(portal_site)


@pytest.fixture
def books(portal_site: PortalSite) -> FlaskClient:  # noqa: F811
    return portal_site.site.client(BOOKS)


@pytest.fixture
def site(portal_site: PortalSite) -> Iterator[PortalSite]:  # noqa: F811
    """The site, with its clock put back."""
    yield portal_site
    portal_site.site.clock.at = NOW


def post(client: FlaskClient, address: str, **fields: str):  # type: ignore[no-untyped-def]
    fields["csrf_token"] = token(client, "/account/")
    return client.post(address, data=fields)


def ask_code(site: PortalSite, client: FlaskClient, paper_id: int) -> str:
    answer = post(client, f"/portal/papers/{paper_id}/code")
    assert answer.status_code == 302, answer.text
    return code_sent_to(site.site.engine, paper_id)


def sign(site: PortalSite, client: FlaskClient, paper_id: int):  # type: ignore[no-untyped-def]
    code = ask_code(site, client, paper_id)
    return post(client, f"/portal/papers/{paper_id}/sign", read="1", password=PASSWORD, code=code)


def stored(site: PortalSite, paper_id: int) -> ContractPaper:
    with Session(site.site.engine, expire_on_commit=False) as session:
        paper = session.get_one(ContractPaper, paper_id)
        assert len(paper.signatures) == 2
        return paper


def state_of(site: PortalSite, contract_id: int) -> ContractState:
    with Session(site.site.engine) as session:
        return session.get_one(Contract, contract_id).state


def bytes_of(site: PortalSite, key: str | None) -> bytes:
    assert key is not None
    return open_object_store(site.site.settings).get(key)


def messages(site: PortalSite, contract_id: int) -> list[tuple[str, str]]:
    with Session(site.site.engine) as session:
        rows = session.execute(
            sa.select(OutboxMessage.template, OutboxMessage.audience)
            .where(OutboxMessage.contract_id == contract_id)
            .order_by(OutboxMessage.id)
        )
        return [(template, audience.value) for template, audience in rows]


def test_sealed_paper_is_kept_and_waits_for_the_shop(site: PortalSite, lease: SentLease) -> None:
    paper = stored(site, lease.sent.paper_id)
    sealed = bytes_of(site, paper.object_key)
    assert hashlib.sha256(sealed).hexdigest() == paper.sha256
    assert paper.state is PaperState.SEALED
    assert [(one.party, one.state) for one in paper.signatures] == [
        (Party.LANDLORD, SignatureState.SIGNED),
        (Party.TENANT, SignatureState.PENDING),
    ]
    facts = check_paper(sealed, roots=trusted_roots(site.site.settings, now=NOW), now=NOW)
    assert facts.is_good
    assert state_of(site, lease.contract_id) is ContractState.SENT
    assert ("CONTRACT_SENT", "SHOP") in messages(site, lease.contract_id)


def test_shop_reads_and_signs_with_password_and_code(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    assert lease.number in books.get("/portal/contracts/").text
    assert lease.address in books.get(f"/portal/contracts/{lease.contract_id}").text
    shown = books.get(f"{lease.address}/file")
    assert shown.mimetype == "application/pdf"
    assert shown.headers["Content-Disposition"].startswith("inline")
    paper = stored(site, lease.sent.paper_id)
    sealed = bytes_of(site, paper.object_key)
    assert shown.data == sealed

    answer = sign(site, books, lease.sent.paper_id)
    assert answer.status_code == 302, answer.text
    page = books.get(lease.address).text
    assert "Both signatures" in page

    paper = stored(site, lease.sent.paper_id)
    signed = bytes_of(site, paper.signed_object_key)
    assert signed.startswith(sealed)
    assert bytes_of(site, paper.object_key) == sealed
    assert hashlib.sha256(signed).hexdigest() == paper.signed_sha256
    assert books.get(f"{lease.address}/file?save=1").data == signed
    facts = check_paper(signed, roots=trusted_roots(site.site.settings, now=NOW), now=NOW)
    assert facts.is_good
    assert [one.field for one in facts.signatures] == ["Landlord", "Tenant"]
    tenant = paper.signatures[1]
    assert facts.signatures[1].certificate_sha256 == tenant.certificate_sha256
    assert (tenant.state, tenant.signed_at) == (SignatureState.SIGNED, NOW)
    assert BOOKS in tenant.signer
    assert tenant.address.startswith("10.0.")
    assert tenant.agent
    assert state_of(site, lease.contract_id) is ContractState.SIGNED
    assert {("CONTRACT_SIGNED", "SHOP"), ("CONTRACT_SIGNED", "OFFICER")} <= set(
        messages(site, lease.contract_id)
    )
    with Session(site.site.engine) as session:
        event = session.scalars(
            sa.select(ContractEvent)
            .where(ContractEvent.contract_id == lease.contract_id)
            .order_by(ContractEvent.id.desc())
        ).first()
        assert event is not None
        assert (event.event, event.actor, event.role) == ("SIGN", BOOKS, "SHOP")


def test_signing_twice_changes_nothing(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    sign(site, books, lease.sent.paper_id)
    before = stored(site, lease.sent.paper_id).signed_sha256
    code = "000000"
    answer = post(books, f"{lease.address}/sign", read="1", password=PASSWORD, code=code)
    assert answer.status_code == 409
    assert "waits for no signature any more" in answer.text
    assert stored(site, lease.sent.paper_id).signed_sha256 == before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"password": PASSWORD, "code": "CODE"}, "Say that you have read it"),
        ({"read": "1", "password": "wrong horse battery", "code": "CODE"}, "password is wrong"),
        ({"read": "1", "password": PASSWORD, "code": ""}, "This code is wrong"),
    ],
    ids=["not read", "wrong password", "no code"],
)
def test_nothing_is_signed_without_reading_password_and_code(
    site: PortalSite, lease: SentLease, books: FlaskClient, fields: dict[str, str], said: str
) -> None:
    code = ask_code(site, books, lease.sent.paper_id)
    sent = {name: code if value == "CODE" else value for name, value in fields.items()}
    answer = post(books, f"{lease.address}/sign", **sent)
    assert answer.status_code == 422
    assert said in answer.text
    assert stored(site, lease.sent.paper_id).state is PaperState.SEALED
    # The code was not spent by it.
    forget_tries(site)
    answer = post(books, f"{lease.address}/sign", read="1", password=PASSWORD, code=code)
    assert answer.status_code == 302


def forget_tries(site: PortalSite) -> None:
    """As if nobody had typed a wrong password or code."""
    with site.site.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM app.sign_in_attempts"))
        connection.execute(sa.text("UPDATE app.users SET locked_until = NULL, lockouts = 0"))


def test_code_is_of_no_use_after_ten_minutes_or_five_tries(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    code = ask_code(site, books, lease.sent.paper_id)
    site.site.clock.at = NOW + CODE_LIFE
    answer = post(books, f"{lease.address}/sign", read="1", password=PASSWORD, code=code)
    assert answer.status_code == 422
    code = ask_code(site, books, lease.sent.paper_id)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(CODE_TRIES):
        forget_tries(site)
        answer = post(books, f"{lease.address}/sign", read="1", password=PASSWORD, code=wrong)
        assert answer.status_code == 422
    forget_tries(site)
    answer = post(books, f"{lease.address}/sign", read="1", password=PASSWORD, code=code)
    assert answer.status_code == 422
    assert stored(site, lease.sent.paper_id).state is PaperState.SEALED


def test_wrong_codes_lock_the_account_like_wrong_passwords(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    code = ask_code(site, books, lease.sent.paper_id)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(5):
        post(books, f"{lease.address}/sign", read="1", password=PASSWORD, code=wrong)
    with Session(site.site.engine) as session:
        user = session.scalars(sa.select(User).where(User.email == BOOKS)).one()
        assert user.locked_until is not None
    forget_tries(site)


def test_code_of_one_paper_signs_no_other(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    other = sent_lease(site)
    code = ask_code(site, books, other.sent.paper_id)
    answer = post(books, f"{lease.address}/sign", read="1", password=PASSWORD, code=code)
    assert answer.status_code == 422
    forget_tries(site)


def test_changed_clause_voids_the_paper_and_the_old_link_signs_nothing(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    code = ask_code(site, books, lease.sent.paper_id)
    with transaction(site.site.engine) as session:
        revise_contract(
            session, contract_id=lease.contract_id, actor="operation@example.org", now=NOW,
            comment="租金需调整",
        )  # fmt: skip
    paper = stored(site, lease.sent.paper_id)
    assert (paper.state, paper.void_reason) == (PaperState.VOID, "租金需调整")
    assert paper.signatures[1].state is SignatureState.VOID
    answer = post(books, f"{lease.address}/sign", read="1", password=PASSWORD, code=code)
    assert answer.status_code in (404, 409)
    assert stored(site, lease.sent.paper_id).signed_sha256 is None
    assert state_of(site, lease.contract_id) is ContractState.DRAFT


def test_declining_needs_a_reason_and_frees_the_units(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    answer = post(books, f"{lease.address}/decline", reason="   ")
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert state_of(site, lease.contract_id) is ContractState.SENT
    answer = post(books, f"{lease.address}/decline", reason="租金高于报价")
    assert answer.status_code == 302
    paper = stored(site, lease.sent.paper_id)
    assert (paper.state, paper.void_reason) == (PaperState.VOID, "租金高于报价")
    assert state_of(site, lease.contract_id) is ContractState.DECLINED
    with Session(site.site.engine) as session:
        held = session.scalars(
            sa.select(ContractUnit.is_held).where(ContractUnit.contract_id == lease.contract_id)
        ).all()
        assert held == [False]
    assert ("CONTRACT_DECLINED", "OFFICER") in messages(site, lease.contract_id)
    assert "租金高于报价" in books.get(lease.address).text
    again = post(books, f"{lease.address}/decline", reason="again")
    assert again.status_code == 409


@pytest.mark.parametrize("path", ["", "/file", "/file?save=1"])
def test_paper_of_another_shop_is_out_of_reach(
    site: PortalSite, lease: SentLease, path: str
) -> None:
    coffee = site.site.client(COFFEE)
    assert coffee.get(f"{lease.address}{path}").status_code == 404


@pytest.mark.parametrize("step", ["code", "sign", "decline"])
def test_paper_of_another_shop_cannot_be_answered(
    site: PortalSite, lease: SentLease, step: str
) -> None:
    coffee = site.site.client(COFFEE)
    answer = post(
        coffee, f"{lease.address}/{step}", read="1", password=PASSWORD, code="1", reason="x"
    )
    assert answer.status_code == 404
    assert stored(site, lease.sent.paper_id).state is PaperState.SEALED


def test_person_of_two_shops_signs_for_either(site: PortalSite, lease: SentLease) -> None:
    chain = site.site.client(BOTH)
    assert sign(site, chain, lease.sent.paper_id).status_code == 302
    assert state_of(site, lease.contract_id) is ContractState.SIGNED


def test_damaged_paper_is_not_signed(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    paper = stored(site, lease.sent.paper_id)
    store = open_object_store(site.site.settings)
    broken = bytearray(store.get(paper.object_key))
    broken[1000] ^= 1
    store.put(paper.object_key, bytes(broken))
    answer = sign(site, books, lease.sent.paper_id)
    assert answer.status_code == 409
    assert "damaged" in answer.text
    assert stored(site, lease.sent.paper_id).state is PaperState.SEALED
    assert state_of(site, lease.contract_id) is ContractState.SENT


def test_terms_that_were_not_approved_are_not_sent(site: PortalSite) -> None:
    with transaction(site.site.engine) as session:
        contract_id = approved_lease(session, site, number="HT-S-TAMPER")
        session.get_one(Contract, contract_id).deposit_amount += 1
        session.flush()
        with pytest.raises(TermsNotApproved):
            send_for_signature(
                session, open_object_store(site.site.settings), settings=site.site.settings,
                contract_id=contract_id, actor="operation@example.org", now=NOW,
            )  # fmt: skip
        session.rollback()


def signed_lease(site: PortalSite, client: FlaskClient) -> SentLease:
    lease = sent_lease(site)
    assert sign(site, client, lease.sent.paper_id).status_code == 302
    return lease


def test_signed_amendment_is_in_force_and_has_its_own_paper(
    site: PortalSite, books: FlaskClient
) -> None:
    lease = signed_lease(site, books)
    sent = sent_amendment(site, lease.contract_id)
    page = books.get(f"/portal/papers/{sent.paper_id}").text
    assert "Amendment 1" in page
    assert "中庭施工" in page
    assert sign(site, books, sent.paper_id).status_code == 302
    paper = stored(site, sent.paper_id)
    assert paper.state is PaperState.SIGNED
    facts = check_paper(
        bytes_of(site, paper.signed_object_key),
        roots=trusted_roots(site.site.settings, now=NOW),
        now=NOW,
    )
    assert facts.is_good
    with Session(site.site.engine) as session:
        change = session.scalars(
            sa.select(ContractChange).where(ContractChange.contract_id == lease.contract_id)
        ).one()
        assert change.state is ChangeState.IN_FORCE
        amounts = [
            one.clause.parameters["amount"] for one in list_clauses(session, lease.contract_id)
        ]
    assert amounts == ["10000.00", "9000.00"]
    assert ("AMENDMENT_SIGNED", "SHOP") in messages(site, lease.contract_id)


def test_declined_amendment_leaves_the_lease_as_it_was(
    site: PortalSite, books: FlaskClient
) -> None:
    lease = signed_lease(site, books)
    sent = sent_amendment(site, lease.contract_id)
    answer = post(books, f"/portal/papers/{sent.paper_id}/decline", reason="")
    assert answer.status_code == 422
    answer = post(books, f"/portal/papers/{sent.paper_id}/decline", reason="不同意")
    assert answer.status_code == 302
    assert stored(site, sent.paper_id).state is PaperState.VOID
    assert state_of(site, lease.contract_id) is ContractState.SIGNED
    with Session(site.site.engine) as session:
        assert len(list_clauses(session, lease.contract_id)) == 1


def test_withdrawn_amendment_cannot_be_signed(site: PortalSite, books: FlaskClient) -> None:
    lease = signed_lease(site, books)
    sent = sent_amendment(site, lease.contract_id)
    code = ask_code(site, books, sent.paper_id)
    with transaction(site.site.engine) as session:
        change_id = session.scalars(
            sa.select(ContractChange.id).where(ContractChange.contract_id == lease.contract_id)
        ).one()
        withdraw_change(
            session, change_id=change_id, actor="operation@example.org", now=NOW, comment="作废"
        )
    answer = post(
        books, f"/portal/papers/{sent.paper_id}/sign", read="1", password=PASSWORD, code=code
    )
    assert answer.status_code == 409
    assert stored(site, sent.paper_id).state is PaperState.VOID


def test_person_with_an_authenticator_signs_with_its_code(
    site: PortalSite, lease: SentLease
) -> None:
    client = site.site.client(BOTH)
    page = client.get("/account/authenticator/new")
    assert page.status_code == 200
    code = code_of_key(site.site.app, shown_key(page.text))
    enrolled = client.post(
        "/account/authenticator/new",
        data={"csrf_token": token(client, "/account/authenticator/new"), "code": code},
    )
    assert enrolled.status_code in (200, 302)
    try:
        assert "Send me a code" not in client.get(lease.address).text
        answer = post(
            client, f"{lease.address}/sign", read="1", password=PASSWORD,
            code=current_code(site.site.app, site.site.engine, BOTH),
        )  # fmt: skip
        assert answer.status_code == 302, answer.text
    finally:
        with site.site.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM app.second_factors"))


def test_letters_with_codes_are_limited(site: PortalSite, lease: SentLease) -> None:
    client = site.site.client(BOOKS)
    answers = [post(client, f"{lease.address}/code").status_code for _ in range(7)]
    assert answers[0] == 302
    assert answers[-1] == 429


def test_page_tells_how_long_a_code_holds(
    site: PortalSite, lease: SentLease, books: FlaskClient
) -> None:
    assert "Send me a code" in books.get(lease.address).text
    ask_code(site, books, lease.sent.paper_id)
    page = books.get(lease.address).text
    assert "Send another code" in page
    again = post(books, f"{lease.address}/code")
    assert again.status_code == 302
    assert "ask for another in" in books.get(lease.address).text


def test_officer_sends_an_approved_lease_from_its_page(site: PortalSite) -> None:
    """Through the staff's own login: drawing, sealing and sending are the officer's to do."""
    with transaction(site.site.engine) as session:
        contract_id = approved_lease(session, site, number="HT-S-DESK")
    officer = site.site.client("operation@example.org")
    address = f"/admin/contracts/{contract_id}/send"
    answer = officer.post(address, data={"csrf_token": token(officer, address)})
    assert answer.status_code == 302, answer.text
    assert state_of(site, contract_id) is ContractState.SENT
    with Session(site.site.engine) as session:
        paper = session.scalars(
            sa.select(ContractPaper).where(ContractPaper.contract_id == contract_id)
        ).one()
        assert paper.state is PaperState.SEALED
    assert f"papers/{paper.id}" in officer.get(f"/admin/contracts/details/?id={contract_id}").text


def test_manager_may_not_send(site: PortalSite, lease: SentLease) -> None:
    manager = site.site.client("management@example.org")
    assert manager.get(f"/admin/contracts/{lease.contract_id}/send").status_code == 403


@contextmanager
def as_shop(site: PortalSite, shop_id: int) -> Iterator[sa.Connection]:
    """The tenants' own login, signed in for one shop."""
    engine = create_engine(login_url(site.site.settings, Login.TENANT))
    try:
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            set_context(
                driver,
                key=context_key(site.site.settings),
                role=Group.SHOP,
                scope=Scope(shop_ids=frozenset({shop_id})),
                actor=Actor(ActorKind.PERSON, BOOKS, 1, Role.SHOP.value),
                now=datetime.now(UTC),
            )
            yield connection
            connection.rollback()
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("statement", "touched"),
    [
        ("UPDATE app.contract_signatures SET state = 'VOID' WHERE party = 'LANDLORD'"
         " AND paper_id = :paper", 0),
        ("UPDATE app.contract_papers SET object_key = 'x' WHERE id = :paper", None),
        ("UPDATE app.contract_papers SET sha256 = 'x' WHERE id = :paper", None),
        ("UPDATE app.contract_papers SET state = 'SEALED' WHERE id = :paper", None),
        ("UPDATE app.contracts SET end_date = '2040-01-01' WHERE id = :lease", None),
        ("UPDATE app.contracts SET state = 'ACTIVE' WHERE id = :lease", None),
        ("UPDATE app.contract_clauses SET superseded_at = now() WHERE contract_id = :lease", None),
        ("UPDATE app.contract_units SET is_held = true WHERE contract_id = :lease", None),
        ("DELETE FROM app.contract_papers WHERE id = :paper", None),
    ],
)  # fmt: skip
def test_shop_s_role_changes_nothing_but_its_answer(
    site: PortalSite, lease: SentLease, statement: str, touched: int | None
) -> None:
    """`touched` rows, or None where Postgres refuses the statement."""
    with as_shop(site, site.mall.own_shop) as connection:
        ids = {"paper": lease.sent.paper_id, "lease": lease.contract_id}
        if touched is None:
            with pytest.raises(sa.exc.ProgrammingError):
                connection.execute(sa.text(statement), ids)
        else:
            assert connection.execute(sa.text(statement), ids).rowcount == touched


def test_other_shop_s_role_finds_no_paper_and_puts_no_amendment_in_force(
    site: PortalSite, books: FlaskClient
) -> None:
    lease = signed_lease(site, books)
    sent_amendment(site, lease.contract_id)
    with Session(site.site.engine) as session:
        change_id = session.scalars(
            sa.select(ContractChange.id).where(ContractChange.contract_id == lease.contract_id)
        ).one()
    with as_shop(site, site.mall.other_shop) as connection:
        for table, column in (
            ("contract_papers", "contract_id"),
            ("contract_changes", "contract_id"),
            ("contract_events", "contract_id"),
        ):
            found = connection.scalar(
                sa.text(f"SELECT count(*) FROM app.{table} WHERE {column} = :lease"),
                {"lease": lease.contract_id},
            )
            assert found == 0, table
        with pytest.raises(sa.exc.ProgrammingError, match="out of scope"):
            connection.execute(
                sa.text("SELECT app.apply_amendment(:change, now())"), {"change": change_id}
            )


def test_of_two_people_who_sign_at_the_same_time_one_does(
    site: PortalSite, lease: SentLease
) -> None:
    people = [site.site.client(email) for email in (BOOKS, BOTH)]
    forms = [
        {
            "csrf_token": token(client, "/account/"),
            "read": "1",
            "password": PASSWORD,
            "code": ask_code(site, client, lease.sent.paper_id),
        }
        for client in people
    ]
    together = threading.Barrier(2)

    def press(at: int) -> int:
        together.wait()
        return people[at].post(f"{lease.address}/sign", data=forms[at]).status_code

    with ThreadPoolExecutor(2) as threads:
        answers = sorted(threads.map(press, range(2)))
    assert answers == [302, 409]
    paper = stored(site, lease.sent.paper_id)
    signed = bytes_of(site, paper.signed_object_key)
    assert hashlib.sha256(signed).hexdigest() == paper.signed_sha256
    with Session(site.site.engine) as session:
        events = session.scalars(
            sa.select(ContractEvent.event).where(ContractEvent.contract_id == lease.contract_id)
        ).all()
    assert events.count("SIGN") == 1
