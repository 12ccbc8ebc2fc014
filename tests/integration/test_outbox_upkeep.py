"""Sending again what was given up, what is not kept, and what the pipelines count and sweep."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from owed_bills import make_bill, make_shop
from sqlalchemy.orm import Session

from domain.notifications import Audience, Channel, DeliveryState, Template
from domain.people import Role
from domain.scopes import Actor, ActorKind, Scope
from pipelines.assets.messages import delivered_notifications, payment_reminders
from pipelines.resources import Database, FixedClock, Malls
from services.gateways.message import Message, PermanentError, Receipt, RetryableError
from services.operations.account_letters import write_signing_code
from services.operations.message_addressing import address_messages
from services.operations.messages import post_message
from services.operations.outbox import (
    NotResendable,
    Refusal,
    deliver_notifications,
    resend_notification,
)
from services.operations.people import create_user
from services.queries.pipelines import count_waiting_messages, month_figures
from storage.context import context_key, set_context
from storage.database import create_engine, transaction
from storage.logins import Login, login_url
from storage.models import Contract, Notification, OutboxMessage, Shop, User
from storage.roles import Group
from storage.settings import Settings

NOW = datetime(2026, 4, 11, 2, tzinfo=UTC)  # ten in the morning in Shanghai
SITE = "https://mall.example.org"
CODE = "482915"


class Gate:
    """Refuses with `error` as long as there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.messages: list[Message] = []

    def send(self, message: Message) -> Receipt:
        if self.error is not None:
            raise self.error
        self.messages.append(message)
        return Receipt("gate", f"G-{len(self.messages)}")


def lease_of(engine: sa.Engine, phone: str = "13800000001") -> Contract:
    with transaction(engine) as session:
        return make_shop(session, phone=phone)


def tell(engine: sa.Engine, lease: Contract, *, expires_at: datetime | None = None) -> None:
    with transaction(engine) as session:
        post_message(
            session,
            template=Template.CONTRACT_SENT,
            audience=Audience.SHOP,
            mall_id=lease.mall_id,
            shop_id=lease.shop_id,
            contract_id=lease.id,
            dedupe_key="sent",
            cause="TEST",
            actor="TEST",
            now=NOW,
            expires_at=expires_at,
        )
    address(engine)


def address(engine: sa.Engine, now: datetime = NOW) -> None:
    address_messages(engine, site=SITE, default_locale="zh_CN", now=now)


def deliver(engine: sa.Engine, gate: Gate, now: datetime = NOW, channel: Channel = Channel.SMS):  # type: ignore[no-untyped-def]
    return deliver_notifications(engine, gateways={channel: gate}, clock=lambda: now)


def sms(engine: sa.Engine) -> Notification:
    with Session(engine) as session:
        return session.scalars(
            sa.select(Notification).where(Notification.channel == Channel.SMS)
        ).one()


def resend(engine: sa.Engine, now: datetime = NOW) -> None:
    with transaction(engine) as session:
        resend_notification(session, notification_id=sms(engine).id, now=now)


def refusal(engine: sa.Engine, now: datetime = NOW) -> Refusal:
    with pytest.raises(NotResendable) as error:
        resend(engine, now)
    return error.value.refusal


def test_delivery_given_up_goes_again_with_the_same_reference(engine: sa.Engine) -> None:
    tell(engine, lease_of(engine))
    assert deliver(engine, Gate(PermanentError("no such template"))).failed == 1
    first = sms(engine)
    assert (first.state, first.error) == (DeliveryState.FAILED, "no such template")
    resend(engine)
    gate = Gate()
    assert deliver(engine, gate).sent == 1
    again = sms(engine)
    assert (again.state, again.error, again.attempts) == (DeliveryState.SENT, "", 1)
    assert (again.provider, again.provider_id) == ("gate", "G-1")
    assert [one.reference for one in gate.messages] == [f"{first.mall_id}/{first.dedupe_key}"]
    assert refusal(engine) is Refusal.NOT_FAILED


