"""Reminders written once, sent when people are awake, never after the bill is paid."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from owed_bills import make_bill, make_shop
from sqlalchemy.orm import Session

from domain.bills import BillState
from domain.notifications import RETRY_AFTER, Channel, DeliveryState
from domain.payments import PaymentMethod
from services.gateways.message import (
    Message,
    PermanentError,
    Receipt,
    RetryableError,
)
from services.operations.malls import NotRegistered
from services.operations.message_addressing import AddressingResult, Language, address_waiting
from services.operations.outbox import DeliveryResult, deliver_notifications
from services.operations.payments import confirm_payment, record_payment
from services.operations.reminders import create_payment_reminders
from storage.database import transaction
from storage.models import Bill, Contract, Notification, OutboxMessage

ZONE = ZoneInfo("Asia/Shanghai")
DUE = date(2026, 4, 11)


def morning(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZONE).astimezone(UTC)


def remind(session: Session, contract: Contract, day: date, hour: int = 9) -> tuple[int, int]:
    result = create_payment_reminders(
        session, mall_id=contract.mall_id, day=day, now=morning(day, hour)
    )
    return result.created, result.existing


def address(session: Session, *, at: datetime, locale: str = "zh_CN") -> AddressingResult:
    """Turn what waits into deliveries, in the transaction of the test."""
    return address_waiting(
        session, language=Language(locale, "https://mall.example.org"), now=at, limit=1000
    )


def pay(session: Session, contract: Contract, amount: str, number: str = "TX-1") -> None:
    payment_id = record_payment(
        session,
        shop_id=contract.shop_id,
        method=PaymentMethod.CASH,
        channel_transaction=number,
        amount=Decimal(amount),
        received_at=morning(DUE),
        entered_by="clerk",
    )
    confirm_payment(session, payment_id=payment_id, confirmed_by="head", now=morning(DUE))


class Recorder:
    """A gateway that keeps what it was given and fails as told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.messages: list[Message] = []

    def send(self, message: Message) -> Receipt:
        if self.failures:
            raise self.failures.pop(0)
        self.messages.append(message)
        return Receipt("recorder", f"R{len(self.messages)}")


def test_a_month_of_daily_runs_writes_every_step_once_per_channel(session: Session) -> None:
    contract = make_shop(session)
    make_bill(session, contract, month=3, due_date=DUE, total="1234.50")
    for offset in range(-5, 30):
        day = DUE + timedelta(days=offset)
        remind(session, contract, day)
        address(session, at=morning(day))
    rows = session.execute(
        sa.select(Notification.parameters["step"].astext, Notification.channel, sa.func.count())
        .group_by(sa.text("1"), Notification.channel)
        .order_by(sa.func.min(Notification.id), Notification.channel)
    )
    assert [tuple(row) for row in rows] == [
        (step, channel, 1)
        for step in ("T-3", "T+0", "T+1", "T+7", "T+15")
        for channel in (Channel.IN_APP, Channel.SMS)
    ]


def test_second_run_of_a_day_writes_nothing(session: Session) -> None:
    contract = make_shop(session)
    make_bill(session, contract, month=3, due_date=DUE, total="10.00")
    assert remind(session, contract, DUE) == (1, 0)
    assert address(session, at=morning(DUE)).deliveries == 2
    assert remind(session, contract, DUE) == (0, 1)
    assert address(session, at=morning(DUE)).deliveries == 0


def test_step_told_before_there_was_an_outbox_is_not_told_again(session: Session) -> None:
    contract = make_shop(session)
    bill = make_bill(session, contract, month=3, due_date=DUE, total="10.00")
    for channel in (Channel.IN_APP, Channel.SMS):
        session.add(
            Notification(
                mall_id=contract.mall_id,
                shop_id=contract.shop_id,
                bill_id=bill.id,
                channel=channel,
                recipient="S01",
                locale="zh_CN",
                template="PAYMENT_REMINDER",
                body="您的账单今日到期。",
                dedupe_key=f"payment-reminder/{bill.number}/T+0",
                send_after=morning(DUE),
            )
        )
    session.flush()
    remind(session, contract, DUE)
    assert address(session, at=morning(DUE)).deliveries == 0


def test_run_after_downtime_writes_the_newest_step_only(session: Session) -> None:
    contract = make_shop(session)
    make_bill(session, contract, month=3, due_date=DUE, total="10.00")
    result = create_payment_reminders(
        session,
        mall_id=contract.mall_id,
        day=DUE + timedelta(days=9),
        now=morning(DUE + timedelta(days=9)),
    )
    assert (result.created, result.by_step) == (1, {"T+7": 1})
    assert result.outstanding == Decimal("10.00")


