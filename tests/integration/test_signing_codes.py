"""One-time codes: taken once, ended by five wrong tries and by ten minutes, kept as a digest."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.notifications import Channel
from domain.people import Role
from domain.signing import CODE_LIFE, CODE_TRIES, CODE_WAIT
from services.operations.people import create_user
from services.operations.signing_codes import (
    TooSoon,
    code_waits_until,
    masked,
    send_signing_code,
    take_signing_code,
)
from storage.models import Notification, SigningCode, User

NOW = datetime(2026, 4, 10, 4, tzinfo=UTC)
SECRET = "a secret of the installation"
PAPER = 7


def account(session: Session, email: str) -> int:
    return create_user(
        session, email=email, name="", password_hash="x", role=Role.SUPER_ADMIN, locale="en"
    )


@pytest.fixture
def person(session: Session) -> int:
    return account(session, "codes@example.org")


def send(session: Session, user_id: int, *, paper: int = PAPER, at: datetime = NOW) -> str:
    """Send a code and read it where only the sender may."""
    send_signing_code(
        session,
        user_id=user_id,
        paper_id=paper,
        contract_number="HT-1",
        secret=SECRET,
        locale="en",
        now=at,
    )
    newest = session.scalars(sa.select(SigningCode).order_by(SigningCode.id.desc())).first()
    assert newest is not None
    body = session.scalar(
        sa.select(Notification.secret_body).where(
            Notification.dedupe_key == f"signing-code/{newest.id}"
        )
    )
    assert body is not None
    digits = [part for part in body.replace(".", " ").replace(":", " ").split() if part.isdigit()]
    return next(part for part in digits if len(part) == 6)


def take(
    session: Session, user_id: int, code: str, *, paper: int = PAPER, at: datetime = NOW
) -> bool:
    return take_signing_code(
        session, user_id=user_id, paper_id=paper, code=code, secret=SECRET, now=at
    )


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_code_is_taken_once(session: Session, person: int) -> None:
    code = send(session, person)
    assert take(session, person, code)
    assert not take(session, person, code)


def test_code_may_be_typed_with_blanks(session: Session, person: int) -> None:
    code = send(session, person)
    assert take(session, person, f" {code[:3]} {code[3:]} ")


def test_five_wrong_tries_end_a_code(session: Session, person: int) -> None:
    code = send(session, person)
    for _ in range(CODE_TRIES):
        assert code_waits_until(session, user_id=person, paper_id=PAPER, now=NOW)
        assert not take(session, person, wrong(code))
    assert code_waits_until(session, user_id=person, paper_id=PAPER, now=NOW) is None
    assert not take(session, person, code)


def test_fifth_try_may_still_be_right(session: Session, person: int) -> None:
    code = send(session, person)
    for _ in range(CODE_TRIES - 1):
        assert not take(session, person, wrong(code))
    assert take(session, person, code)


def test_code_runs_out_after_ten_minutes(session: Session, person: int) -> None:
    assert timedelta(minutes=10) == CODE_LIFE
    code = send(session, person)
    assert not take(session, person, code, at=NOW + CODE_LIFE)
    assert take(session, person, code, at=NOW + CODE_LIFE - timedelta(seconds=1))


def test_newer_code_ends_the_one_before(session: Session, person: int) -> None:
    first = send(session, person)
    second = send(session, person, at=NOW + CODE_WAIT)
    assert first == second or not take(session, person, first, at=NOW + CODE_WAIT)
    assert take(session, person, second, at=NOW + CODE_WAIT)


def test_another_code_has_to_be_waited_for(session: Session, person: int) -> None:
    send(session, person)
    with pytest.raises(TooSoon) as early:
        send(session, person, at=NOW + timedelta(seconds=20))
    assert early.value.wait == CODE_WAIT - timedelta(seconds=20)


def test_code_is_good_for_one_paper_and_one_person(session: Session, person: int) -> None:
    other = account(session, "other@example.org")
    code = send(session, person)
    send(session, person, paper=PAPER + 1)
    send(session, other)
    digests = set(session.scalars(sa.select(SigningCode.code_hash)))
    assert len(digests) == 3
    assert code not in digests
    assert not take(session, other, code)
    assert take(session, person, code)


def test_code_stands_nowhere_but_in_the_text_to_be_sent(session: Session, person: int) -> None:
    code = send(session, person)
    row = session.scalars(sa.select(Notification).where(Notification.user_id == person)).one()
    assert code in row.secret_body
    assert code not in f"{row.body}{row.subject}{row.parameters}{row.dedupe_key}"
    assert row.expires_at == NOW + CODE_LIFE


def test_code_goes_to_the_telephone_of_who_has_one(session: Session, person: int) -> None:
    sent = send_signing_code(
        session, user_id=person, paper_id=1, contract_number="HT-1", secret=SECRET, locale="en",
        now=NOW,
    )  # fmt: skip
    assert (sent.channel, sent.recipient) == (Channel.EMAIL, "c***@example.org")
    session.get_one(User, person).phone = "+8613800000001"
    sent = send_signing_code(
        session, user_id=person, paper_id=2, contract_number="HT-1", secret=SECRET, locale="en",
        now=NOW,
    )  # fmt: skip
    assert (sent.channel, sent.recipient) == (Channel.SMS, "+86****0001")


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [("13800000001", "138****0001"), ("12345", "****"), ("a@b.cn", "a***@b.cn")],
)
def test_address_of_a_code_is_not_shown_in_full(recipient: str, shown: str) -> None:
    assert masked(recipient) == shown


def test_of_two_who_bring_a_code_at_the_same_time_one_takes_it(
    engine: sa.Engine,
) -> None:
    with Session(engine) as session:
        person = account(session, "race@example.org")
        code = send(session, person)
        session.commit()
    taken: list[bool] = []
    together = threading.Barrier(4)

    def bring() -> None:
        with Session(engine) as session:
            together.wait()
            taken.append(take(session, person, code))
            session.commit()

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]
