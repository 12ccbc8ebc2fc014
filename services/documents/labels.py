"""The domain's enums and units in words, for papers."""

from collections.abc import Callable

from domain.charges import ChargeType
from services.language import marked

CHARGE_NAMES: dict[ChargeType, str] = {
    ChargeType.RENT: marked("Rent"),
    ChargeType.TURNOVER_RENT: marked("Turnover rent"),
    ChargeType.PROPERTY_FEE: marked("Property fee"),
    ChargeType.ELECTRICITY: marked("Electricity"),
    ChargeType.WATER: marked("Water"),
    ChargeType.GAS: marked("Gas"),
    ChargeType.LATE_FEE: marked("Late fee"),
    ChargeType.DEPOSIT: marked("Deposit"),
    ChargeType.OTHER: marked("Other charge"),
}

# Signs of units are the same in every language; only these have words.
UNIT_NAMES: dict[str, str] = {
    "month": marked("month"),
    "months": marked("months"),
    "day": marked("day"),
    "days": marked("days"),
    "m2": "㎡",
    "m²": "㎡",
    "m2*month": marked("㎡·month"),
    "m2*day": marked("㎡·day"),
    "m3": "m³",
    "item": marked("item"),
}


def unit_sign(unit: str, translate: Callable[[str], str]) -> str:
    """A stored unit as a reader writes it; one without a name of its own is already a sign."""
    return translate(UNIT_NAMES[unit]) if unit in UNIT_NAMES else unit
