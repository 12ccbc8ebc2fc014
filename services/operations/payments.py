"""Money that came in by hand: entered by one person, confirmed by another.

Belongs here: cash and transfers, and what they settle. Not here: how money is spread over bills
(`domain.allocations`) and online channels with their callbacks.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.allocations import OpenBill, allocate
from domain.bills import OWED, BillEvent, BillState
from domain.bills import advance as advance_bill
from domain.money import ZERO, round_cents
from domain.payments import PaymentEvent, PaymentMethod, PaymentState
from domain.payments import advance as advance_payment
from services.operations.malls import NotRegistered
from storage.models import Allocation, Bill, Mall, Payment, Shop
from storage.models import BillEvent as BillEventRow


class InvalidPayment(Exception):
    """A payment that cannot be: no positive amount in whole cents, no channel transaction."""


class PaymentAlreadyRecorded(Exception):
    """The channel transaction stands in the books already; the message names the payment."""


class PaymentNotFound(Exception):
    """No such payment."""


class MakerIsChecker(Exception):
    """Who entered a payment may not confirm it."""


@dataclass(frozen=True, slots=True)
class Allocated:
    """The part of a payment that went to one bill, and what the bill became by it."""

    bill_id: int
    bill_number: str
    amount: Decimal
    bill_state: BillState


def record_payment(
    session: Session,
    *,
    shop_id: int,
    method: PaymentMethod,
    channel_transaction: str,
    amount: Decimal,
    received_at: datetime,
    entered_by: str,
) -> int:
    """A new PENDING payment in the mall's currency; returns its id.

    `channel_transaction` is the bank's or the cash book's own number: the same one of a method
    is entered once in a mall. Raises NotRegistered, InvalidPayment, PaymentAlreadyRecorded.
    """
    found = session.execute(
        sa.select(Shop.mall_id, Mall.currency).join(Shop.mall).where(Shop.id == shop_id)
    ).one_or_none()
    if found is None:
        raise NotRegistered(f"there is no shop {shop_id}")
    mall_id, currency = found
    if not amount.is_finite() or amount <= 0 or amount != round_cents(amount):
        raise InvalidPayment(f"a payment must be above 0 and in whole cents, not {amount}")
    transaction = channel_transaction.strip()
    if not transaction:
        raise InvalidPayment("a payment needs the number of its channel transaction")
    if received_at.tzinfo is None:
        raise InvalidPayment("the time a payment was received needs its time zone")
    payment_id = session.scalar(
        insert(Payment)
        .values(
            mall_id=mall_id,
            shop_id=shop_id,
            method=method,
            state=PaymentState.PENDING,
            channel_transaction=transaction,
            amount=amount,
            currency=currency,
            entered_by=entered_by,
            received_at=received_at,
        )
        .on_conflict_do_nothing(index_elements=["mall_id", "method", "channel_transaction"])
        .returning(Payment.id)
    )
    if payment_id is None:
        raise PaymentAlreadyRecorded(f"{method} {transaction} is entered already")
    return payment_id


def confirm_payment(
    session: Session, *, payment_id: int, confirmed_by: str, now: datetime
) -> tuple[Allocated, ...]:
    """Confirm a payment and settle the shop's bills with it, the oldest due first.

    What the allocations leave of the amount is the tenant's credit. The payment's row, then the
    shop's, then those of its bills are locked: of two confirmations at once one wins.
    Raises PaymentNotFound, MakerIsChecker, IllegalTransition (it is not PENDING any more).
    """
    payment = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        raise PaymentNotFound(f"there is no payment {payment_id}")
    if confirmed_by == payment.entered_by:
        raise MakerIsChecker(f"{confirmed_by} entered the payment and cannot confirm it")
    payment.state = advance_payment(payment.state, PaymentEvent.CONFIRM)
    payment.confirmed_by = confirmed_by
    payment.confirmed_at = now
    bills = _lock_owed_bills(session, payment)
    paid = _paid(session, bills.keys())
    shares = allocate(
        payment.amount,
        [
            OpenBill(bill.id, bill.due_date, bill.total_amount - paid.get(bill.id, ZERO))
            for bill in bills.values()
        ],
    )
    result = []
    for share in shares:
        bill = bills[share.bill_id]
        session.add(
            Allocation(
                payment_id=payment.id, bill_id=bill.id, amount=share.amount, allocated_at=now
            )
        )
        event = BillEvent.PAY_REST if share.is_settled else BillEvent.PAY_PART
        before, bill.state = bill.state, advance_bill(bill.state, event)
        session.add(
            BillEventRow(
                bill_id=bill.id,
                event=event,
                from_state=before,
                to_state=bill.state,
                actor=confirmed_by,
                occurred_at=now,
            )
        )
        result.append(Allocated(bill.id, bill.number, share.amount, bill.state))
    session.flush()
    return tuple(result)


def _lock_owed_bills(session: Session, payment: Payment) -> dict[int, Bill]:
    """The shop's owed bills in the payment's currency, locked until the transaction ends.

    The shop's row is locked first: without it, two payments of a shop could lock its bills in
    different orders while a new one appears.
    """
    session.execute(
        sa.select(Shop.id).where(Shop.id == payment.shop_id).with_for_update(key_share=True)
    )
    bills = session.scalars(
        sa.select(Bill)
        .where(
            Bill.shop_id == payment.shop_id,
            Bill.state.in_(OWED),
            Bill.currency == payment.currency,
        )
        .order_by(Bill.due_date, Bill.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {bill.id: bill for bill in bills}


def _paid(session: Session, bill_ids: Collection[int]) -> dict[int, Decimal]:
    rows = session.execute(
        sa.select(Allocation.bill_id, sa.func.sum(Allocation.amount))
        .where(Allocation.bill_id.in_(bill_ids))
        .group_by(Allocation.bill_id)
    )
    return {row[0]: row[1] for row in rows}