def test_text_message_without_a_number_takes_the_shop_s_when_it_goes_again(
    engine: sa.Engine,
) -> None:
    lease = lease_of(engine, phone="")
    tell(engine, lease)
    assert sms(engine).state is DeliveryState.FAILED
    with transaction(engine) as session:
        session.get_one(Shop, lease.shop_id).contact_phone = " 13900000002 "
    resend(engine)
    gate = Gate()
    deliver(engine, gate)
    assert [one.recipient for one in gate.messages] == ["13900000002"]


def test_delivery_that_nobody_needs_any_more_does_not_go_again(engine: sa.Engine) -> None:
    end = NOW + timedelta(days=30)
    tell(engine, lease_of(engine), expires_at=end)
    deliver(engine, Gate(PermanentError("no")))
    assert refusal(engine, end) is Refusal.EXPIRED


def test_staff_send_again_within_their_mall_and_nothing_else(
    engine: sa.Engine, settings: Settings
) -> None:
    """As the operation desk's own role of Postgres, which may change no text and no recipient."""
    lease = lease_of(engine)
    tell(engine, lease)
    deliver(engine, Gate(PermanentError("no")))
    staff = create_engine(login_url(settings, Login.STAFF))
    for mall_id, is_ours in ((lease.mall_id + 1, False), (lease.mall_id, True)):
        with transaction(staff) as session:
            connection = session.connection().connection.driver_connection
            assert connection is not None
            set_context(
                connection,
                key=context_key(settings),
                role=Group.OPERATION,
                scope=Scope(mall_ids=frozenset({mall_id})),
                actor=Actor(ActorKind.PERSON, "li@example.org"),
                now=datetime.now(UTC),
            )
            if not is_ours:
                with pytest.raises(NotResendable, match="UNKNOWN"):
                    resend_notification(session, notification_id=sms(engine).id, now=NOW)
            else:
                resend_notification(session, notification_id=sms(engine).id, now=NOW)
    assert sms(engine).state is DeliveryState.PENDING
    with transaction(staff) as session, pytest.raises(sa.exc.ProgrammingError, match="denied"):
        session.execute(sa.text(f"SET LOCAL ROLE {Group.OPERATION}"))
        session.execute(sa.text("UPDATE app.notifications SET recipient = '13911111111'"))
    staff.dispose()


def test_gateway_with_a_fault_of_its_own_is_tried_again(engine: sa.Engine) -> None:
    tell(engine, lease_of(engine))
    assert deliver(engine, Gate(KeyError("secret text"))).postponed == 1
    assert sms(engine).error == "FAULT: KeyError"


# -- what opens something -----------------------------------------------------------------------


def code_for(engine: sa.Engine, phone: str) -> Channel:
    with transaction(engine) as session:
        make_shop(session)
        user_id = create_user(
            session,
            email="wang@example.org",
            name="",
            role=Role.SHOP,
            mall_codes=["TST"],
            shop_codes=["TST/S01"],
            password_hash=None,
        )
        user = session.get_one(User, user_id)
        user.phone = phone
        return write_signing_code(
            session,
            user=user,
            code_id=7,
            code=CODE,
            contract_number="C-1",
            locale="zh_CN",
            life=timedelta(minutes=10),
            now=NOW,
        )


@pytest.mark.parametrize(
    ("phone", "channel", "recipient"),
    [("13800000009", Channel.SMS, "13800000009"), ("", Channel.EMAIL, "wang@example.org")],
)
def test_code_goes_to_the_telephone_or_else_by_mail_and_is_not_kept(
    engine: sa.Engine, phone: str, channel: Channel, recipient: str
) -> None:
    assert code_for(engine, phone) is channel
    gate = Gate()
    assert deliver(engine, gate, channel=channel).sent == 1
    (message,) = gate.messages
    assert message.recipient == recipient
    assert message.body.startswith(f"验证码 {CODE}，用于签署合约 C-1")
    assert message.values == {"code": CODE, "contract": "C-1", "minutes": "10"}
    with engine.connect() as connection:
        assert CODE not in str(connection.execute(sa.text("SELECT * FROM app.notifications")).all())


def test_code_that_ran_out_is_blanked_and_not_sent(engine: sa.Engine) -> None:
    code_for(engine, "13800000009")
    gate = Gate()
    assert deliver(engine, gate, NOW + timedelta(minutes=10)).cancelled == 1
    assert gate.messages == []
    with engine.connect() as connection:
        assert CODE not in str(connection.execute(sa.text("SELECT * FROM app.notifications")).all())


