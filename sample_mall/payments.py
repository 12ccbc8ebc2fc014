"""The sample's shops pay: two people of finance enter and confirm what the bank shows.

Belongs here: who pays what and when, invented. Not here: what a payment settles (services).
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.payments import PaymentMethod
from sample_mall.build import SampleMall
from sample_mall.plan_shops import FINANCE_CLERK, FINANCE_LEAD, TIME_ZONE
from services.operations.payments import (
    PaymentAlreadyRecorded,
    confirm_payment,
    record_payment,
)
from services.queries.bills import BillSummary, list_bills
from storage.database import transaction

PAYS_HALF = 7  # of the shops that pay, every seventh number pays half
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class PayResult:
    """Payments made now and before, and what was paid now."""

    paid: int
    existing: int
    total: Decimal


def pay_bills(engine: sa.Engine, *, mall: SampleMall, month: date, now: datetime) -> PayResult:
    """Two of three shops pay the month's bill by transfer, one to ten days after `now`.

    `now` is when the bills were issued. A transfer is entered by one person and confirmed by
    another the next afternoon, in one transaction each; one that stands in the books already
    is left alone.
    """
    with Session(engine) as session:
        bills = list_bills(session, mall_id=mall.mall_id, month=month.replace(day=1))
    paid = existing = 0
    total = Decimal(0)
    for bill in bills:
        number = int(bill.shop_code[1:])
        amount = bill.total_amount
        if bill.issued_at is None or number % 3 == 0 or amount <= 0:
            continue
        if number % PAYS_HALF == 0:
            amount = (amount / 2).quantize(CENT, ROUND_HALF_UP)
        try:
            _transfer(engine, bill, amount, _received(number, now))
        except PaymentAlreadyRecorded:
            existing += 1
        else:
            paid += 1
            total += amount
    return PayResult(paid=paid, existing=existing, total=total)


def _received(number: int, now: datetime) -> datetime:
    """Mid-morning of a day from the first to the ninth after the bills."""
    zone = ZoneInfo(TIME_ZONE)
    day = now.astimezone(zone).date() + timedelta(days=1 + number % 9)
    return datetime.combine(day, time(9 + number % 3, 10 + number), zone)


def _transfer(engine: sa.Engine, bill: BillSummary, amount: Decimal, received: datetime) -> None:
    with transaction(engine) as session:
        payment_id = record_payment(
            session,
            shop_id=bill.shop_id,
            method=PaymentMethod.BANK_TRANSFER,
            channel_transaction=f"TRF-{bill.period_start:%Y%m}-{bill.shop_code}",
            amount=amount,
            received_at=received,
            entered_by=FINANCE_CLERK,
        )
        confirm_payment(
            session,
            payment_id=payment_id,
            confirmed_by=FINANCE_LEAD,
            now=received + timedelta(hours=5),
        )
