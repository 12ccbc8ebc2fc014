"""Devices, feeds and what they measure; the life of a device's key."""

from datetime import datetime, timedelta
from enum import StrEnum


class DeviceKind(StrEnum):
    FOOTFALL = "FOOTFALL"
    POS = "POS"
    METER = "METER"
    ENVIRONMENT = "ENVIRONMENT"
    OTHER = "OTHER"


class DeviceStatus(StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    MAINTENANCE = "MAINTENANCE"


class FeedKind(StrEnum):
    """How a device counts; one kind per device and metric is used."""

    INTERVAL = "INTERVAL"
    CUMULATIVE = "CUMULATIVE"
    EVENT = "EVENT"


class Metric(StrEnum):
    """What a reading measures. Units: MONEY in the mall's currency, COUNT, KWH, M3, CELSIUS."""

    SALES = "sales"  # net of refunds and discounts, tax included
    TRANSACTIONS = "transactions"
    GROSS_SALES = "gross_sales"
    REFUNDS = "refunds"
    DISCOUNTS = "discounts"
    TAX = "tax"
    FOOTFALL_IN = "footfall_in"
    FOOTFALL_OUT = "footfall_out"
    ELECTRICITY = "electricity_register"  # kWh on the dial, before ratio
    WATER = "water_register"  # m3 on the dial
    GAS = "gas_register"  # m3 on the dial
    TEMPERATURE = "temperature"


REGISTER_METRICS = frozenset({Metric.ELECTRICITY, Metric.WATER, Metric.GAS})

SALES_METRICS = frozenset(
    {
        Metric.SALES,
        Metric.TRANSACTIONS,
        Metric.GROSS_SALES,
        Metric.REFUNDS,
        Metric.DISCOUNTS,
        Metric.TAX,
    }
)

METRICS_OF_KIND: dict[DeviceKind, frozenset[Metric]] = {
    DeviceKind.FOOTFALL: frozenset({Metric.FOOTFALL_IN, Metric.FOOTFALL_OUT}),
    DeviceKind.POS: SALES_METRICS,
    DeviceKind.METER: REGISTER_METRICS,
    DeviceKind.ENVIRONMENT: frozenset({Metric.TEMPERATURE}),
    DeviceKind.OTHER: frozenset(Metric),
}

MONEY_METRICS = SALES_METRICS - {Metric.TRANSACTIONS}
COUNT_METRICS = frozenset({Metric.TRANSACTIONS, Metric.FOOTFALL_IN, Metric.FOOTFALL_OUT})

UNIT_OF_METRIC: dict[Metric, str] = {
    Metric.SALES: "CNY",
    Metric.TRANSACTIONS: "count",
    Metric.GROSS_SALES: "CNY",
    Metric.REFUNDS: "CNY",
    Metric.DISCOUNTS: "CNY",
    Metric.TAX: "CNY",
    Metric.FOOTFALL_IN: "count",
    Metric.FOOTFALL_OUT: "count",
    Metric.ELECTRICITY: "kWh",
    Metric.WATER: "m3",
    Metric.GAS: "m3",
    Metric.TEMPERATURE: "Cel",
}


class Quality(StrEnum):
    GOOD = "GOOD"
    ESTIMATED = "ESTIMATED"
    UNCERTAIN = "UNCERTAIN"  # clock skew beyond the limit: kept, never silently used


class Feed(StrEnum):
    """A kind of file in the drop-box: inbox/<mall code>/<feed>/<name>."""

    POS_DAYS = "pos_days"
    FOOTFALL_HOURS = "footfall_hours"
    METER_REGISTERS = "meter_registers"


# A key that nobody used for so long is worth a question.
STALE_KEY = timedelta(days=30)


class KeyState(StrEnum):
    """CLOSING: replaced, and open until the overlap ends."""

    OPEN = "OPEN"
    CLOSING = "CLOSING"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


def key_state(revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> KeyState:
    """OPEN and CLOSING keys open something at `now`."""
    if revoked_at is not None and revoked_at <= now:
        return KeyState.REVOKED
    if expires_at is not None and expires_at <= now:
        return KeyState.EXPIRED
    return KeyState.OPEN if revoked_at is None else KeyState.CLOSING
