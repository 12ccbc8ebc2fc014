"""Which bills a payment settles.

Belongs here: the order in which money is spread over what is owed. Not here: locks and rows
(services).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.money import ZERO


@dataclass(frozen=True, slots=True)
class OpenBill:
    """A bill that is owed: `outstanding` = total less what was allocated to it."""

    bill_id: int
    due_date: date
    outstanding: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a payment that goes to one bill; `is_settled`: nothing of it is open now."""

    bill_id: int
    amount: Decimal
    is_settled: bool


def allocate(amount: Decimal, bills: Iterable[OpenBill]) -> tuple[Share, ...]:
    """Spread `amount` over `bills`, the oldest due first, equal due dates by id.

    What is left after the last bill is the tenant's credit: amount - the sum of the shares.
    Raises ValueError when `amount` is not positive.
    """
    if amount <= 0:
        raise ValueError(f"a payment of {amount} settles nothing")
    shares = []
    left = amount
    for bill in sorted(bills, key=lambda bill: (bill.due_date, bill.bill_id)):
        if bill.outstanding <= ZERO:
            continue
        if left == ZERO:
            break
        part = min(left, bill.outstanding)
        shares.append(Share(bill.bill_id, part, part == bill.outstanding))
        left -= part
    return tuple(shares)
