"""What each meter's dial shows at each hour.

Belongs here: the home's energy turned into registers that only rise, roll over and go on from
month to month. Not here: the meters themselves (plan_devices).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache
from itertools import accumulate

from sample_mall.plan_devices import (
    NEW_METER_REGISTER,
    SWAP_DAY,
    SWAP_TIME,
    MeterPlan,
)
from sample_mall.plan_shops import CUTOFF_HOUR
from sample_mall.shift import add_months
from sample_mall.sources import ENERGY_WINDOW, read_energy

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Dial:
    """A meter's register by the mall's clock (naive local time, whole hours)."""

    meter: MeterPlan
    first_month: date
    month: date

    def at(self, moment: datetime) -> Decimal:
        """The register, on the dial: cut, not rounded, as a dial does.

        `moment` lies in the business month: from its opening reading, the hour before its
        first business day, to its last hour.
        """
        used = _used_before(self.meter, self.first_month, self.month) + _used(
            self.meter, self.month, opening_of(self.month), moment
        )
        shown = self.meter.start_register + used / self.meter.ratio
        return (shown % self.meter.modulus).quantize(self.meter.dial, ROUND_DOWN)


def opening_of(month: date) -> datetime:
    """The last whole hour before the month's first business day: the opening reading."""
    return datetime.combine(month.replace(day=1), time(CUTOFF_HOUR)) - HOUR


def swap_of(first_month: date) -> datetime:
    """When the replaced meter gave way to the new one."""
    return datetime.combine(first_month.replace(day=SWAP_DAY), SWAP_TIME)


def new_dial(old: Dial) -> Callable[[datetime], Decimal]:
    """The register of the meter that replaced `old`: it starts at NEW_METER_REGISTER."""
    meter, first_month = old.meter, old.first_month
    swap = swap_of(first_month)
    until_swap = _used(meter, first_month, opening_of(first_month), swap)

    def at(moment: datetime) -> Decimal:
        used = _used_before(meter, first_month, old.month) + _used(
            meter, old.month, opening_of(old.month), moment
        )
        return (NEW_METER_REGISTER + used - until_swap).quantize(meter.dial, ROUND_DOWN)

    return at


@lru_cache(maxsize=2)
def _sums(is_water: bool) -> tuple[int, ...]:
    """Watt hours from the window's start to the end of each hour, beginning with 0."""
    energy = read_energy()
    return tuple(accumulate(energy.wet if is_water else energy.whole, initial=0))


def _used(meter: MeterPlan, month: date, start: datetime, end: datetime) -> Decimal:
    """kWh or m³ between two moments of one business month."""
    sums = _sums(meter.is_water)
    begin = _index(meter, month, start)
    return meter.factor * (sums[_index(meter, month, end)] - sums[begin]) / 1000


def _index(meter: MeterPlan, month: date, moment: datetime) -> int:
    source = moment - ENERGY_WINDOW.shift(month) + timedelta(weeks=meter.weeks_on)
    hours = (source - read_energy().start) // HOUR
    if hours < 0:
        # The opening reading of a month that begins with the window's Monday is in its night.
        raise ValueError(f"{moment} is before the sample's window")
    return hours


@lru_cache(maxsize=256)
def _used_before(meter: MeterPlan, first_month: date, month: date) -> Decimal:
    """kWh or m³ from the first month's opening reading to that of `month`."""
    used, at = Decimal(0), first_month
    while at < month:
        following = add_months(at, 1)
        used += _used(meter, at, opening_of(at), opening_of(following))
        at = following
    while at > month:
        at = add_months(at, -1)
        used -= _used(meter, at, opening_of(at), opening_of(add_months(at, 1)))
    return used
