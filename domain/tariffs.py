"""Price lists for metered charges: flat, by time of use, tiered.

Belongs here: the shape of `tariffs.parameters` and the arithmetic of each kind. Which usage is
priced by which tariff belongs to `domain.pricing.metered`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from domain.charges import TariffKind
from domain.money import ZERO
from domain.parameters import ParameterError, Parameters, Problem


class TariffError(ValueError):
    """A tariff's parameters are not what its kind needs; names the tariff and field."""

    def __init__(self, code: str, field: str, problem: str) -> None:
        super().__init__(f"tariff {code}: {field}: {problem}")
        self.code = code
        self.field = field


@dataclass(frozen=True, slots=True)
class Band:
    """Whole hours of the local day from `from_hour` up to `to_hour` (24 is midnight).

    A band may pass midnight: 22 to 8.
    """

    name: str
    from_hour: int
    to_hour: int
    price: Decimal

    @property
    def hours(self) -> tuple[int, ...]:
        if self.from_hour < self.to_hour:
            return tuple(range(self.from_hour, self.to_hour))
        return (*range(self.from_hour, 24), *range(self.to_hour))


@dataclass(frozen=True, slots=True)
class PriceTier:
    """`price` per unit up to and including `up_to` units a month; the last tier is open."""

    up_to: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class Flat:
    price: Decimal


@dataclass(frozen=True, slots=True)
class TimeOfUse:
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Tiered:
    tiers: tuple[PriceTier, ...]


Prices = Flat | TimeOfUse | Tiered


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of a price list, in force from `valid_from` to `valid_to`, both included."""

    tariff_id: int
    code: str
    kind: TariffKind
    prices: Prices
    valid_from: date
    valid_to: date | None


def parse_tariff(
    *,
    tariff_id: int,
    code: str,
    kind: TariffKind,
    parameters: Mapping[str, Any],
    valid_from: date,
    valid_to: date | None,
) -> Tariff:
    """Read and check a tariff's parameters. Raises TariffError naming the tariff and field."""
    try:
        read = Parameters(parameters)
        prices = _READERS[kind](read)
        read.no_others()
    except ParameterError as error:
        raise TariffError(code, error.field, error.problem) from None
    return Tariff(tariff_id, code, kind, prices, valid_from, valid_to)


def _flat(read: Parameters) -> Prices:
    return Flat(read.decimal("price", minimum=ZERO))


def _time_of_use(read: Parameters) -> Prices:
    bands = tuple(
        Band(
            band.text("name"),
            _whole_hour(band, "from"),
            _whole_hour(band, "to"),
            band.decimal("price", minimum=ZERO),
        )
        for band in read.items("bands", ("name", "from", "to", "price"))
    )
    covered = sorted(hour for band in bands for hour in band.hours)
    if covered != list(range(24)):
        raise ParameterError("bands", Problem.HOURS_NOT_COVERED)
    return TimeOfUse(bands)


def _whole_hour(band: Parameters, field: str) -> int:
    text = band.text(field)
    hour, _, minute = text.partition(":")
    if not (hour.isdecimal() and minute == "00" and int(hour) <= 24):
        raise ParameterError(f"bands.{field}", Problem.NOT_A_WHOLE_HOUR, value=text)
    number = int(hour)
    return 24 if field == "to" and number == 0 else number


def _tiered(read: Parameters) -> Prices:
    tiers = tuple(
        PriceTier(tier.optional("up_to"), tier.decimal("price", minimum=ZERO))
        for tier in read.items("tiers", ("up_to", "price"))
    )
    read.ascending("tiers", [tier.up_to for tier in tiers])
    return Tiered(tiers)


_READERS = {
    TariffKind.FLAT: _flat,
    TariffKind.TIME_OF_USE: _time_of_use,
    TariffKind.TIERED: _tiered,
}


def marginal(amount: Decimal, tiers: Sequence[tuple[Decimal | None, Decimal]]) -> Decimal:
    """Each band of `amount` at its own price: sum of (part within the band x price).

    `tiers` are (upper bound, price) in rising order, the last one open. Nothing below 0.
    """
    total = ZERO
    lower = ZERO
    for up_to, price in tiers:
        if amount <= lower:
            break
        upper = amount if up_to is None else min(amount, up_to)
        total += (upper - lower) * price
        lower = upper
    return total


def band_reached(amount: Decimal, tiers: Sequence[tuple[Decimal | None, Decimal]]) -> Decimal:
    """The price of the band that `amount` reaches; a bound belongs to the band below it."""
    for up_to, price in tiers:
        if up_to is None or amount <= up_to:
            return price
    raise ValueError("the last tier must be open")
