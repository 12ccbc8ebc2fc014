"""How a device's time compares with ours at arrival.

A reading is never dropped for its clock: beyond the limits it is UNCERTAIN, kept and not used.
Only a time that no device can mean (before 2000, or more than a year ahead) is refused, and
stands in quarantine.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.devices import Quality

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Arrival:
    """When something came, and which device times are certain then.

    The start of an interval may be at most `ahead` of `received_at`; its end at most `behind`
    before it.
    """

    received_at: datetime
    ahead: timedelta
    behind: timedelta

    @property
    def latest_certain(self) -> datetime:
        return self.received_at + self.ahead

    @property
    def earliest_certain(self) -> datetime:
        return self.received_at - self.behind

    @property
    def latest_possible(self) -> datetime:
        return self.received_at + FURTHEST_AHEAD

    def is_possible(self, start: datetime) -> bool:
        return EARLIEST <= start <= self.latest_possible

    def is_certain(self, start: datetime, end: datetime) -> bool:
        return start <= self.latest_certain and end >= self.earliest_certain

    def quality(self, start: datetime, end: datetime, stated: Quality = Quality.GOOD) -> Quality:
        return stated if self.is_certain(start, end) else Quality.UNCERTAIN
