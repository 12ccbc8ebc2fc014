"""The span that a page shows: a calendar month or an ISO week, as it stands in the address."""

import re
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Span:
    """`start` to `end`, both included. `key` is `2026-03` or `2026-W12`."""

    start: date
    end: date
    key: str

    @property
    def is_week(self) -> bool:
        return "W" in self.key

    @property
    def previous(self) -> "Span":
        """The comparable span right before."""
        day = self.start - timedelta(days=1)
        return week_of(day) if self.is_week else month_of(day)

    @property
    def following(self) -> "Span":
        day = self.end + timedelta(days=1)
        return week_of(day) if self.is_week else month_of(day)

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


def month_of(day: date) -> Span:
    start = day.replace(day=1)
    return Span(start, month_end(start), f"{start:%Y-%m}")


def week_of(day: date) -> Span:
    start = day - timedelta(days=day.weekday())
    year, week, _weekday = day.isocalendar()
    return Span(start, start + timedelta(days=6), f"{year:04}-W{week:02}")


def month_end(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def parse_month(text: str) -> date | None:
    """`2026-03`; None for anything else, and for years that no calendar has on both sides."""
    try:
        return (
            date.fromisoformat(f"{text}-01") if re.fullmatch(r"2[0-9]{3}-[0-9]{2}", text) else None
        )
    except ValueError:
        return None


def parse_span(text: str) -> Span | None:
    """`2026-03` or `2026-W12`; None for anything else."""
    month = parse_month(text)
    if month is not None:
        return month_of(month)
    try:
        is_week = re.fullmatch(r"2[0-9]{3}-W[0-9]{2}", text)
        return week_of(date.fromisoformat(f"{text}-1")) if is_week else None
    except ValueError:
        return None
