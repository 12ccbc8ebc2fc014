"""Rent that follows an index."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from domain.money import CENT, ONE

# A rate per square metre is smaller than an amount and multiplied by an area: four decimals.
RATE_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Indexation:
    """The new amount with both index values it came from, so that it can be shown and checked."""

    old: Decimal
    new: Decimal
    reference_index: Decimal
    current_index: Decimal
    applied: Decimal


def index_amount(
    old: Decimal,
    *,
    reference_index: Decimal,
    current_index: Decimal,
    floor: Decimal | None = None,
    cap: Decimal | None = None,
    step: Decimal = CENT,
) -> Indexation:
    """new = old x clamp(current / reference, 1 + floor, 1 + cap), half up to `step`: 0.01 for an
    amount, RATE_STEP for a rate.

    `floor` and `cap` are changes, such as 0.03 for 3 %. Raises ValueError for an index that is
    not positive or a floor above the cap.
    """
    if reference_index <= 0 or current_index <= 0:
        raise ValueError("an index value must be positive")
    if floor is not None and cap is not None and floor > cap:
        raise ValueError(f"the floor {floor} is above the cap {cap}")
    applied = current_index / reference_index
    if floor is not None:
        applied = max(applied, ONE + floor)
    if cap is not None:
        applied = min(applied, ONE + cap)
    new = (old * applied).quantize(step, ROUND_HALF_UP)
    return Indexation(old, new, reference_index, current_index, applied)
