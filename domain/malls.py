"""Malls, business types and the business day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class BusinessType(StrEnum):
    """业态: what a shop does."""

    RETAIL = "RETAIL"
    CATERING = "CATERING"
    ENTERTAINMENT = "ENTERTAINMENT"
    SERVICE = "SERVICE"
    OTHER = "OTHER"


class UnitChangeKind(StrEnum):
    MERGE = "MERGE"
    SPLIT = "SPLIT"


@dataclass(frozen=True, slots=True)
class MallClock:
    """How a mall turns instants into business days.

    `cutoff_hour` is the local hour at which a new business day begins: sales at 01:30 of a
    mall with cut-off 4 belong to the day before.
    """

    time_zone: str
    cutoff_hour: int = 0
    opens_at: time = time(10)
    closes_at: time = time(22)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def business_date(self, instant: datetime) -> date:
        """Business date of an aware instant: (local time - cut-off)::date."""
        if instant.tzinfo is None:
            raise ValueError("a business date needs an instant with a time zone")
        return (instant.astimezone(self.zone) - timedelta(hours=self.cutoff_hour)).date()

    def business_day(self, day: date) -> tuple[datetime, datetime]:
        """First and one-past-last instant (UTC) of a business date; 23 to 25 hours apart."""
        start = datetime.combine(day, time(self.cutoff_hour), self.zone)
        end = datetime.combine(day + timedelta(days=1), time(self.cutoff_hour), self.zone)
        return start.astimezone(UTC), end.astimezone(UTC)

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone)
