"""Figures of leases as a whole: straight-line rent and the weighted remaining term."""

from collections.abc import Sequence
from decimal import Decimal

from domain.money import ZERO, round_cents


def straight_line(steps: Sequence[tuple[Decimal, int]]) -> Decimal:
    """The even monthly rent of a lease: sum of (monthly rent x months) / all months.

    Rent-free months are a step of 0. Raises ValueError for a lease without months.
    """
    months = sum(count for _, count in steps)
    if months <= 0:
        raise ValueError("a lease has at least one month")
    return round_cents(sum((rent * count for rent, count in steps), ZERO) / months)


def weighted_average_lease_expiry(
    leases: Sequence[tuple[Decimal, Decimal]],
) -> Decimal | None:
    """WALE: sum of (weight x remaining term) / sum of weights, in the unit of the terms.

    The weight is area or rent; the report states which. None when nothing is let.
    """
    weights = sum((weight for weight, _ in leases), ZERO)
    if not weights:
        return None
    return sum((weight * term for weight, term in leases), ZERO) / weights
