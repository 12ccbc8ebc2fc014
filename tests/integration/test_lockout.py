"""The lockout: what counts, for how long, over two applications, and what nobody learns."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from accounts import NOBODY, actions, enrol, forward, new_person, post, rewound, scalar
from second_factor import current_code, form_token
from sqlalchemy.orm import Session
from staff_mall import PASSWORD
from staff_site import StaffSite

from domain.people import Role
from services.operations import passwords
from services.operations.sign_in import admit
from storage.database import transaction
from storage.models import (
    AuditEvent,
    Notification,
    SignInAttempt,
    User,
)
from webapp import create_app

WRONG = "E-mail or password is wrong."


@pytest.fixture
def site(staff_site: StaffSite) -> Iterator[StaffSite]:
    yield from rewound(staff_site)


def test_five_wrong_passwords_over_two_applications_lock_the_account(site: StaffSite) -> None:
    email = "locked@example.org"
    user_id = new_person(site, email)
    other = create_app(site.settings, site.clock)
    sites = [site, StaffSite(other, site.mall, site.clock, site.settings, site.engine)]
    try:
        for attempt in range(5):
            one = sites[attempt % 2]
            assert WRONG in one.sign_in(one.client(), email, "wrong password here").text
        for one in sites:
            answer = one.sign_in(one.client(), email, PASSWORD)
            assert answer.status_code == 200, "the right password does not help"
            assert WRONG in answer.text
    finally:
        other.extensions["atrium"].engine.dispose()
    assert "LOCKED_OUT" in actions(site, user_id)
    letter = scalar(
        site,
        sa.select(Notification.template).where(Notification.user_id == user_id),
    )
    assert letter == "ACCOUNT_LOCKED"
    forward(site, 15 * 60 - 1)
    assert site.sign_in(site.client(), email, PASSWORD).status_code == 200
    forward(site, 1)
    assert site.sign_in(site.client(), email, PASSWORD).location == "/admin/"
    assert scalar(site, sa.select(User.lockouts).where(User.id == user_id)) == 0


def test_each_lockout_is_longer_and_wrong_codes_count_as_well(site: StaffSite) -> None:
    email = "codes@example.org"
    user_id = new_person(site, email, Role.FINANCE)
    enrol(site, site.client(), email)
    lengths: list[timedelta] = []
    for _ in range(3):
        client = site.client()
        site.sign_in(client, email, PASSWORD)
        for _attempt in range(5):
            page = client.get("/sign-in/code").text
            client.post("/sign-in/code", data={"code": "000000", "csrf_token": form_token(page)})
        until = scalar(site, sa.select(User.locked_until).where(User.id == user_id))
        assert isinstance(until, datetime)
        lengths.append(until - site.clock.at)
        code = current_code(site.app, site.engine, email)
        assert "is wrong" in post(client, "/sign-in/code", code=code).text, "locked"
        site.clock.at = until
    assert lengths == [timedelta(minutes=m) for m in (15, 30, 60)]


def test_right_password_between_wrong_codes_does_not_forgive_them(site: StaffSite) -> None:
    email = "patient@example.org"
    user_id = new_person(site, email, Role.FINANCE)
    enrol(site, site.client(), email)
    for _ in range(5):
        client = site.client()
        assert site.sign_in(client, email, PASSWORD).location == "/sign-in/code"
        post(client, "/sign-in/code", code="000000")
    assert scalar(site, sa.select(User.locked_until).where(User.id == user_id)) is not None


def test_wrong_tries_far_apart_do_not_lock(site: StaffSite) -> None:
    email = "forgetful@example.org"
    new_person(site, email)
    for _ in range(7):
        site.sign_in(site.client(), email, "wrong password here")
        forward(site, 4 * 60)
    assert site.sign_in(site.client(), email, PASSWORD).location == "/admin/"


def test_many_guesses_at_once_are_worth_five(site: StaffSite) -> None:
    """Guesses that were all compared before the first was counted: the right one comes too late."""
    user_id = new_person(site, "flood@example.org")
    barrier = Barrier(8)

    def guess(_: int) -> None:
        with transaction(site.engine) as session:
            barrier.wait(10)
            admit(
                session,
                user_id=user_id,
                is_right=False,
                what="password",
                actor=NOBODY,
                now=site.clock.at,
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(guess, range(8)))
    with transaction(site.engine) as session:
        assert not admit(
            session,
            user_id=user_id,
            is_right=True,
            what="password",
            actor=NOBODY,
            now=site.clock.at,
        )
    assert scalar(site, sa.select(User.lockouts).where(User.id == user_id)) == 1


def test_unlock_by_an_administrator_lets_in_at_once(site: StaffSite) -> None:
    from services.operations.sign_in import unlock_user

    email = "unlocked@example.org"
    user_id = new_person(site, email)
    for _ in range(5):
        site.sign_in(site.client(), email, "wrong password here")
    with transaction(site.engine) as session:
        assert unlock_user(session, user_id=user_id, now=site.clock.at)
    assert site.sign_in(site.client(), email, PASSWORD).location == "/admin/"


def test_unknown_locked_closed_and_wrong_are_answered_alike_after_the_same_work(
    site: StaffSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for email in ("known@example.org", "shut@example.org", "closed@example.org"):
        new_person(site, email)
    with transaction(site.engine) as session:
        session.execute(
            sa.update(User).where(User.email == "closed@example.org").values(active=False)
        )
        session.execute(
            sa.update(User)
            .where(User.email == "shut@example.org")
            .values(locked_until=site.clock.at + timedelta(hours=1))
        )
    work: list[str] = []
    verify = passwords._hasher.verify

    class Counting:
        def verify(self, known: str, password: bytes) -> bool:
            work.append(known.split("$p=")[0])
            return verify(known, password)

        hash = staticmethod(passwords._hasher.hash)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    answers = {}
    for email, password in (
        ("known@example.org", "wrong password here"),
        ("nobody@example.org", PASSWORD),
        ("closed@example.org", PASSWORD),
        ("shut@example.org", PASSWORD),
    ):
        answer = site.sign_in(site.client(), email, password)
        text = answer.text.replace(email, "")
        answers[email] = (answer.status_code, re.sub(r'value="[^"]*"', "", text))
    assert len(set(answers.values())) == 1
    assert WRONG in answers["nobody@example.org"][1]
    assert len(work) == 4
    assert all(one.startswith("$argon2id$") for one in work)


def test_what_was_typed_for_an_unknown_person_is_not_kept(site: StaffSite) -> None:
    site.sign_in(site.client(), "my secret password", "wrong password here")
    with Session(site.engine) as session:
        kept = session.scalars(
            sa.select(SignInAttempt).where(SignInAttempt.user_id.is_(None))
        ).all()
        assert kept
        told = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.seq.desc())).first()
        assert told is not None
        assert (told.action, told.note) == ("SIGN_IN_FAILED", "unknown account")
        assert "secret" not in str(vars(told))
