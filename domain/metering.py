"""What a register's values say was consumed.

Belongs here: differences of dial readings over rollovers and replacements, and what the dial
showed between two of them. What a unit of it costs belongs to `domain.tariffs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from domain.money import ONE, ZERO

NEAR_MODULUS = Decimal("0.9")
DIAL_STEP = Decimal("0.000001")
MICROSECOND = timedelta(microseconds=1)


class MeterError(ValueError):
    """The register values cannot be a consumption."""


def consumption(
    previous: Decimal,
    current: Decimal,
    *,
    modulus: Decimal | None = None,
    plausible_maximum: Decimal | None = None,
) -> Decimal:
    """Dial units between two readings of one register.

    A lower current value is a rollover only if the previous one stood above 90 % of the
    modulus and the difference over it is plausible; else the register ran backwards or was
    misread, and MeterError is raised.
    """
    delta = current - previous
    if delta >= 0:
        return delta
    if modulus is None or previous <= modulus * NEAR_MODULUS:
        raise MeterError(f"the register fell from {previous} to {current} without a rollover")
    delta += modulus
    if plausible_maximum is not None and delta > plausible_maximum:
        raise MeterError(
            f"a rollover from {previous} to {current} would be {delta}, "
            f"more than the plausible {plausible_maximum}"
        )
    return delta


@dataclass(frozen=True, slots=True)
class RegisterSegment:
    """One register from an opening to a closing value; a replacement ends one, begins the next."""

    opening: Decimal
    closing: Decimal
    modulus: Decimal | None = None
    ratio: Decimal = ONE


def segments_consumption(segments: Sequence[RegisterSegment]) -> Decimal:
    """Billed units: sum of each segment's dial units times its ratio (CT/PT)."""
    return sum(
        (
            consumption(segment.opening, segment.closing, modulus=segment.modulus) * segment.ratio
            for segment in segments
        ),
        ZERO,
    )


def interpolated(
    before: tuple[datetime, Decimal], after: tuple[datetime, Decimal], at: datetime
) -> Decimal:
    """What a dial showed at `at`, had it run evenly from one reading to the next, to six
    decimals; so the steps between points of it add up to what the readings say.

    Raises MeterError when `at` does not lie between them or the register fell.
    """
    (since, low), (until, high) = before, after
    if not since <= at <= until or since == until:
        raise MeterError(f"{at} does not lie between the readings of {since} and {until}")
    if high < low:
        raise MeterError(f"the register fell from {low} to {high}")
    # In whole microseconds: a float of seconds would not be exact.
    part, whole = ((moment - since) // MICROSECOND for moment in (at, until))
    share = (high - low) * part / whole
    return (low + share).quantize(DIAL_STEP, ROUND_HALF_UP)
