"""A payment spreads over what is owed, the oldest due first, and no cent is lost."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.allocations import OpenBill, Share, allocate

D = Decimal
MARCH, APRIL = date(2026, 3, 11), date(2026, 4, 11)


def test_oldest_due_bill_is_settled_first() -> None:
    bills = [OpenBill(1, APRIL, D("300.00")), OpenBill(2, MARCH, D("200.00"))]
    assert allocate(D("250.00"), bills) == (
        Share(2, D("200.00"), True),
        Share(1, D("50.00"), False),
    )


def test_bills_due_on_one_day_are_settled_by_id() -> None:
    bills = [OpenBill(9, MARCH, D("1.00")), OpenBill(3, MARCH, D("1.00"))]
    assert [share.bill_id for share in allocate(D("2.00"), bills)] == [3, 9]


def test_what_is_left_after_the_last_bill_is_not_allocated() -> None:
    assert allocate(D("500.00"), [OpenBill(1, MARCH, D("120.10"))]) == (
        Share(1, D("120.10"), True),
    )
    assert allocate(D("500.00"), []) == ()


def test_bill_with_nothing_open_takes_nothing() -> None:
    bills = [OpenBill(1, MARCH, D("0.00")), OpenBill(2, MARCH, D("-5.00"))]
    assert allocate(D("10.00"), bills) == ()


@pytest.mark.parametrize("amount", [D("0.00"), D("-1.00")])
def test_payment_of_nothing_is_refused(amount: Decimal) -> None:
    with pytest.raises(ValueError, match="settles nothing"):
        allocate(amount, [])


cents = st.integers(1, 10_000_00).map(lambda number: D(number) / 100)


@given(
    amounts=st.lists(cents, min_size=1, max_size=6),
    owed=st.lists(st.tuples(st.integers(0, 3), cents), max_size=6),
)
def test_payments_one_after_another_settle_what_one_payment_of_their_sum_does(
    amounts: list[Decimal], owed: list[tuple[int, Decimal]]
) -> None:
    bills = [
        OpenBill(number, MARCH + timedelta(days=days), amount)
        for number, (days, amount) in enumerate(owed)
    ]
    paid = dict.fromkeys(range(len(bills)), D(0))
    credit = D(0)
    for amount in amounts:
        open_bills = [
            OpenBill(bill.bill_id, bill.due_date, bill.outstanding - paid[bill.bill_id])
            for bill in bills
        ]
        shares = allocate(amount, open_bills)
        for share in shares:
            paid[share.bill_id] += share.amount
            assert share.is_settled is (paid[share.bill_id] == bills[share.bill_id].outstanding)
        credit += amount - sum(share.amount for share in shares)
    at_once = {share.bill_id: share.amount for share in allocate(sum(amounts, D(0)), bills)}
    assert {number: part for number, part in paid.items() if part} == at_once
    assert credit + sum(paid.values()) == sum(amounts)
    assert credit == max(D(0), sum(amounts) - sum(bill.outstanding for bill in bills))
