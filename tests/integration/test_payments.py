"""Payments entered, confirmed and spread over bills on real Postgres."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Barrier

import pytest
import sqlalchemy as sa
from owed_bills import make_bill, make_shop
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from domain.bills import BillState
from domain.payments import PaymentMethod, PaymentState
from domain.state_machines import IllegalTransition
from services.operations.malls import NotRegistered
from services.operations.payments import (
    Allocated,
    InvalidPayment,
    MakerIsChecker,
    PaymentAlreadyRecorded,
    PaymentNotFound,
    confirm_payment,
    record_payment,
)
from storage.database import transaction
from storage.models import Allocation, Bill, BillEvent, Payment

NOW = datetime(2026, 4, 10, 3, tzinfo=UTC)
D = Decimal


def record(session: Session, shop_id: int, amount: str, transaction_number: str = "TX-1") -> int:
    return record_payment(
        session,
        shop_id=shop_id,
        method=PaymentMethod.BANK_TRANSFER,
        channel_transaction=transaction_number,
        amount=D(amount),
        received_at=NOW,
        entered_by="clerk",
    )


def test_payment_settles_the_oldest_bill_first_and_advances_both(session: Session) -> None:
    contract = make_shop(session)
    april = make_bill(session, contract, month=4, due_date=date(2026, 5, 11), total="300.00")
    march = make_bill(session, contract, month=3, due_date=date(2026, 4, 11), total="200.00")
    payment_id = record(session, contract.shop_id, "250.00")
    allocated = confirm_payment(session, payment_id=payment_id, confirmed_by="head", now=NOW)
    assert allocated == (
        Allocated(march.id, "B202603-0001", D("200.00"), BillState.PAID),
        Allocated(april.id, "B202604-0001", D("50.00"), BillState.PARTIALLY_PAID),
    )
    payment = session.get_one(Payment, payment_id)
    assert (payment.state, payment.confirmed_by, payment.confirmed_at) == (
        PaymentState.CONFIRMED, "head", NOW,
    )  # fmt: skip
    rows = session.scalars(sa.select(BillEvent).order_by(BillEvent.id))
    assert [(row.bill_id, row.event, row.to_state, row.actor) for row in rows] == [
        (march.id, "PAY_REST", BillState.PAID, "head"),
        (april.id, "PAY_PART", BillState.PARTIALLY_PAID, "head"),
    ]


def test_second_payment_settles_what_the_first_left_and_leaves_a_credit(session: Session) -> None:
    contract = make_shop(session)
    bill = make_bill(session, contract, month=3, due_date=date(2026, 4, 11), total="100.00")
    first = record(session, contract.shop_id, "30.00", "TX-1")
    second = record(session, contract.shop_id, "90.00", "TX-2")
    confirm_payment(session, payment_id=first, confirmed_by="head", now=NOW)
    (rest,) = confirm_payment(session, payment_id=second, confirmed_by="head", now=NOW)
    assert rest == Allocated(bill.id, bill.number, D("70.00"), BillState.PAID)
    third = record(session, contract.shop_id, "5.00", "TX-3")
    assert confirm_payment(session, payment_id=third, confirmed_by="head", now=NOW) == ()


def test_bills_that_are_not_owed_take_no_money(session: Session) -> None:
    contract = make_shop(session)
    for month, state in ((1, BillState.DRAFT), (2, BillState.VOID), (3, BillState.PAID)):
        make_bill(
            session, contract, month=month, due_date=date(2026, 4, 11), total="9.00", state=state
        )
    payment_id = record(session, contract.shop_id, "9.00")
    assert confirm_payment(session, payment_id=payment_id, confirmed_by="head", now=NOW) == ()


def test_bills_of_another_shop_take_no_money(session: Session) -> None:
    owing = make_shop(session, mall_code="ONE")
    paying = make_shop(session, mall_code="TWO")
    make_bill(session, owing, month=3, due_date=date(2026, 4, 11), total="100.00")
    payment_id = record(session, paying.shop_id, "100.00")
    assert confirm_payment(session, payment_id=payment_id, confirmed_by="head", now=NOW) == ()


def test_who_entered_a_payment_cannot_confirm_it(session: Session) -> None:
    contract = make_shop(session)
    payment_id = record(session, contract.shop_id, "10.00")
    with pytest.raises(MakerIsChecker, match="clerk"):
        confirm_payment(session, payment_id=payment_id, confirmed_by="clerk", now=NOW)
    with pytest.raises(IntegrityError, match="maker_is_not_checker"), session.begin_nested():
        session.execute(sa.update(Payment).values(confirmed_by="clerk"))


def test_payment_is_confirmed_once(session: Session) -> None:
    contract = make_shop(session)
    payment_id = record(session, contract.shop_id, "10.00")
    confirm_payment(session, payment_id=payment_id, confirmed_by="head", now=NOW)
    with pytest.raises(IllegalTransition):
        confirm_payment(session, payment_id=payment_id, confirmed_by="head", now=NOW)
    with pytest.raises(PaymentNotFound):
        confirm_payment(session, payment_id=0, confirmed_by="head", now=NOW)


def test_channel_transaction_is_entered_once(session: Session) -> None:
    contract = make_shop(session)
    record(session, contract.shop_id, "10.00", "TX-1")
    with pytest.raises(PaymentAlreadyRecorded, match="TX-1"):
        record(session, contract.shop_id, "10.00", " TX-1 ")


@pytest.mark.parametrize("amount", ["0", "-1.00", "0.001", "NaN", "Infinity"])
def test_amount_that_cannot_be_paid_is_refused(session: Session, amount: str) -> None:
    contract = make_shop(session)
    with pytest.raises(InvalidPayment, match="whole cents"):
        record(session, contract.shop_id, amount)


def test_payment_needs_a_transaction_a_shop_and_a_time_zone(session: Session) -> None:
    contract = make_shop(session)
    with pytest.raises(InvalidPayment, match="channel transaction"):
        record(session, contract.shop_id, "1.00", " ")
    with pytest.raises(NotRegistered):
        record(session, 0, "1.00")
    with pytest.raises(InvalidPayment, match="time zone"):
        record_payment(
            session,
            shop_id=contract.shop_id,
            method=PaymentMethod.CASH,
            channel_transaction="1",
            amount=D("1.00"),
            received_at=NOW.replace(tzinfo=None),
            entered_by="clerk",
        )


def at_once(work: list[Callable[[], object]]) -> list[object]:
    """Results or exceptions of all `work`, started at the same moment."""
    barrier = Barrier(len(work))

    def run(one: Callable[[], object]) -> object:
        barrier.wait(10)
        try:
            return one()
        except IllegalTransition as error:
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def test_of_two_confirmations_at_once_one_wins(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        contract = make_shop(session)
        make_bill(session, contract, month=3, due_date=date(2026, 4, 11), total="100.00")
        payment_id = record(session, contract.shop_id, "100.00")

    def confirm() -> object:
        with transaction(engine) as session:
            return confirm_payment(session, payment_id=payment_id, confirmed_by="head", now=NOW)

    results = at_once([confirm] * 4)
    assert sum(isinstance(result, IllegalTransition) for result in results) == 3
    with transaction(engine) as session:
        assert session.scalars(sa.select(Allocation.amount)).all() == [D("100.00")]


def test_payments_of_one_shop_confirmed_at_once_never_settle_a_bill_twice(
    engine: sa.Engine,
) -> None:
    with transaction(engine) as session:
        contract = make_shop(session)
        for month in (1, 2, 3):
            make_bill(session, contract, month=month, due_date=date(2026, 4, 11), total="100.00")
        payments = [record(session, contract.shop_id, "80.00", f"TX-{n}") for n in range(6)]

    def confirm(payment_id: int) -> Callable[[], object]:
        def run() -> object:
            with transaction(engine) as session:
                return confirm_payment(session, payment_id=payment_id, confirmed_by="head", now=NOW)

        return run

    at_once([confirm(payment_id) for payment_id in payments])
    with transaction(engine) as session:
        by_bill = session.execute(
            sa.select(Allocation.bill_id, sa.func.sum(Allocation.amount)).group_by(
                Allocation.bill_id
            )
        )
        assert [amount for _, amount in by_bill] == [D("100.00")] * 3
        assert set(session.scalars(sa.select(Bill.state))) == {BillState.PAID}
        assert set(session.scalars(sa.select(Payment.state))) == {PaymentState.CONFIRMED}
