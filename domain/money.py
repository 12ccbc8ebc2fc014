"""Amounts of money: rounding, splitting and tax. Decimal only, never float.

Belongs here: arithmetic that is the same for every charge. What is charged and why belongs to
`domain.pricing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

CENT = Decimal("0.01")
ZERO = Decimal(0)
ONE = Decimal(1)

# 28 digits hold any amount of money times any day count or rate exactly enough to round once:
# a quotient that is not a tie differs from one far before the last digit. Computations that
# must give the same bytes everywhere run inside this context, not in the caller's.
MONEY_CONTEXT = Context(prec=28, rounding=ROUND_HALF_UP)


def round_cents(amount: Decimal) -> Decimal:
    """Half up to 0.01; halves go away from zero, so that a credit mirrors its charge."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def split(
    amount: Decimal, weights: Sequence[Decimal | int], *, step: Decimal = CENT
) -> tuple[Decimal, ...]:
    """Shares of `amount` in proportion to `weights`, in multiples of `step`; their sum is `amount`.

    Largest-remainder rule: every share is rounded down, and the steps left over go one each to
    the largest remainders, the earlier share first where remainders are equal.

    Raises ValueError when a weight is negative, all are zero, or `amount` is no multiple of `step`.
    """
    total = sum(weights, ZERO)
    if total <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("shares need weights of which none is negative and one is positive")
    if amount % step:
        raise ValueError(f"{amount} is not a multiple of {step}")
    sign = -1 if amount < 0 else 1
    steps = abs(amount) / step
    exact = [steps * weight / total for weight in weights]
    shares = [share.to_integral_value(ROUND_FLOOR) for share in exact]
    left = int(steps - sum(shares, ZERO))
    by_remainder = sorted(range(len(shares)), key=lambda at: (shares[at] - exact[at], at))
    for at in by_remainder[:left]:
        shares[at] += 1
    return tuple(sign * share * step for share in shares)


@dataclass(frozen=True, slots=True)
class Taxed:
    """An amount with its tax; `total` = `net` + `tax`, each in whole cents."""

    net: Decimal
    tax: Decimal
    total: Decimal


def with_tax(amount: Decimal, rate: Decimal, *, inclusive: bool) -> Taxed:
    """Tax on (exclusive) or inside (inclusive) an amount of whole cents.

    Exclusive: tax = net x rate. Inclusive: net = total / (1 + rate), tax is the rest, so that
    what was agreed as the total stays the total to the cent.
    """
    if inclusive:
        net = round_cents(amount / (ONE + rate))
        return Taxed(net, amount - net, amount)
    tax = round_cents(amount * rate)
    return Taxed(amount, tax, amount + tax)
