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
    """What a reading measures, in the unit of UNIT_OF_METRIC; money in the mall's currency.

    A `_register` is what the dial shows, before ratio; a `_used` what was consumed in an
    interval. `declared_` figures are a till's own day summary: its transactions are reconciled
    with them, and they are never added to sales.
    """

    SALES = "sales"  # net of refunds and discounts, tax included
    TRANSACTIONS = "transactions"
    GROSS_SALES = "gross_sales"
    REFUNDS = "refunds"
    DISCOUNTS = "discounts"
    TAX = "tax"
    DECLARED_SALES = "declared_sales"
    DECLARED_TRANSACTIONS = "declared_transactions"
    FOOTFALL_IN = "footfall_in"
    FOOTFALL_OUT = "footfall_out"
    ELECTRICITY = "electricity_register"  # kWh on the dial, before ratio
    WATER = "water_register"  # m3 on the dial
    GAS = "gas_register"  # m3 on the dial
    ELECTRICITY_USED = "electricity_used"
    WATER_USED = "water_used"
    GAS_USED = "gas_used"
    TEMPERATURE = "temperature"
    HUMIDITY = "humidity"
    CARBON_DIOXIDE = "carbon_dioxide"


REGISTER_METRICS = frozenset({Metric.ELECTRICITY, Metric.WATER, Metric.GAS})
USED_METRICS = frozenset({Metric.ELECTRICITY_USED, Metric.WATER_USED, Metric.GAS_USED})
# What a sensor shows at a moment: an hour has a mean of them, no sum.
STATE_METRICS = frozenset({Metric.TEMPERATURE, Metric.HUMIDITY, Metric.CARBON_DIOXIDE})
DECLARED_METRICS = frozenset({Metric.DECLARED_SALES, Metric.DECLARED_TRANSACTIONS})

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
    DeviceKind.POS: SALES_METRICS | DECLARED_METRICS,
    DeviceKind.METER: REGISTER_METRICS | USED_METRICS,
    DeviceKind.ENVIRONMENT: STATE_METRICS,
    DeviceKind.OTHER: frozenset(Metric),
}

MONEY_METRICS = (SALES_METRICS | {Metric.DECLARED_SALES}) - {Metric.TRANSACTIONS}
COUNT_METRICS = frozenset(
    {
        Metric.TRANSACTIONS,
        Metric.DECLARED_TRANSACTIONS,
        Metric.FOOTFALL_IN,
        Metric.FOOTFALL_OUT,
    }
)

UNIT_OF_METRIC: dict[Metric, str] = {
    Metric.SALES: "CNY",
    Metric.TRANSACTIONS: "count",
    Metric.GROSS_SALES: "CNY",
    Metric.REFUNDS: "CNY",
    Metric.DISCOUNTS: "CNY",
    Metric.TAX: "CNY",
    Metric.DECLARED_SALES: "CNY",
    Metric.DECLARED_TRANSACTIONS: "count",
    Metric.FOOTFALL_IN: "count",
    Metric.FOOTFALL_OUT: "count",
    Metric.ELECTRICITY: "kWh",
    Metric.WATER: "m3",
    Metric.GAS: "m3",
    Metric.ELECTRICITY_USED: "kWh",
    Metric.WATER_USED: "m3",
    Metric.GAS_USED: "m3",
    Metric.TEMPERATURE: "Cel",
    Metric.HUMIDITY: "%",
    Metric.CARBON_DIOXIDE: "ppm",
}


class Quality(StrEnum):
    GOOD = "GOOD"
    ESTIMATED = "ESTIMATED"
    UNCERTAIN = "UNCERTAIN"  # clock skew beyond the limit: kept, never silently used


class Adapter(StrEnum):
    """Who speaks how: the language a device sends in, one module of services/adapters each.

    ATRIUM is our own public format, in which a device names itself by its code; in all others
    it is known by the serial and channel under which it is registered.
    """

    ATRIUM = "atrium"
    HIKVISION = "hikvision"
    AXIS = "axis"
    XOVIS = "xovis"
    MILESIGHT = "milesight"
    POSLOG = "poslog"
    TECHTRANS = "techtrans"
    SHOP_DAYS = "shop_days"
    NEM12 = "nem12"
    DSMR = "dsmr"
    GATEWAY = "gateway"
    AI_ON_THE_EDGE = "ai_on_the_edge"


class Feed(StrEnum):
    """A kind of file in the drop-box: inbox/<mall code>/<feed>/<name>.

    The first four are tables of ours (READINGS also as JSON); the others hold what a make of
    device writes, and are named like its adapter.
    """

    POS_DAYS = "pos_days"
    FOOTFALL_HOURS = "footfall_hours"
    METER_REGISTERS = "meter_registers"
    READINGS = "readings"
    HIKVISION = "hikvision"
    AXIS = "axis"
    XOVIS = "xovis"
    MILESIGHT = "milesight"
    POSLOG = "poslog"
    TECHTRANS = "techtrans"
    SHOP_DAYS = "shop_days"
    NEM12 = "nem12"
    DSMR = "dsmr"
    GATEWAY = "gateway"
    AI_ON_THE_EDGE = "ai_on_the_edge"

    @property
    def adapter(self) -> Adapter | None:
        """Who speaks in the file; None for tables of ours."""
        return Adapter(self.value) if self.value in _ADAPTERS else None


_ADAPTERS = frozenset(adapter.value for adapter in Adapter if adapter is not Adapter.ATRIUM)


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
