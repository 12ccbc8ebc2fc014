"""Usage priced by a tariff.

quantity = sum over meters (dial units x ratio) x (1 + loss); priced flat, by time of use or in
tiers with the tariff in force on the days of use. What a meter used in part of a month is its
register difference in proportion to the hours of that part: registers say how much, hours when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from domain.calendar import MILLIONTH, Period
from domain.charges import ChargeType
from domain.clauses import Metered
from domain.money import ONE, ZERO, round_cents, split
from domain.pricing.priced import Operands, Priced, operand, text, value_of
from domain.tariffs import Flat, Tariff, Tiered, TimeOfUse, marginal

FLAT = "metered_flat"
TIME_OF_USE = "metered_time_of_use"
TIERED = "metered_tiered"


@dataclass(frozen=True, slots=True)
class HourUse:
    """Dial units used in one hour of the local day (0 to 23) of a business date; `estimated` of
    them were not measured.
    """

    business_date: date
    hour: int
    consumption: Decimal
    estimated: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """What one meter counted in a month, in dial units, over rollovers and replacements.

    `hours` are there only where days or hours of use matter. A register that is None was not
    received, or there is none: the meter sends what was used in intervals (`has_dial` false).
    `anomalies` counts steps of the register that went back or too far; `estimated` dial units of
    the consumption were not measured.
    """

    device_id: int
    device_code: str
    charge_type: ChargeType
    unit: str
    opening_register: Decimal | None
    opening_at: datetime | None
    closing_register: Decimal | None
    closing_at: datetime | None
    consumption: Decimal | None
    ratio: Decimal
    rollovers: int
    hours_expected: int
    hours_received: int
    anomalies: int = 0
    hours: tuple[HourUse, ...] = ()
    estimated: Decimal = ZERO
    has_dial: bool = True


def used_in(usage: MeterUsage, span: Period, month: Period) -> Decimal | None:
    """Dial units used on the days of `span`; None where registers or hours do not tell.

    Cut from the month's consumption as slices that add up, like shares of a month.
    """
    if usage.consumption is None or span.contains(month):
        return usage.consumption
    whole = sum((hour.consumption for hour in usage.hours), ZERO)
    if not whole:
        return None if usage.consumption else ZERO

    def until(day: date, *, included: bool) -> Decimal:
        part = sum(
            (
                hour.consumption
                for hour in usage.hours
                if hour.business_date < day or (included and hour.business_date == day)
            ),
            ZERO,
        )
        share = (usage.consumption or ZERO) * part / whole
        return share.quantize(MILLIONTH, ROUND_HALF_UP)

    return until(span.last, included=True) - until(span.first, included=False)


def estimated_in(usage: MeterUsage, span: Period, month: Period) -> Decimal:
    """How many of the dial units that `used_in` finds in `span` are estimated.

    Cut from the month's in the proportion of the hours, as what was used is.
    """
    if span.contains(month) or not usage.estimated:
        return usage.estimated
    whole = sum((hour.estimated for hour in usage.hours), ZERO)
    if not whole:
        return ZERO
    part = sum(
        (hour.estimated for hour in usage.hours if span.first <= hour.business_date <= span.last),
        ZERO,
    )
    return (usage.estimated * part / whole).quantize(MILLIONTH, ROUND_HALF_UP)


def used_in_bands(
    usage: MeterUsage, used: Decimal, span: Period, prices: TimeOfUse
) -> tuple[Decimal, ...] | None:
    """`used` dial units of `span` by band, in proportion to its hours; None without hours."""
    band_of = {hour: at for at, band in enumerate(prices.bands) for hour in band.hours}
    weights = [ZERO] * len(prices.bands)
    for hour in usage.hours:
        if span.first <= hour.business_date <= span.last:
            weights[band_of[hour.hour]] += hour.consumption
    if not used:
        return (ZERO,) * len(weights)
    if sum(weights) <= 0:
        return None
    return split(used.quantize(MILLIONTH, ROUND_HALF_UP), weights, step=MILLIONTH)


def is_known(usage: MeterUsage, tariff: Tariff, span: Period, month: Period) -> bool:
    """Whether this meter's use of `span` can be priced by `tariff`."""
    used = used_in(usage, span, month)
    if used is None:
        return False
    prices = tariff.prices
    return not isinstance(prices, TimeOfUse) or used_in_bands(usage, used, span, prices) is not None


