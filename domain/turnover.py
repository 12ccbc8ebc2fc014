"""Turnover that a tenant reports for a span of days, brought to calendar months."""

from datetime import date
from decimal import Decimal

from domain.calendar import Period
from domain.money import split


def split_by_month(amount: Decimal, period: Period) -> tuple[tuple[date, Decimal], ...]:
    """(first day of month, part) for each month, by days; largest remainder keeps the sum."""
    parts = tuple(period.months())
    shares = split(amount, [part.days for part in parts])
    return tuple(
        (part.first.replace(day=1), amount) for part, amount in zip(parts, shares, strict=True)
    )
