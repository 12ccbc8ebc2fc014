"""Reminders of open bills are written to the outbox.

Belongs here: who is reminded of what on a day. Not here: the schedule (`domain.reminders`), the
words (message_words), over which channels (`domain.message_templates`) and the sending (outbox).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.bills import OWED
from domain.money import ZERO
from domain.notifications import Audience, Template, after_quiet_hours
from domain.reminders import newest_step
from services.operations.malls import NotRegistered
from services.operations.messages import money_of, post_message
from storage.models import Allocation, Bill, Mall

ACTOR = "SYSTEM"


@dataclass(frozen=True, slots=True)
class ReminderResult:
    """Messages written now and found written before, one per bill and step; `by_step` counts
    those written, and `outstanding` is what the bills they speak of are still owed.
    """

    created: int
    existing: int
    by_step: dict[str, int]
    outstanding: Decimal


def create_payment_reminders(
    session: Session, *, mall_id: int, day: date, now: datetime
) -> ReminderResult:
    """Remind of every owed bill whose newest step has come by `day`.

    Each step of a bill is written once, whoever runs at the same time; steps missed while nothing
    ran are not made up for, but the newest one. Nothing is to be sent in the mall's quiet hours.
    Raises NotRegistered.
    """
    mall = session.get(Mall, mall_id)
    if mall is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    send_after = after_quiet_hours(now, mall.clock.zone)
    existing = 0
    by_step: Counter[str] = Counter()
    outstanding = ZERO
    for bill, open_amount in _open_bills(session, mall_id):
        step = newest_step(bill.due_date, day)
        if step is None:
            continue
        is_new = post_message(
            session,
            template=Template.PAYMENT_OVERDUE if step.is_overdue else Template.PAYMENT_REMINDER,
            audience=Audience.SHOP,
            mall_id=mall_id,
            shop_id=bill.shop_id,
            contract_id=bill.contract_id,
            bill_id=bill.id,
            dedupe_key=f"payment-reminder/{bill.number}/{step.value}",
            cause=f"REMINDER {step.value}",
            actor=ACTOR,
            now=now,
            send_after=send_after,
            parameters={
                "step": step.value,
                "bill_number": bill.number,
                "month": bill.period_start,
                "due_date": bill.due_date,
                "outstanding": money_of(open_amount, bill.currency),
            },
        )
        if not is_new:
            existing += 1
            continue
        by_step[step.value] += 1
        outstanding += open_amount
    return ReminderResult(
        created=by_step.total(),
        existing=existing,
        by_step=dict(by_step),
        outstanding=outstanding,
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
    )
    return [(bill, amount) for bill, amount in rows]