def test_code_given_up_is_blanked_and_does_not_go_again(engine: sa.Engine) -> None:
    code_for(engine, "13800000009")
    deliver(engine, Gate(PermanentError("no")))
    assert refusal(engine) is Refusal.SECRET
    with engine.connect() as connection:
        assert CODE not in str(connection.execute(sa.text("SELECT * FROM app.notifications")).all())


# -- what the pipelines do ----------------------------------------------------------------------


def test_only_what_the_messenger_left_is_a_reason_to_sweep(engine: sa.Engine) -> None:
    lease = lease_of(engine)
    tell(engine, lease)

    def waiting(now: datetime) -> int:
        with Session(engine) as session:
            return count_waiting_messages(session, now=now, since=now - timedelta(minutes=2))

    assert waiting(NOW + timedelta(minutes=1)) == 0
    assert waiting(NOW + timedelta(minutes=2)) == 2
    deliver(engine, Gate(RetryableError("busy")))
    assert waiting(NOW + timedelta(minutes=2)) == 1, "what is tried again later does not count"


def test_reminder_that_waits_for_the_morning_is_no_reason_to_sweep(engine: sa.Engine) -> None:
    lease = lease_of(engine)
    remind(engine, lease)
    night = datetime(2026, 4, 11, 15, tzinfo=UTC)
    with Session(engine) as session:
        assert count_waiting_messages(session, now=night, since=night) == 0
        assert count_waiting_messages(session, now=NOW, since=NOW) == 2


def remind(engine: sa.Engine, lease: Contract) -> None:
    with transaction(engine) as session:
        bill = make_bill(session, lease, month=3, due_date=date(2026, 4, 11), total="10.00")
        post_message(
            session,
            template=Template.PAYMENT_REMINDER,
            audience=Audience.SHOP,
            mall_id=lease.mall_id,
            shop_id=lease.shop_id,
            bill_id=bill.id,
            dedupe_key="reminder",
            cause="TEST",
            actor="TEST",
            now=NOW,
            parameters={
                "bill_number": bill.number,
                "month": bill.period_start,
                "due_date": bill.due_date,
                "outstanding": {"amount": "10.00", "currency": "CNY"},
            },
        )
    address(engine)


def test_month_counts_each_reminder_once_however_many_ways_it_went(engine: sa.Engine) -> None:
    lease = lease_of(engine)
    remind(engine, lease)

    def reminders() -> tuple[int, int]:
        with Session(engine) as session:
            figures = month_figures(session, mall_id=lease.mall_id, month=date(2026, 3, 1))
            return figures.reminders, figures.reminders_sent

    assert reminders() == (1, 0)
    deliver(engine, Gate())
    deliver(engine, Gate(), channel=Channel.IN_APP)
    assert reminders() == (1, 1)


def test_run_of_the_pipelines_reminds_and_sends_and_another_does_nothing(
    engine: sa.Engine, settings: Settings
) -> None:
    lease = lease_of(engine)
    with transaction(engine) as session:
        make_bill(session, lease, month=3, due_date=date(2026, 4, 11), total="10.00")
    url = login_url(settings, Login.PIPELINES)
    pipelines = create_engine(url, role=Group.PIPELINES)
    resources = {
        "database": Database(url, pipelines),
        "clock": FixedClock(NOW),
        "malls": Malls(""),
        "settings": settings,
    }

    def figures() -> tuple[int, int, int]:
        made = dg.materialize(
            [payment_reminders, delivered_notifications],
            partition_key="2026-04-11",
            resources=resources,
        )
        reminders = made.asset_materializations_for_node("payment_reminders")[0].metadata
        delivered = made.asset_materializations_for_node("delivered_notifications")[0].metadata
        return (
            int(str(reminders["created"].value)),
            int(str(delivered["addressed"].value)),
            int(str(delivered["sent"].value)),
        )

    assert figures() == (1, 1, 2)
    assert figures() == (0, 0, 0)
    pipelines.dispose()
    with Session(engine) as session:
        assert session.scalars(sa.select(OutboxMessage.problem)).all() == [""]
