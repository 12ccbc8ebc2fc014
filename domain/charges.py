"""What is charged and how a clause prices it."""

from enum import StrEnum


class ChargeType(StrEnum):
    RENT = "RENT"
    TURNOVER_RENT = "TURNOVER_RENT"
    PROPERTY_FEE = "PROPERTY_FEE"
    ELECTRICITY = "ELECTRICITY"
    WATER = "WATER"
    GAS = "GAS"
    LATE_FEE = "LATE_FEE"
    DEPOSIT = "DEPOSIT"
    OTHER = "OTHER"


# The order in which bills and papers list charges. Rent comes first: a natural breakpoint is made
# of the rent lines.
CHARGE_ORDER = {charge: at for at, charge in enumerate(ChargeType)}


class PricingKind(StrEnum):
    FIXED_MONTHLY = "FIXED_MONTHLY"
    PER_AREA_MONTH = "PER_AREA_MONTH"
    PER_AREA_DAY = "PER_AREA_DAY"
    PERCENTAGE = "PERCENTAGE"
    METERED = "METERED"
    ONE_OFF = "ONE_OFF"


class Proration(StrEnum):
    ACTUAL = "ACTUAL"
    THIRTY_360 = "THIRTY_360"
    DAYS_365 = "DAYS_365"


class TariffKind(StrEnum):
    FLAT = "FLAT"
    TIME_OF_USE = "TIME_OF_USE"
    TIERED = "TIERED"
