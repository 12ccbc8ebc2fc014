"""What a register's values say was consumed.

Belongs here: differences of dial readings over rollovers and replacements. What a unit of it
costs belongs to `domain.tariffs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.money import ONE, ZERO

NEAR_MODULUS = Decimal("0.9")


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