def test_reminder_of_a_part_paid_bill_names_what_is_open(session: Session) -> None:
    contract = make_shop(session)
    make_bill(session, contract, month=3, due_date=DUE, total="1234.50")
    pay(session, contract, "234.00")
    remind(session, contract, DUE + timedelta(days=1))
    address(session, at=morning(DUE + timedelta(days=1)))
    sms = session.scalars(sa.select(Notification).where(Notification.channel == Channel.SMS)).one()
    assert sms.recipient == "13800000001"
    assert sms.body == (
        "【Test Mall】Tea：您2026年3月的账单 B202603-0001 已于2026年4月11日到期，"
        "尚有 ¥1,000.50 未缴，请尽快缴纳。如已缴纳，请忽略本提醒，谢谢。"
    )


def test_reminder_speaks_english_when_asked(session: Session) -> None:
    contract = make_shop(session)
    make_bill(session, contract, month=3, due_date=DUE, total="1234.50")
    remind(session, contract, DUE)
    address(session, at=morning(DUE), locale="en")
    assert set(session.scalars(sa.select(Notification.body))) == {
        "[Test Mall] Tea: bill B202603-0001 for March 2026 is due on 11 April 2026. "
        "¥1,234.50 is to be paid. If you have paid already, thank you."
    }


def test_paid_draft_and_void_bills_are_not_reminded_of(session: Session) -> None:
    contract = make_shop(session)
    make_bill(session, contract, month=3, due_date=DUE, total="10.00")
    pay(session, contract, "10.00")
    for month, state in ((1, BillState.DRAFT), (2, BillState.VOID)):
        make_bill(session, contract, month=month, due_date=DUE, total="9.00", state=state)
    assert remind(session, contract, DUE) == (0, 0)


def test_reminder_made_at_night_waits_for_the_morning(session: Session) -> None:
    contract = make_shop(session)
    make_bill(session, contract, month=3, due_date=DUE, total="10.00")
    remind(session, contract, DUE, hour=0)
    assert set(session.scalars(sa.select(OutboxMessage.send_after))) == {morning(DUE, 8)}
    assert address(session, at=morning(DUE, 7)).addressed == 0
    assert address(session, at=morning(DUE, 8)).deliveries == 2


def test_shop_without_telephone_shows_as_failed(session: Session) -> None:
    contract = make_shop(session, phone="  ")
    make_bill(session, contract, month=3, due_date=DUE, total="10.00")
    remind(session, contract, DUE)
    address(session, at=morning(DUE))
    rows = session.execute(
        sa.select(Notification.channel, Notification.state, Notification.error).order_by(
            Notification.channel
        )
    )
    assert [tuple(row) for row in rows] == [
        (Channel.IN_APP, DeliveryState.PENDING, ""),
        (Channel.SMS, DeliveryState.FAILED, "NO_TELEPHONE"),
    ]


def test_unknown_mall_is_refused(session: Session) -> None:
    with pytest.raises(NotRegistered):
        create_payment_reminders(session, mall_id=0, day=DUE, now=morning(DUE))


def test_runs_at_the_same_time_write_a_step_once(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        contract = make_shop(session)
        for month in range(1, 13):
            make_bill(session, contract, month=month, due_date=DUE, total="10.00")
    barrier = Barrier(4)

    def run(_: int) -> tuple[int, int]:
        with transaction(engine) as session:
            barrier.wait(10)
            return remind(session, contract, DUE)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(4)))
    assert sum(created for created, _ in results) == 12
    assert sum(existing for _, existing in results) == 3 * 12


@pytest.fixture
def reminded(engine: sa.Engine) -> Contract:
    """A shop with one open bill, reminded on its due date."""
    with transaction(engine) as session:
        contract = make_shop(session)
        make_bill(session, contract, month=3, due_date=DUE, total="10.00")
        remind(session, contract, DUE)
        address(session, at=morning(DUE))
    return contract


def states(engine: sa.Engine) -> dict[Channel, DeliveryState]:
    with Session(engine) as session:
        rows = session.execute(sa.select(Notification.channel, Notification.state))
        return {row[0]: row[1] for row in rows}


def test_due_messages_are_sent_once(engine: sa.Engine, reminded: Contract) -> None:
    sms, inbox = Recorder(), Recorder()
    gateways = {Channel.SMS: sms, Channel.IN_APP: inbox}
    first = deliver_notifications(engine, gateways=gateways, clock=lambda: morning(DUE))
    again = deliver_notifications(engine, gateways=gateways, clock=lambda: morning(DUE, 10))
    assert first == DeliveryResult(sent=2, failed=0, postponed=0, cancelled=0)
    assert again == DeliveryResult(sent=0, failed=0, postponed=0, cancelled=0)
    assert [message.recipient for message in sms.messages] == ["13800000001"]
    assert sms.messages[0].subject == "缴费提醒"
    with Session(engine) as session:
        assert set(session.scalars(sa.select(Notification.sent_at))) == {morning(DUE)}


