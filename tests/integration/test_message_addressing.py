"""Who gets a message, in which language and over which channels."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from owed_bills import make_bill, make_shop
from sqlalchemy.orm import Session

from domain.bills import BillState
from domain.notifications import Audience, Channel, DeliveryState, Template, Topic
from domain.people import Role
from services.operations.message_addressing import AddressingResult, Language, address_waiting
from services.operations.message_texts import WrongParameters
from services.operations.messages import money_of, post_message
from services.operations.people import create_user
from storage.models import (
    Contract,
    MessagePreference,
    MessageTemplate,
    Notification,
    OutboxMessage,
    Shop,
    User,
)

NOW = datetime(2026, 4, 11, 2, tzinfo=UTC)  # ten in the morning in Shanghai
SITE = "https://mall.example.org"
Row = tuple[Channel, str, str]


@pytest.fixture
def lease(session: Session) -> Contract:
    return make_shop(session)


def person(
    session: Session,
    email: str,
    role: Role,
    *,
    locale: str = "",
    shop: bool = False,
    name: str = "",
) -> int:
    return create_user(
        session,
        email=email,
        name=name,
        role=role,
        mall_codes=["TST"],
        shop_codes=["TST/S01"] if shop else [],
        password_hash=None,
        locale=locale,
    )


def post(
    session: Session,
    lease: Contract,
    template: Template,
    audience: Audience,
    *,
    parameters: Mapping[str, Any] | None = None,
    key: str = "k",
    **facts: Any,
) -> bool:
    return post_message(
        session,
        template=template,
        audience=audience,
        mall_id=lease.mall_id,
        contract_id=lease.id,
        shop_id=lease.shop_id if audience is Audience.SHOP else None,
        dedupe_key=key,
        cause="TEST",
        actor="li@example.org",
        now=NOW,
        parameters=parameters,
        **facts,
    )


def address(session: Session, now: datetime = NOW, locale: str = "zh_CN") -> AddressingResult:
    return address_waiting(session, language=Language(locale, SITE), now=now, limit=100)


def rows(session: Session) -> list[Row]:
    found = session.execute(
        sa.select(Notification.channel, Notification.recipient, Notification.locale).order_by(
            Notification.channel, Notification.recipient
        )
    )
    return [(row[0], row[1], row[2]) for row in found]


def problem(session: Session) -> str:
    return session.scalars(sa.select(OutboxMessage.problem)).one()


def switch_off(session: Session, user_id: int, topic: Topic, channel: Channel) -> None:
    session.add(MessagePreference(user_id=user_id, topic=topic, channel=channel))
    session.flush()


def test_shop_is_told_in_its_inbox_on_its_telephone_and_its_people_by_mail(
    session: Session, lease: Contract
) -> None:
    person(session, "wang@example.org", Role.SHOP, locale="zh_CN", shop=True)
    person(session, "smith@example.org", Role.SHOP, locale="en", shop=True)
    session.get_one(Shop, lease.shop_id).contact_email = "office@tea.example.org"
    post(session, lease, Template.CONTRACT_SENT, Audience.SHOP)
    assert address(session).deliveries == 5
    assert rows(session) == [
        (Channel.EMAIL, "office@tea.example.org", "zh_CN"),
        (Channel.EMAIL, "smith@example.org", "en"),
        (Channel.EMAIL, "wang@example.org", "zh_CN"),
        (Channel.IN_APP, "S01", "zh_CN"),
        (Channel.SMS, "13800000001", "zh_CN"),
    ]
    body = session.scalars(
        sa.select(Notification.body).where(Notification.recipient == "smith@example.org")
    ).one()
    assert body == (
        "[Test Mall] Tea: contract C-1, 1 January 2026 to 31 December 2026, is ready for your "
        f"signature. Please sign in, read it, and sign it or decline it: {SITE}"
    )


def test_shop_s_inbox_speaks_the_language_that_all_its_people_chose(
    session: Session, lease: Contract
) -> None:
    person(session, "smith@example.org", Role.SHOP, locale="en", shop=True)
    post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP)
    address(session)
    assert rows(session) == [
        (Channel.EMAIL, "smith@example.org", "en"),
        (Channel.IN_APP, "S01", "en"),
    ]


def test_contact_s_address_that_is_a_person_s_is_written_to_once(
    session: Session, lease: Contract
) -> None:
    person(session, "smith@example.org", Role.SHOP, shop=True)
    session.get_one(Shop, lease.shop_id).contact_email = "Smith@example.org"
    post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP)
    address(session)
    assert [row[1] for row in rows(session) if row[0] is Channel.EMAIL] == ["smith@example.org"]


def test_shop_reads_nothing_that_staff_are_told(session: Session, lease: Contract) -> None:
    person(session, "li@example.org", Role.OPERATION)
    post(session, lease, Template.RENEWAL_ASKED, Audience.OFFICER,
         parameters={"months": 12, "comment": ""})  # fmt: skip
    address(session)
    assert set(session.scalars(sa.select(Notification.shop_id))) == {None}


def test_officer_in_charge_is_told_alone(session: Session, lease: Contract) -> None:
    person(session, "li@example.org", Role.OPERATION, locale="en")
    person(session, "zhao@example.org", Role.OPERATION)
    lease.officer = "Li@example.org"
    post(session, lease, Template.CONTRACT_APPROVED, Audience.OFFICER)
    address(session)
    assert rows(session) == [
        (Channel.EMAIL, "li@example.org", "en"),
        (Channel.IN_APP, "li@example.org", "en"),
    ]


@pytest.mark.parametrize("officer", ["", "gone@example.org"])
def test_without_an_active_officer_the_operation_desk_is_told(
    session: Session, lease: Contract, officer: str
) -> None:
    gone = person(session, "gone@example.org", Role.MANAGEMENT)
    session.get_one(User, gone).active = False
    person(session, "li@example.org", Role.OPERATION)
    person(session, "zhao@example.org", Role.OPERATION)
    person(session, "fang@example.org", Role.FINANCE)
    lease.officer = officer
    post(session, lease, Template.CONTRACT_APPROVED, Audience.OFFICER)
    address(session)
    assert {row[1] for row in rows(session)} == {"li@example.org", "zhao@example.org"}


@pytest.mark.parametrize(
    ("role", "told"), [(Role.OPERATION, "li@example.org"), (Role.SUPER_ADMIN, "moved@example.org")]
)
def test_officer_of_another_mall_is_told_as_an_administrator_alone(
    session: Session, lease: Contract, role: Role, told: str
) -> None:
    make_shop(session, mall_code="OTH")
    create_user(
        session,
        email="moved@example.org",
        name="",
        role=role,
        mall_codes=["OTH"],
        password_hash=None,
    )
    person(session, "li@example.org", Role.OPERATION)
    lease.officer = "moved@example.org"
    post(session, lease, Template.CONTRACT_APPROVED, Audience.OFFICER)
    address(session)
    assert {row[1] for row in rows(session)} == {told}


def test_role_is_told_in_its_own_mall(session: Session, lease: Contract) -> None:
    make_shop(session, mall_code="OTH")
    person(session, "boss@example.org", Role.MANAGEMENT, name="王总")
    create_user(
        session,
        email="other@example.org",
        name="",
        role=Role.MANAGEMENT,
        mall_codes=["OTH"],
        password_hash=None,
    )
    person(session, "li@example.org", Role.OPERATION, name="李娜")
    post(session, lease, Template.CONTRACT_SUBMITTED, Audience.ROLE, role=Role.MANAGEMENT)
    address(session)
    assert {row[1] for row in rows(session)} == {"boss@example.org"}
    assert set(session.scalars(sa.select(Notification.body))) == {
        f"【Test Mall】李娜 提交了与Tea的合约 C-1（2026年1月1日至2026年12月31日），请审核：{SITE}"
    }


def test_person_with_a_telephone_is_told_by_text_too(session: Session, lease: Contract) -> None:
    user_id = person(session, "li@example.org", Role.OPERATION)
    session.get_one(User, user_id).phone = "13900000002"
    lease.officer = "li@example.org"
    post(session, lease, Template.RENEWAL_REMINDER, Audience.OFFICER, parameters={"days": 30})
    address(session)
    assert (Channel.SMS, "13900000002", "zh_CN") in rows(session)


def test_channel_that_a_person_switched_off_stays_silent(session: Session, lease: Contract) -> None:
    user_id = person(session, "li@example.org", Role.OPERATION)
    switch_off(session, user_id, Topic.LEASING, Channel.EMAIL)
    switch_off(session, user_id, Topic.BILLING, Channel.IN_APP)
    post(session, lease, Template.CONTRACT_APPROVED, Audience.OFFICER)
    address(session)
    assert [row[0] for row in rows(session)] == [Channel.IN_APP]


def test_message_that_everybody_switched_off_says_so(session: Session, lease: Contract) -> None:
    user_id = person(session, "li@example.org", Role.OPERATION)
    for channel in Channel:
        switch_off(session, user_id, Topic.LEASING, channel)
    post(session, lease, Template.CONTRACT_APPROVED, Audience.OFFICER)
    assert address(session) == AddressingResult(addressed=1, deliveries=0, unaddressed=1)
    assert problem(session) == "SWITCHED_OFF"


def test_legal_notice_cannot_be_switched_off(session: Session, lease: Contract) -> None:
    user_id = person(session, "smith@example.org", Role.SHOP, shop=True)
    for channel in Channel:
        switch_off(session, user_id, Topic.LEASING, channel)
    post(session, lease, Template.TERMINATION_NOTICE, Audience.SHOP,
         parameters={"last_day": date(2026, 6, 30), "reason": "拖欠租金"})  # fmt: skip
    address(session)
    assert (Channel.EMAIL, "smith@example.org", "zh_CN") in rows(session)
    post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP, key="usual")
    address(session)
    assert [row for row in rows(session) if row[0] is Channel.EMAIL] == [
        (Channel.EMAIL, "smith@example.org", "zh_CN")
    ], "what is not a legal notice is switched off"


def test_message_is_written_and_delivered_once_for_a_key(session: Session, lease: Contract) -> None:
    assert post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP)
    assert not post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP)
    assert address(session).deliveries == 1
    assert address(session) == AddressingResult(0, 0, 0)
    session.execute(sa.update(OutboxMessage).values(addressed_at=None))
    assert address(session).deliveries == 0, "even when it is addressed again"


def test_message_waits_for_its_time_and_is_dropped_after_its_end(
    session: Session, lease: Contract
) -> None:
    later = NOW + timedelta(hours=1)
    end = NOW + timedelta(days=30)
    post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP, key="1", send_after=later)
    assert address(session).addressed == 0
    assert address(session, later).deliveries == 1
    post(session, lease, Template.CONTRACT_ENDED, Audience.SHOP, key="2", expires_at=end)
    assert address(session, end).unaddressed == 1
    assert "EXPIRED" in set(session.scalars(sa.select(OutboxMessage.problem)))


def test_reminder_of_a_bill_paid_meanwhile_reaches_nobody(
    session: Session, lease: Contract
) -> None:
    bill = make_bill(session, lease, month=3, due_date=date(2026, 4, 11), total="10.00")
    reminder = {
        "bill_number": bill.number,
        "month": bill.period_start,
        "due_date": bill.due_date,
        "outstanding": money_of(bill.total_amount, "CNY"),
    }
    post(session, lease, Template.PAYMENT_REMINDER, Audience.SHOP, bill_id=bill.id,
         parameters=reminder)  # fmt: skip
    bill.state = BillState.PAID
    assert address(session).deliveries == 0
    assert problem(session) == "SETTLED"


def test_nobody_behind_an_audience_is_said(session: Session, lease: Contract) -> None:
    post(session, lease, Template.CONTRACT_SUBMITTED, Audience.ROLE, role=Role.MANAGEMENT)
    assert address(session) == AddressingResult(addressed=1, deliveries=0, unaddressed=1)
    assert problem(session) == "NOBODY"


def test_shop_without_a_telephone_is_a_failed_text_message(
    session: Session, lease: Contract
) -> None:
    session.get_one(Shop, lease.shop_id).contact_phone = " "
    post(session, lease, Template.CONTRACT_SENT, Audience.SHOP)
    address(session, locale="en")
    sms = session.scalars(sa.select(Notification).where(Notification.channel == Channel.SMS)).one()
    assert (sms.state, sms.error) == (DeliveryState.FAILED, "NO_TELEPHONE")


def test_quiet_hours_are_those_of_the_mall_s_zone(session: Session, lease: Contract) -> None:
    """22:00 in Shanghai is 16:00 in Paris: there the reminder may go at once."""
    night = datetime(2026, 4, 11, 14, tzinfo=UTC)
    paris = make_shop(session, mall_code="PAR")
    session.execute(sa.text("UPDATE app.malls SET time_zone = 'Europe/Paris' WHERE code = 'PAR'"))
    for each in (lease, paris):
        post(session, each, Template.RENEWAL_REMINDER, Audience.SHOP, parameters={"days": 30})
        post(session, each, Template.CONTRACT_SENT, Audience.SHOP, key="urgent")
    session.expire_all()
    address(session, night)
    found = session.execute(
        sa.select(Notification.mall_id, Notification.template, Notification.send_after).where(
            Notification.channel == Channel.SMS
        )
    )
    morning = datetime(2026, 4, 12, 0, tzinfo=UTC)
    assert {(row[0], row[1]): row[2] for row in found} == {
        (lease.mall_id, "RENEWAL_REMINDER"): morning,
        (lease.mall_id, "CONTRACT_SENT"): night,
        (paris.mall_id, "RENEWAL_REMINDER"): night,
        (paris.mall_id, "CONTRACT_SENT"): night,
    }


def own_words(session: Session, lease: Contract, locale: str, body: str) -> None:
    session.add(
        MessageTemplate(
            mall_id=lease.mall_id,
            template=Template.CONTRACT_ACTIVE.value,
            locale=locale,
            subject="Welcome, {shop}",
            body=body,
            edited_by="li@example.org",
            edited_at=NOW,
        )
    )
    session.flush()


def test_mall_s_own_words_replace_ours_in_their_language_alone(
    session: Session, lease: Contract
) -> None:
    person(session, "wang@example.org", Role.SHOP, locale="zh_CN", shop=True)
    person(session, "smith@example.org", Role.SHOP, locale="en", shop=True)
    own_words(session, lease, "en", "{shop}, your lease {contract} runs from {start_date}.")
    post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP)
    address(session)
    found = session.execute(
        sa.select(Notification.recipient, Notification.subject, Notification.body).where(
            Notification.channel == Channel.EMAIL
        )
    )
    texts = {row[0]: (row[1], row[2]) for row in found}
    assert texts["smith@example.org"] == (
        "Welcome, Tea",
        "Tea, your lease C-1 runs from 1 January 2026.",
    )
    assert texts["wang@example.org"][0] == "合约 C-1 已生效"


def test_own_words_that_no_longer_fit_give_way_to_ours(session: Session, lease: Contract) -> None:
    own_words(session, lease, "en", "{contract} {tenant}")
    post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP)
    address(session, locale="en")
    assert session.scalars(sa.select(Notification.subject)).one() == "Contract C-1 has begun"


def test_text_in_braces_of_foreign_hands_is_text(session: Session, lease: Contract) -> None:
    """A name or a reason can name no variable, no attribute and no index."""
    session.get_one(Shop, lease.shop_id).name = "{actor} {0.__class__} %s"
    post(session, lease, Template.CONTRACT_DECLINED, Audience.OFFICER,
         parameters={"reason": "{site}\nhttp://evil"})  # fmt: skip
    person(session, "li@example.org", Role.OPERATION, locale="en")
    address(session)
    assert set(session.scalars(sa.select(Notification.body))) == {
        "[Test Mall] {actor} {0.__class__} %s declined to sign contract C-1: {site}\nhttp://evil"
    }


def test_message_without_its_variables_is_refused_where_it_is_posted(
    session: Session, lease: Contract
) -> None:
    with pytest.raises(WrongParameters, match="TERMINATION_NOTICE needs last_day, reason"):
        post(session, lease, Template.TERMINATION_NOTICE, Audience.SHOP)


def test_message_that_makes_no_sense_holds_up_no_other(session: Session, lease: Contract) -> None:
    post(session, lease, Template.AMENDMENT_SENT, Audience.SHOP, key="odd",
         parameters={"effective_date": "soon"})  # fmt: skip
    post(session, lease, Template.CONTRACT_ACTIVE, Audience.SHOP, key="usual")
    assert address(session) == AddressingResult(addressed=2, deliveries=1, unaddressed=1)
