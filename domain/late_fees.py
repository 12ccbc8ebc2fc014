"""The late fee: a function of a bill's ledger and an as-of date, so it survives part payments."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from domain.money import ZERO, round_cents


def late_fee(
    amount: Decimal,
    *,
    due_date: date,
    payments: Iterable[tuple[date, Decimal]],
    as_of: date,
    daily_rate: Decimal,
    grace_days: int = 0,
    cap: Decimal | None = None,
) -> Decimal:
    """Simple interest: sum over the days after due + grace of outstanding(day) x daily rate.

    A day on which money arrives still counts in full; from the next day on less is
    outstanding. `cap` bounds the fee. Half up to 0.01, once.
    """
    total = ZERO
    outstanding = amount
    start = due_date + timedelta(days=grace_days)  # the last day that costs nothing
    for day, paid in sorted(payments):
        until = min(day, as_of)
        if until > start:
            total += max(outstanding, ZERO) * (until - start).days
            start = until
        if day > as_of:
            break
        outstanding -= paid
    if as_of > start:
        total += max(outstanding, ZERO) * (as_of - start).days
    fee = total * daily_rate
    return round_cents(fee if cap is None else min(fee, cap))