def price(
    terms: Metered,
    tariff: Tariff,
    usages: Sequence[MeterUsage],
    *,
    span: Period,
    month: Period,
    currency: str,
) -> Priced | None:
    """The charge of all meters of one kind on `span`; None where usage is not known."""
    used: list[Decimal] = []
    for usage in usages:
        amount = used_in(usage, span, month)
        if amount is None:
            return None
        used.append(amount)
    if not used:
        return None
    unit = usages[0].unit
    operands: Operands = {
        "meters": [
            _meter(usage, amount, unit, estimated_in(usage, span, month))
            for usage, amount in zip(usages, used, strict=True)
        ],
        "loss": operand(terms.loss, "1"),
    }
    quantity = _quantity(
        [(amount, usage.ratio) for usage, amount in zip(usages, used, strict=True)], terms.loss
    )
    prices = tariff.prices
    if isinstance(prices, Flat):
        operands["price"] = operand(prices.price, f"{currency}/{unit}")
        formula, total = FLAT, _flat(quantity, prices.price)
    elif isinstance(prices, Tiered):
        part = f"{span.days}/{month.days}"
        operands["share"] = {"value": part, "unit": "month"}
        operands["tiers"] = [
            {
                "up_to": None if tier.up_to is None else text(tier.up_to),
                "price": text(tier.price),
            }
            for tier in prices.tiers
        ]
        tiers = [(tier.up_to, tier.price) for tier in prices.tiers]
        formula, total = TIERED, _tiered(quantity, tiers, part)
    else:
        bands = _bands(usages, used, span, prices)
        if bands is None:
            return None
        operands["bands"] = [
            {
                "name": band.name,
                "from_hour": band.from_hour,
                "to_hour": band.to_hour,
                "consumption": operand(amount, unit),
                "price": text(band.price),
            }
            for band, amount in zip(prices.bands, bands, strict=True)
        ]
        priced = [(amount, band.price) for band, amount in zip(prices.bands, bands, strict=True)]
        formula, total = TIME_OF_USE, _time_of_use(priced, terms.loss)
    return Priced(total, quantity, unit, formula, operands)


def _meter(usage: MeterUsage, used: Decimal, unit: str, estimated: Decimal) -> dict[str, Any]:
    """What one meter adds, in dial units; `estimated` stands there only when any is."""
    meter: dict[str, Any] = {
        "device": usage.device_code,
        "consumption": operand(used, unit),
        "ratio": text(usage.ratio),
    }
    if estimated:
        meter["estimated"] = operand(estimated, unit)
    return meter


def _bands(
    usages: Sequence[MeterUsage], used: Sequence[Decimal], span: Period, prices: TimeOfUse
) -> list[Decimal] | None:
    """Billed units (dial units x ratio) of all meters by band."""
    totals = [ZERO] * len(prices.bands)
    for usage, amount in zip(usages, used, strict=True):
        shares = used_in_bands(usage, amount, span, prices)
        if shares is None:
            return None
        for at, part in enumerate(shares):
            totals[at] += part * usage.ratio
    return totals


def _quantity(meters: Sequence[tuple[Decimal, Decimal]], loss: Decimal) -> Decimal:
    return sum((used * ratio for used, ratio in meters), ZERO) * (ONE + loss)


def _flat(quantity: Decimal, price: Decimal) -> Decimal:
    return round_cents(quantity * price)


def _tiered(
    quantity: Decimal, tiers: Sequence[tuple[Decimal | None, Decimal]], share: str
) -> Decimal:
    """Bounds are those of a whole month and shrink with the days of use."""
    days, of_days = (Decimal(part) for part in share.split("/"))
    scaled = [(None if up_to is None else up_to * days / of_days, price) for up_to, price in tiers]
    return round_cents(marginal(quantity, scaled))


def _time_of_use(bands: Sequence[tuple[Decimal, Decimal]], loss: Decimal) -> Decimal:
    return round_cents(sum((used * price for used, price in bands), ZERO) * (ONE + loss))


def _stored_quantity(operands: Mapping[str, Any]) -> Decimal:
    meters = [
        (value_of(meter, "consumption"), Decimal(meter["ratio"])) for meter in operands["meters"]
    ]
    return _quantity(meters, value_of(operands, "loss"))


def recompute_flat(operands: Mapping[str, Any]) -> Decimal:
    return _flat(_stored_quantity(operands), value_of(operands, "price"))


def recompute_tiered(operands: Mapping[str, Any]) -> Decimal:
    tiers = [
        (None if tier["up_to"] is None else Decimal(tier["up_to"]), Decimal(tier["price"]))
        for tier in operands["tiers"]
    ]
    return _tiered(_stored_quantity(operands), tiers, operands["share"]["value"])


def recompute_time_of_use(operands: Mapping[str, Any]) -> Decimal:
    bands = [(value_of(band, "consumption"), Decimal(band["price"])) for band in operands["bands"]]
    return _time_of_use(bands, value_of(operands, "loss"))
