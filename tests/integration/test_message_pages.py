"""Staff see what was sent to whom and why, and send again what failed."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from staff_mall import NOW, PEOPLE
from staff_site import StaffSite, token

from domain.notifications import Audience, Channel, DeliveryState, Template
from domain.people import Role
from services.operations.malls import register_mall
from services.operations.message_addressing import address_messages
from services.operations.messages import post_message
from services.operations.people import create_user
from storage.database import transaction
from storage.models import Notification, OutboxMessage, User

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE


@pytest.fixture(autouse=True)
def no_message(staff_site: StaffSite) -> Iterator[None]:
    with transaction(staff_site.engine) as session:
        session.execute(sa.delete(Notification))
        session.execute(sa.delete(OutboxMessage))
    yield


def post(site: StaffSite, template: Template, audience: Audience, **facts: object) -> None:
    with transaction(site.engine) as session:
        post_message(
            session,
            **{  # type: ignore[arg-type]
                "template": template,
                "audience": audience,
                "mall_id": site.mall.mall_id,
                "shop_id": site.mall.shop_id,
                "contract_id": site.mall.contract_id,
                "dedupe_key": f"{template}/{audience}",
                "cause": "CONTRACT SUBMIT",
                "actor": OPERATION,
                "now": NOW,
                **facts,
            },
        )


def address(site: StaffSite) -> None:
    address_messages(site.engine, site="https://mall.example.org", default_locale="zh_CN", now=NOW)


def sent(site: StaffSite, **facts: object) -> list[int]:
    """Deliveries of a contract that was sent to its shop, by channel: in-app, SMS, e-mail."""
    facts = {"cause": "CONTRACT SEND", **facts}
    post(site, Template.CONTRACT_SENT, Audience.SHOP, **facts)
    address(site)
    with site.engine.connect() as connection:
        return list(
            connection.scalars(
                sa.select(Notification.id).order_by(
                    sa.case({"IN_APP": 0, "SMS": 1}, value=Notification.channel, else_=2)
                )
            )
        )


def fail(site: StaffSite, *ids: int, error: str = "550 no such mailbox", **facts: object) -> None:
    with transaction(site.engine) as session:
        session.execute(
            sa.update(Notification)
            .where(Notification.id.in_(ids))
            .values(state=DeliveryState.FAILED, attempts=5, error=error, **facts)
        )


def state_of(site: StaffSite, delivery_id: int) -> tuple[DeliveryState, int]:
    with site.engine.connect() as connection:
        row = connection.execute(
            sa.select(Notification.state, Notification.attempts).where(
                Notification.id == delivery_id
            )
        ).one()
    return row.state, row.attempts


def listed(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<a href="/admin/messages/(\d+)">', page)]


def test_log_says_what_went_to_whom_over_which_channel_and_why(staff_site: StaffSite) -> None:
    ids = sent(staff_site)
    page = staff_site.client(FINANCE).get("/admin/messages/").text
    assert sorted(listed(page)) == sorted(ids)
    for said in (
        "Contract to be signed",
        "13800000000",
        "Text message",
        "On the site",
        "Contract: Sent to the shop",
        OPERATION,
        "HT-2025-001",
        "S-001 云上书店",
    ):
        assert said in page, said


def test_failure_of_our_own_is_said_in_the_reader_s_words(staff_site: StaffSite) -> None:
    (_, sms, email) = sent(staff_site)
    fail(staff_site, sms, error="NO_NUMBER")
    fail(staff_site, email, error="UNREACHABLE: mail.example.org:587")
    client = staff_site.client(OPERATION)
    for path in ("", sms, email):
        page = client.get(f"/admin/messages/{path}").text
        assert "NO_NUMBER" not in page and "UNREACHABLE" not in page
        assert ("There is no number that takes text messages." in page) is (path != email)
        assert ("<samp>mail.example.org:587</samp>" in page) is (path != sms)


@pytest.mark.parametrize(
    "facts", [{"expires_at": NOW - timedelta(days=1)}, {"template": "SIGNING_CODE"}]
)
def test_what_cannot_be_sent_again_is_not_offered(
    staff_site: StaffSite, facts: dict[str, object]
) -> None:
    (_, sms, email) = sent(staff_site)
    fail(staff_site, sms, **facts)
    fail(staff_site, email)
    client = staff_site.client(OPERATION)
    assert "Send again" not in client.get(f"/admin/messages/{sms}").text
    assert "Send again" in client.get(f"/admin/messages/{email}").text
    page = client.get("/admin/messages/?state=FAILED").text
    offered = re.findall(r'name="delivery" value="(\d+)"', page)
    assert offered == [str(email)]


def test_message_to_staff_about_a_shop_is_found_by_the_shop(staff_site: StaffSite) -> None:
    post(staff_site, Template.CONTRACT_SUBMITTED, Audience.ROLE, role=Role.MANAGEMENT)
    post(staff_site, Template.CONTRACT_SENT, Audience.SHOP)
    address(staff_site)
    client = staff_site.client(OPERATION)
    page = client.get(f"/admin/messages/?shop={staff_site.mall.shop_id}").text
    assert MANAGEMENT in page and "13800000000" in page
    others = client.get(f"/admin/messages/?shop={staff_site.mall.shop_id + 1}").text
    assert "Nothing matches" in others


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("channel=SMS", 1),
        ("template=CONTRACT_SENT", 3),
        ("template=CONTRACT_SIGNED", 0),
        ("state=PENDING", 3),
        ("state=SENT", 0),
        ("text=13800000000", 1),
        ("text=HT-2025-001", 3),
        ("text=%25", 0),
        ("from=2026-04-01", 3),
        ("to=2020-01-01", 0),
        ("shop=nothing&channel=PIGEON&state=&contract=0&from=x&to=9999-12-31", 3),
    ],
)
def test_filters_of_the_log_narrow_it(staff_site: StaffSite, query: str, count: int) -> None:
    sent(staff_site)
    with transaction(staff_site.engine) as session:
        session.execute(sa.update(Notification).values(created_at=NOW))
    page = staff_site.client(MANAGEMENT).get(f"/admin/messages/?{query}").text
    assert len(listed(page)) == count


def test_log_has_pages_and_no_delivery_twice(staff_site: StaffSite) -> None:
    for number in range(18):
        sent(staff_site, dedupe_key=f"sent/{number}")
    client = staff_site.client(OPERATION)
    first = client.get("/admin/messages/?template=CONTRACT_SENT").text
    onward = re.search(r'rel="next" href="([^"]+)"', first)
    assert onward
    second = client.get(onward[1].replace("&amp;", "&")).text
    assert "template=CONTRACT_SENT" in onward[1]
    found = listed(first) + listed(second)
    assert len(found) == 54
    assert found == sorted(set(found), reverse=True)


def test_page_of_a_delivery_names_its_provider_its_error_and_the_others(
    staff_site: StaffSite,
) -> None:
    on_site, text, letter = sent(staff_site)
    fail(staff_site, text, error="isv.MOBILE_NUMBER_ILLEGAL", provider="aliyun", provider_id="9^0")
    page = staff_site.client(MANAGEMENT).get(f"/admin/messages/{text}").text
    for said in ("isv.MOBILE_NUMBER_ILLEGAL", "aliyun", "9^0", "Contract: Sent to the shop"):
        assert said in page, said
    for other in (on_site, letter):
        assert f'href="/admin/messages/{other}"' in page
    assert "Send again" not in page  # management only looks


def test_failed_message_goes_out_again_and_the_audit_names_who_sent_it(
    staff_site: StaffSite,
) -> None:
    _on_site, text, _letter = sent(staff_site)
    fail(staff_site, text)
    client = staff_site.client(OPERATION)
    page = client.get(f"/admin/messages/{text}").text
    assert "Send again" in page
    answer = client.post(
        "/admin/messages/again",
        data={"csrf_token": token(client, "/admin/messages/"), "delivery": text, "at-delivery": 1},
        follow_redirects=True,
    )
    assert "1 message goes out again." in answer.text
    assert answer.request.path == f"/admin/messages/{text}"
    assert state_of(staff_site, text) == (DeliveryState.PENDING, 0)
    with staff_site.engine.connect() as connection:
        told = connection.execute(
            sa.text(
                "SELECT actor_name, subject_id FROM audit.events WHERE action = 'MESSAGE_RESENT'"
            )
        ).all()
    assert told == [(OPERATION, str(text))]


def test_chosen_failed_messages_go_out_together_and_the_rest_says_why_not(
    staff_site: StaffSite,
) -> None:
    on_site, text, letter = sent(staff_site)
    fail(staff_site, text)
    fail(staff_site, letter, expires_at=NOW - timedelta(minutes=1))
    client = staff_site.client(ADMIN)
    page = client.get("/admin/messages/?state=FAILED").text
    assert re.findall(r'name="delivery" value="(\d+)"', page) == [str(text)]
    answer = client.post(
        "/admin/messages/again",
        data={
            "csrf_token": token(client, "/admin/messages/"),
            "delivery": [on_site, text, letter, "x", 2**70],
            "at-state": "FAILED",
        },
        follow_redirects=True,
    )
    assert "1 message goes out again." in answer.text
    assert "Nobody needs it any more." in answer.text
    assert "on its way or has arrived" in answer.text
    assert answer.request.query_string == b"state=FAILED"
    assert state_of(staff_site, text)[0] is DeliveryState.PENDING
    assert state_of(staff_site, letter)[0] is DeliveryState.FAILED


def test_failed_message_of_another_mall_is_neither_seen_nor_sent(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        other = register_mall(session, code="M09", name="东城里")
        create_user(
            session,
            email="other.desk@example.org",
            name="",
            role=Role.OPERATION,
            mall_codes=["M09"],
            password_hash=session.scalars(sa.select(User.password).limit(1)).one(),
        )
    _on_site, text, _letter = sent(staff_site)
    fail(staff_site, text)
    assert other
    client = staff_site.client("other.desk@example.org")
    assert client.get(f"/admin/messages/{text}").status_code == 404
    assert listed(client.get("/admin/messages/").text) == []
    answer = client.post(
        "/admin/messages/again",
        data={"csrf_token": token(client, "/admin/messages/"), "delivery": text},
        follow_redirects=True,
    )
    assert "There is no such message." in answer.text
    assert state_of(staff_site, text)[0] is DeliveryState.FAILED


def test_letters_about_accounts_are_for_administrators_alone(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        user_id = session.scalars(sa.select(User.id).where(User.email == FINANCE)).one()
        session.add(
            Notification(
                user_id=user_id,
                channel=Channel.EMAIL,
                recipient=FINANCE,
                locale="en",
                template=Template.PASSWORD_RESET.value,
                body="Set it here: ••••••",
                secret_body="Set it here: https://mall/link/abc",
                dedupe_key="letter",
                send_after=NOW,
            )
        )
    seen = {
        email: listed(staff_site.client(email).get("/admin/messages/").text) for email in PEOPLE
    }
    assert {email: len(ids) for email, ids in seen.items()} == {
        ADMIN: 1, MANAGEMENT: 0, OPERATION: 0, FINANCE: 0,
    }  # fmt: skip
    page = staff_site.client(ADMIN).get(f"/admin/messages/{seen[ADMIN][0]}").text
    assert "link/abc" not in page
    assert "What the dots stand for" in page
    assert staff_site.client(MANAGEMENT).get(
        f"/admin/messages/{seen[ADMIN][0]}"
    ).status_code == 404  # fmt: skip


def test_message_that_reached_nobody_says_so_and_one_that_waits_its_hour(
    staff_site: StaffSite,
) -> None:
    late = NOW - timedelta(minutes=1)
    post(staff_site, Template.CONTRACT_SUBMITTED, Audience.SHOP, expires_at=late)
    address(staff_site)
    post(staff_site, Template.CONTRACT_ACTIVE, Audience.SHOP, send_after=NOW + timedelta(hours=9))
    page = staff_site.client(MANAGEMENT).get("/admin/messages/undelivered").text
    assert "Nobody needed it any more when its turn came." in page
    assert "Lease has begun" in page and "Waiting" in page
    assert page.index("Lease has begun") < page.index("Contract to be reviewed")


def test_desk_that_may_not_see_bills_gets_the_number_without_a_link(staff_site: StaffSite) -> None:
    post(
        staff_site,
        Template.PAYMENT_REMINDER,
        Audience.SHOP,
        contract_id=None,
        bill_id=staff_site.mall.bill_id,
        cause="REMINDER T-3",
        parameters={
            "bill_number": "M01-202603-0001",
            "month": "2026-03-01",
            "due_date": "2026-04-20",
            "outstanding": {"amount": "92000.00", "currency": "CNY"},
        },
    )
    address(staff_site)
    for email, has_link in ((OPERATION, False), (FINANCE, True)):
        page = staff_site.client(email).get("/admin/messages/").text
        assert "3 days before the bill is due" in page
        assert "M01-202603-0001" in page
        assert (f"/admin/bills/details/?id={staff_site.mall.bill_id}" in page) is has_link