@pytest.mark.parametrize("hour", [21, 3])
def test_nothing_is_sent_in_quiet_hours(engine: sa.Engine, reminded: Contract, hour: int) -> None:
    sms = Recorder()
    day = DUE + timedelta(days=1)
    result = deliver_notifications(
        engine, gateways={Channel.SMS: sms}, clock=lambda: morning(day, hour)
    )
    assert (result.sent, sms.messages) == (0, [])


def test_bill_paid_before_the_message_goes_is_not_reminded_of(
    engine: sa.Engine, reminded: Contract
) -> None:
    with transaction(engine) as session:
        pay(session, reminded, "10.00")
        assert session.scalars(sa.select(Bill.state)).one() is BillState.PAID
    sms = Recorder()
    result = deliver_notifications(engine, gateways={Channel.SMS: sms}, clock=lambda: morning(DUE))
    assert (result.sent, result.cancelled, sms.messages) == (0, 2, [])
    assert set(states(engine).values()) == {DeliveryState.CANCELLED}


def test_channel_without_gateway_keeps_its_messages(engine: sa.Engine, reminded: Contract) -> None:
    deliver_notifications(engine, gateways={Channel.IN_APP: Recorder()}, clock=lambda: morning(DUE))
    assert states(engine) == {
        Channel.IN_APP: DeliveryState.SENT,
        Channel.SMS: DeliveryState.PENDING,
    }


def test_message_refused_for_good_is_given_up(engine: sa.Engine, reminded: Contract) -> None:
    gateways = {Channel.SMS: Recorder(PermanentError("no such number"))}
    result = deliver_notifications(engine, gateways=gateways, clock=lambda: morning(DUE))
    assert result.failed == 1
    assert states(engine)[Channel.SMS] is DeliveryState.FAILED


def test_busy_provider_is_tried_again_later_and_at_last_given_up(
    engine: sa.Engine, reminded: Contract
) -> None:
    now = morning(DUE)
    gateway = Recorder(*[RetryableError("busy")] * 5)

    def sweep() -> DeliveryResult:
        return deliver_notifications(engine, gateways={Channel.SMS: gateway}, clock=lambda: now)

    for wait in (*RETRY_AFTER, None):
        result = sweep()
        assert (result.postponed, result.failed) == ((0, 1) if wait is None else (1, 0))
        early = sweep()
        assert early.postponed == early.sent == 0
        now += wait or timedelta(0)
    assert (states(engine)[Channel.SMS], gateway.failures) == (DeliveryState.FAILED, [])


def test_message_whose_sender_died_goes_out_again_with_the_same_reference(
    engine: sa.Engine, reminded: Contract
) -> None:
    class Dies(Recorder):
        def send(self, message: Message) -> Receipt:
            super().send(message)
            raise SystemExit

    dying, living = Dies(), Recorder()
    with pytest.raises(SystemExit):
        deliver_notifications(engine, gateways={Channel.SMS: dying}, clock=lambda: morning(DUE))
    later = morning(DUE) + RETRY_AFTER[0]
    assert (
        deliver_notifications(engine, gateways={Channel.SMS: living}, clock=lambda: later).sent == 1
    )
    assert living.messages == dying.messages
    assert living.messages[0].report_key


def remind_of_twelve_bills(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        contract = make_shop(session)
        for month in range(1, 13):
            make_bill(session, contract, month=month, due_date=DUE, total="10.00")
        remind(session, contract, DUE)
        address(session, at=morning(DUE))


def test_long_sweep_keeps_what_it_sends_from_others_all_the_while(engine: sa.Engine) -> None:
    remind_of_twelve_bills(engine)
    now = morning(DUE)
    times: list[datetime] = []

    class Slow(Recorder):
        def send(self, message: Message) -> Receipt:
            nonlocal now
            with Session(engine) as session:
                open_to_others = session.scalars(
                    sa.select(Notification.id).where(
                        Notification.state == DeliveryState.PENDING,
                        Notification.attempts > 0,
                        Notification.send_after <= now,
                    )
                )
                assert open_to_others.all() == []
            now += timedelta(minutes=1)
            times.append(now)
            return super().send(message)

    assert (
        deliver_notifications(engine, gateways={Channel.SMS: Slow()}, clock=lambda: now).sent == 12
    )
    with Session(engine) as session:
        assert set(session.scalars(sa.select(Notification.sent_at))) == {None, *times}


def test_senders_at_the_same_time_share_the_work(engine: sa.Engine) -> None:
    remind_of_twelve_bills(engine)
    gateway = Recorder()
    barrier = Barrier(3)

    def run(_: int) -> int:
        barrier.wait(10)
        return deliver_notifications(
            engine, gateways={Channel.SMS: gateway}, clock=lambda: morning(DUE)
        ).sent

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(run, range(3))) == 12
    assert len({message.reference for message in gateway.messages}) == 12
    assert len(gateway.messages) == 12
