"""Reminders of open bills are written to the outbox.

Belongs here: who is reminded of what on a day. Not here: the schedule (`domain.reminders`), the
words (message_texts) and the sending (outbox).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

from domain.bills import OWED
from domain.money import ZERO
from domain.notifications import Channel, DeliveryState, Template, after_quiet_hours
from domain.reminders import ReminderStep, newest_step
from services.operations.malls import NotRegistered
from services.operations.message_texts import no_telephone, payment_reminder
from storage.models import Allocation, Bill, Mall, Notification

CHANNELS = (Channel.IN_APP, Channel.SMS)


@dataclass(frozen=True, slots=True)
class ReminderResult:
    """Messages written now and found written before; `by_step` counts those written, and
    `outstanding` is what the bills they speak of are still owed.
    """

    created: int
    existing: int
    by_step: dict[str, int]
    outstanding: Decimal


def create_payment_reminders(
    session: Session, *, mall_id: int, day: date, now: datetime, locale: str = "zh_CN"
) -> ReminderResult:
    """Remind of every owed bill whose newest step has come by `day`, in the app and by text.

    Each step of a bill is written once per channel, whoever runs at the same time; steps missed
    while nothing ran are not made up for, but the newest one. Nothing is to be sent in the
    mall's quiet hours. A text message to a shop without telephone is written as FAILED, to be
    seen. Raises NotRegistered.
    """
    mall = session.get(Mall, mall_id)
    if mall is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    send_after = after_quiet_hours(now, mall.clock.zone)
    rows = []
    outstanding = {}
    for bill, open_amount in _open_bills(session, mall_id):
        step = newest_step(bill.due_date, day)
        if step is None:
            continue
        outstanding[bill.id] = open_amount
        for channel in CHANNELS:
            rows.append(_row(mall, bill, open_amount, step, channel, locale, send_after))
    created: list[tuple[int, str]] = []
    if rows:
        statement = (
            insert(Notification)
            .on_conflict_do_nothing(index_elements=["mall_id", "dedupe_key", "channel"])
            .returning(Notification.bill_id, Notification.parameters["step"].astext)
        )
        created = [(row[0], row[1]) for row in session.execute(statement, rows)]
    return ReminderResult(
        created=len(created),
        existing=len(rows) - len(created),
        by_step=dict(Counter(step for _, step in created)),
        outstanding=sum((outstanding[bill_id] for bill_id in {row[0] for row in created}), ZERO),
    )


def _open_bills(session: Session, mall_id: int) -> list[tuple[Bill, Decimal]]:
    """Owed bills of which something is open, with that amount."""
    paid = (
        sa.select(Allocation.bill_id, sa.func.sum(Allocation.amount).label("amount"))
        .group_by(Allocation.bill_id)
        .subquery()
    )
    open_amount = Bill.total_amount - sa.func.coalesce(paid.c.amount, ZERO)
    rows = session.execute(
        sa.select(Bill, open_amount)
        .outerjoin(paid, paid.c.bill_id == Bill.id)
        .where(Bill.mall_id == mall_id, Bill.state.in_(OWED), open_amount > 0)
        .order_by(Bill.id)
        .options(joinedload(Bill.shop))
    )
    return [(bill, amount) for bill, amount in rows]


def _row(
    mall: Mall,
    bill: Bill,
    outstanding: Decimal,
    step: ReminderStep,
    channel: Channel,
    locale: str,
    send_after: datetime,
) -> dict[str, object]:
    phone = bill.shop.contact_phone.strip()
    is_unreachable = channel is Channel.SMS and not phone
    return {
        "mall_id": mall.id,
        "shop_id": bill.shop_id,
        "bill_id": bill.id,
        "channel": channel,
        "recipient": phone if channel is Channel.SMS else bill.shop.code,
        "locale": locale,
        "template": Template.PAYMENT_REMINDER.value,
        "parameters": {
            "step": step.value,
            "bill_number": bill.number,
            "due_date": bill.due_date.isoformat(),
            "outstanding": str(outstanding),
            "currency": bill.currency,
        },
        "body": payment_reminder(
            step=step,
            locale=locale,
            mall=mall.name,
            shop=bill.shop.name,
            bill_number=bill.number,
            month=bill.period_start,
            outstanding=outstanding,
            currency=bill.currency,
            due_date=bill.due_date,
        ),
        "dedupe_key": f"payment-reminder/{bill.number}/{step.value}",
        "state": DeliveryState.FAILED if is_unreachable else DeliveryState.PENDING,
        "error": no_telephone(locale) if is_unreachable else "",
        "send_after": send_after,
    }
