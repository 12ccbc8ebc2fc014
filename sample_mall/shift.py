"""Moving the source's days into the business month: whole weeks, weekdays kept.

Belongs here: which source day stands for which day of the month. Not here: reading the sources.

Each source has a fixed window of six weeks that begins on a Monday. The month's first day is
shown by the first day of the window with the same weekday, so a month of 31 days that begins
on a Sunday still fits, and every day is moved by the same number of weeks.
"""

from dataclasses import dataclass
from datetime import date, timedelta

WINDOW_WEEKS = 6


@dataclass(frozen=True, slots=True)
class Window:
    """Six weeks of a source, from a Monday on."""

    monday: date

    def shift(self, month: date) -> timedelta:
        """What is added to a source day to come to its day in or near the month: whole weeks."""
        first = month.replace(day=1)
        return first - (self.monday + timedelta(days=first.weekday()))

    def source_day(self, day: date, month: date) -> date:
        """The source day that stands for `day` when the month `month` is told."""
        return day - self.shift(month)


def next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def add_months(month: date, count: int) -> date:
    """First day of the month `count` months after (or before) that of `month`."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def days_of(month: date) -> tuple[date, ...]:
    first = month.replace(day=1)
    return tuple(first + timedelta(days=at) for at in range((next_month(first) - first).days))
