"""Days, months and the share of a month that a stay fills.

Belongs here: periods with both days included, and proration: which part of a monthly amount
falls on some days. Not here: business days of a mall (`domain.malls`).
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from domain.charges import Proration
from domain.money import ZERO, round_cents

ONE_DAY = timedelta(days=1)
MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From `first` to `last`, both days included. Raises ValueError when it is empty."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a period cannot end on {self.last} before it begins on {self.first}")

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def overlap(self, other: "Period") -> "Period | None":
        first = max(self.first, other.first)
        last = min(self.last, other.last)
        return Period(first, last) if first <= last else None

    def contains(self, other: "Period") -> bool:
        return self.first <= other.first and other.last <= self.last

    def months(self) -> Iterator["Period"]:
        """The parts of this period in each calendar month it touches."""
        first = self.first
        while first <= self.last:
            last = min(month_of(first).last, self.last)
            yield Period(first, last)
            first = last + ONE_DAY


@lru_cache(maxsize=4096)
def month_of(day: date) -> Period:
    """The calendar month that holds `day`."""
    days = calendar.monthrange(day.year, day.month)[1]
    return Period(day.replace(day=1), day.replace(day=days))


def quarter_of(day: date) -> Period:
    """The calendar quarter that holds `day`."""
    first = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return Period(first, month_of(add_months(first, 2)).last)


def add_months(day: date, months: int) -> date:
    """The same day `months` later; the month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def lease_year_of(day: date, start: date) -> Period:
    """The twelve months, counted from a lease's `start`, that hold `day`.

    Raises ValueError when `day` is before `start`.
    """
    if day < start:
        raise ValueError(f"{day} is before the lease begins on {start}")
    years = day.year - start.year
    if add_months(start, 12 * years) > day:
        years -= 1
    return Period(add_months(start, 12 * years), add_months(start, 12 * (years + 1)) - ONE_DAY)


@dataclass(frozen=True, slots=True)
class Share:
    """A slice of a month, or of a row of days: from `before` to `through`, over `denominator`.

    A monthly amount's part on the slice is round(amount x through / denominator) minus
    round(amount x before / denominator): slices that touch add up to the cent, the last one
    absorbing the rest. Where nothing lies before, that is rounding once, half up.
    """

    before: Decimal
    through: Decimal
    denominator: Decimal
    before_text: str
    through_text: str
    days: int
    fraction: Decimal  # (through - before) / denominator to six places, for display

    def of(self, amount: Decimal) -> Decimal:
        through = round_cents(amount * self.through / self.denominator)
        if not self.before:
            return through
        return through - round_cents(amount * self.before / self.denominator)


def share(before: int, through: int, denominator: int, days: int) -> Share:
    return Share(
        Decimal(before),
        Decimal(through),
        Decimal(denominator),
        f"{before}/{denominator}",
        f"{through}/{denominator}",
        days,
        (Decimal(through - before) / denominator).quantize(MILLIONTH),
    )


def parse_share(before: str, through: str) -> Share:
    """The share written as `9/28` and `28/28`. Raises ValueError for anything else."""
    first, denominator = (int(part) for part in before.split("/"))
    second, same = (int(part) for part in through.split("/"))
    if denominator != same or denominator <= 0:
        raise ValueError(f"{before} and {through} do not share a denominator")
    return share(first, second, denominator, 0)


@lru_cache(maxsize=65536)
def month_share(anchor: date, first: date, last: date, rule: Proration) -> Share:
    """The share of one calendar month that the days `first` to `last` fill.

    `anchor` is the first day of that month from which the charge ran without a break; days
    are counted from it, so that the parts of a split month are slices of one whole.

    ACTUAL: days / days in the month. THIRTY_360: days / 30. DAYS_365: days x 12 / 365.
    A charge that ran the whole month is owed whole under every rule, and never more.
    Raises ValueError when the days do not lie in one month at or after the anchor.
    """
    month = month_of(first)
    if not month.first <= anchor <= first <= last <= month.last:
        raise ValueError(f"{anchor}, {first} and {last} are not days of one month in this order")
    match rule:
        case Proration.ACTUAL:
            per_day, denominator = 1, month.days
        case Proration.THIRTY_360:
            per_day, denominator = 1, 30
        case Proration.DAYS_365:
            per_day, denominator = 12, 365

    def counted(days: int) -> int:
        if anchor == month.first and days == month.days:
            return denominator
        return days * per_day

    before = (first - anchor).days
    through = (last - anchor).days + 1
    return share(counted(before), counted(through), denominator, through - before)


@lru_cache(maxsize=65536)
def day_share(anchor: date, first: date, last: date) -> Share:
    """The days `first` to `last` as a slice of the days since `anchor`: no month denominator."""
    before = (first - anchor).days
    through = (last - anchor).days + 1
    return share(before, through, 1, through - before)


def prorate(
    monthly: Decimal,
    period: Period,
    *,
    rule: Proration = Proration.ACTUAL,
    since: date | None = None,
) -> Decimal:
    """What a monthly amount comes to over `period`, month by month, each with its own denominator.

    `since` is the day from which the charge has run without a break, by default the period's
    first: given the same `since`, the parts of a split period add up to the whole to the cent.
    """
    since = period.first if since is None else since
    return sum(
        (
            month_share(max(since, month_of(part.first).first), part.first, part.last, rule).of(
                monthly
            )
            for part in period.months()
        ),
        ZERO,
    )
