"""The deposit of a lease (保证金): a liability ledger of its own, never revenue.

Belongs here: what moves a deposit and which way. Not here: the bills (`domain.bills`).
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from domain.money import ZERO


class DepositKind(StrEnum):
    RECEIVED = "RECEIVED"
    TRANSFERRED_IN = "TRANSFERRED_IN"  # carried from the lease before
    TRANSFERRED_OUT = "TRANSFERRED_OUT"  # carried to the lease that follows
    DEDUCTED = "DEDUCTED"  # kept for what the shop owes
    REFUNDED = "REFUNDED"


# What raises the balance; everything else lowers it.
INWARD = frozenset({DepositKind.RECEIVED, DepositKind.TRANSFERRED_IN})


def signed(kind: DepositKind, amount: Decimal) -> Decimal:
    """The amount as it stands in the ledger. Raises ValueError unless `amount` is above 0."""
    if amount <= 0:
        raise ValueError(f"a movement of a deposit has an amount above 0, not {amount}")
    return amount if kind in INWARD else -amount


def balance(amounts: Iterable[Decimal]) -> Decimal:
    """What the mall owes back, from the ledger's signed amounts."""
    return sum(amounts, ZERO)
