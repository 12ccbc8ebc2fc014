"""Links by mail: invitations and resets, over a real mail server, used once and in time."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from accounts import NOBODY, actions, post, rewound, scalar
from flask.testing import FlaskClient
from mail_server import Mailbox, mail_server
from second_factor import form_token
from sqlalchemy.orm import Session
from staff_mall import PASSWORD
from staff_site import StaffSite

from domain.notifications import Channel, DeliveryState
from domain.people import Role
from services.gateways.email.smtp import SmtpEmail
from services.gateways.message import Message, Receipt, RetryableError
from services.operations.account_links import send_invitation, send_password_reset
from services.operations.outbox import DeliveryResult, deliver_notifications
from services.operations.passwords import hash_password
from services.operations.people import create_user
from services.operations.sign_in import complete_sign_in
from storage.database import transaction
from storage.models import AccountToken, Notification, User

SITE = "https://mall.example.org"
GOOD = "seven lamps by the river"


@pytest.fixture
def site(staff_site: StaffSite) -> Iterator[StaffSite]:
    yield from rewound(staff_site)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


def gateway_of(box: Mailbox) -> SmtpEmail:
    return SmtpEmail.from_url(box.url, sender="atrium@mall.example.org")


def person(
    site: StaffSite,
    email: str,
    *,
    role: Role = Role.OPERATION,
    password: str | None = PASSWORD,
    name: str = "",
    locale: str = "",
) -> int:
    salt = site.settings.secret("password_salt")
    with transaction(site.engine) as session:
        return create_user(
            session,
            email=email,
            name=name,
            role=role,
            mall_codes=["M01"],
            password_hash=None if password is None else hash_password(password, salt),
            locale=locale,
        )


def invite(site: StaffSite, user_id: int) -> None:
    with transaction(site.engine) as session:
        send_invitation(session, user_id=user_id, site=SITE, locale="zh_CN", now=site.clock.at)


def reset(site: StaffSite, email: str) -> bool:
    with transaction(site.engine) as session:
        return send_password_reset(
            session, email=email, site=SITE, locale="en", actor=NOBODY, now=site.clock.at
        )


def deliver(site: StaffSite, gateway: object) -> DeliveryResult:
    return deliver_notifications(
        site.engine,
        gateways={Channel.EMAIL: gateway},  # type: ignore[dict-item]
        clock=lambda: site.clock.at,
    )


def newest_link(site: StaffSite, email: str) -> str:
    """The path of the newest link that waits to be sent to somebody."""
    body = scalar(
        site,
        sa.select(Notification.secret_body)
        .where(Notification.recipient == email, Notification.secret_body.contains("/link/"))
        .order_by(Notification.id.desc())
        .limit(1),
    )
    return str(re.search(r"/link/\S+", str(body)).group())  # type: ignore[union-attr]


def set_password(client: FlaskClient, path: str, password: str, repeated: str = ""):  # type: ignore[no-untyped-def]
    assert client.get(path).location == "/password/new"
    page = client.get("/password/new")
    if page.status_code != 200:
        return page
    return client.post(
        "/password/new",
        data={
            "password": password,
            "repeated": repeated or password,
            "csrf_token": form_token(page.text),
        },
    )


def test_invitation_arrives_by_mail_and_its_link_lets_in(
    site: StaffSite,
    mailbox: Mailbox,
) -> None:
    email = "new@example.org"
    user_id = person(site, email, password=None, name="王敏")
    invite(site, user_id)
    assert deliver(site, gateway_of(mailbox)).sent >= 1
    (letter,) = mailbox.to(email)
    assert letter["Subject"] == "您的 Atrium 账号"
    text = letter.get_content()
    assert "王敏，您好" in text and "72 小时" in text
    path = re.search(rf"{SITE}(/link/\S+)", text).group(1)  # type: ignore[union-attr]
    client = site.client(locale="zh")
    assert client.get(path).headers["Referrer-Policy"] == "no-referrer"
    page = client.get("/password/new").text
    assert email in page and "设置密码" in page
    assert path.rsplit("/", 1)[1] not in page
    assert set_password(client, path, GOOD).location == "/sign-in"
    assert site.sign_in(client, email, GOOD).location == "/admin/"
    assert actions(site, user_id) == ["INVITED", "INVITATION_ACCEPTED", "SIGNED_IN"]
    assert scalar(site, sa.select(User.locale).where(User.id == user_id)) == "zh_CN"


def test_text_that_opens_an_account_is_not_kept_once_it_went(
    site: StaffSite,
    mailbox: Mailbox,
) -> None:
    user_id = person(site, "sent@example.org", password=None)
    invite(site, user_id)
    token = newest_link(site, "sent@example.org").removeprefix("/link/")
    with site.engine.connect() as connection:
        kept = connection.execute(sa.select(AccountToken.__table__)).all()
    assert token not in str(kept)
    deliver(site, gateway_of(mailbox))
    with site.engine.connect() as connection:
        for table in (Notification.__table__, AccountToken.__table__):
            assert token not in str(connection.execute(sa.select(table)).all())
        events = sa.text("SELECT * FROM audit.events")
        assert token not in str(connection.execute(events).all())


def test_letter_whose_link_ran_out_is_blanked_and_not_sent(site: StaffSite) -> None:
    class Away:
        def send(self, message: Message) -> Receipt:
            raise RetryableError("away")

    person(site, "late@example.org")
    reset(site, "late@example.org")
    path = newest_link(site, "late@example.org")
    assert deliver(site, Away()).postponed >= 1
    assert newest_link(site, "late@example.org") == path, "it waits with its link"
    site.clock.at += timedelta(minutes=31)
    assert deliver(site, Away()).cancelled >= 1
    row = sa.select(Notification).where(Notification.recipient == "late@example.org")
    with Session(site.engine) as session:
        letter = session.scalars(row).one()
        assert (letter.state, letter.secret_body) == (DeliveryState.CANCELLED, "")
        assert path not in letter.body


def test_link_works_once_and_opening_it_spends_nothing(site: StaffSite) -> None:
    person(site, "once@example.org")
    reset(site, "once@example.org")
    path = newest_link(site, "once@example.org")
    for _scanner in range(3):
        client = site.client()
        client.get(path)
        assert client.get("/password/new").status_code == 200
    assert set_password(site.client(), path, GOOD).location == "/sign-in"
    again = set_password(site.client(), path, "another good long one")
    assert again.status_code == 410
    assert "does not work any more" in again.text
    assert site.sign_in(site.client(), "once@example.org", GOOD).location == "/admin/"


@pytest.mark.parametrize(("kind", "life"), [("invitation", 72 * 60), ("reset", 30)])
def test_link_runs_out(site: StaffSite, kind: str, life: int) -> None:
    email = f"out-{kind}@example.org"
    user_id = person(site, email)
    if kind == "invitation":
        invite(site, user_id)
    else:
        reset(site, email)
    path = newest_link(site, email)
    site.clock.at += timedelta(minutes=life, seconds=-1)
    client = site.client()
    client.get(path)
    assert client.get("/password/new").status_code == 200
    site.clock.at += timedelta(seconds=1)
    assert client.get("/password/new").status_code == 410


def test_newer_link_ends_the_older(site: StaffSite) -> None:
    person(site, "newer@example.org")
    reset(site, "newer@example.org")
    older = newest_link(site, "newer@example.org")
    reset(site, "newer@example.org")
    client = site.client()
    client.get(older)
    assert client.get("/password/new").status_code == 410
    client.get(newest_link(site, "newer@example.org"))
    assert client.get("/password/new").status_code == 200


def test_reset_is_answered_alike_for_everybody(site: StaffSite) -> None:
    person(site, "somebody@example.org")
    answers = set()
    for email in ("somebody@example.org", "nobody-here@example.org", "no address"):
        client = site.client()
        answer = post(client, "/password/forgotten", email=email)
        answers.add((answer.status_code, answer.location))
        assert "a letter with a link is on its way" in client.get(answer.location).text
    assert answers == {(302, "/password/sent")}
    waiting = sa.select(sa.func.count()).where(Notification.recipient.like("nobody-here%"))
    assert scalar(site, waiting) == 0
    assert newest_link(site, "somebody@example.org")


def test_mailbox_is_not_flooded_and_the_last_link_goes_on_working(
    site: StaffSite,
) -> None:
    person(site, "flooded@example.org")
    assert [reset(site, "flooded@example.org") for _ in range(5)] == [True] * 3 + [False] * 2
    client = site.client()
    client.get(newest_link(site, "flooded@example.org"))
    assert client.get("/password/new").status_code == 200


def test_closed_account_gets_no_link_and_its_link_stops_working(
    site: StaffSite,
) -> None:
    person(site, "gone@example.org")
    reset(site, "gone@example.org")
    client = site.client()
    client.get(newest_link(site, "gone@example.org"))
    with transaction(site.engine) as session:
        session.execute(
            sa.update(User).where(User.email == "gone@example.org").values(active=False)
        )
    assert client.get("/password/new").status_code == 410
    assert not reset(site, "gone@example.org")


def test_reset_unlocks_ends_sessions_and_tells_the_person(site: StaffSite) -> None:
    email = "back@example.org"
    user_id = person(site, email)
    inside = site.client(email)
    for _ in range(5):
        site.sign_in(site.client(), email, "wrong password here")
    assert site.sign_in(site.client(), email, PASSWORD).status_code == 200
    assert inside.get("/admin/").status_code == 200, "a lockout keeps nobody from working"
    reset(site, email)
    assert set_password(site.client(), newest_link(site, email), GOOD).status_code == 302
    assert inside.get("/admin/").status_code == 302
    assert site.sign_in(site.client(), email, GOOD).location == "/admin/"
    letters = sa.select(sa.func.array_agg(Notification.template)).where(
        Notification.user_id == user_id
    )
    assert sorted(scalar(site, letters)) == [  # type: ignore[call-overload]
        "ACCOUNT_LOCKED",
        "PASSWORD_CHANGED",
        "PASSWORD_RESET",
    ]


def test_weak_password_is_refused_at_its_field_and_the_link_is_kept(
    site: StaffSite,
) -> None:
    email = "weak.choice@example.org"
    person(site, email, name="Wang Min")
    reset(site, email)
    path = newest_link(site, email)
    for password, words in (
        ("short", "Use at least 12 characters"),
        ("weak.choice@example.org", "Leave out your name"),
        ("南湖天街南湖天街南湖天街", "Leave out your name"),
        ("password12345678", "a password that many people use"),
    ):
        answer = set_password(site.client(), path, password)
        assert answer.status_code == 200
        assert words in answer.text, password
        assert 'aria-invalid="true"' in answer.text
    differs = set_password(site.client(), path, GOOD, "seven lamps by the lake")
    assert "This differs from the first." in differs.text
    chinese = site.client(locale="zh")
    assert "至少 12 个字符" in set_password(chinese, path, "short").text
    assert set_password(site.client(), path, GOOD).location == "/sign-in"


def test_notice_speaks_the_person_s_language(site: StaffSite) -> None:
    user_id = person(site, "english@example.org", locale="en")
    with transaction(site.engine) as session:
        complete_sign_in(session, user_id=user_id, actor=NOBODY, now=site.clock.at)
    for _ in range(5):
        site.sign_in(site.client(), "english@example.org", "wrong password here")
    body = sa.select(Notification.body).where(Notification.user_id == user_id)
    assert str(scalar(site, body)).startswith("Hello english@example.org")
