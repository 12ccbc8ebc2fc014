"""What one step of cleaning is about: a mall, its clock, the moment.

Belongs here: the parameters that every statement of cleaning shares.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from domain.cleaning import CleaningRule, EstimateMethod
from domain.malls import MallClock
from storage.models import Mall


@dataclass(frozen=True, slots=True)
class Cleaning:
    """One mall being cleaned in one transaction."""

    connection: sa.Connection
    mall_id: int
    clock: MallClock
    now: datetime

    @classmethod
    def of_mall(cls, connection: sa.Connection, mall_id: int, now: datetime) -> "Cleaning":
        row = connection.execute(
            sa.select(
                Mall.time_zone, Mall.business_day_cutoff_hour, Mall.opens_at, Mall.closes_at
            ).where(Mall.id == mall_id)
        ).one()
        clock = MallClock(
            time_zone=row.time_zone,
            cutoff_hour=row.business_day_cutoff_hour,
            opens_at=row.opens_at,
            closes_at=row.closes_at,
        )
        return cls(connection, mall_id, clock, now)

    @property
    def opening_minutes(self) -> int:
        """Minutes from opening to closing; closing at the time of opening is open all day."""
        times = (self.clock.opens_at, self.clock.closes_at)
        opens, closes = (time.hour * 60 + time.minute for time in times)
        return (closes - opens) % 1440 or 1440

    def run(
        self, statement: sa.TextClause, dates: Iterable[date], **given: Any
    ) -> sa.CursorResult[Any]:
        """Execute with the dates in order and those of the mall's parameters that it names."""
        shared = {
            "mall_id": self.mall_id,
            "now": self.now,
            "dates": sorted(dates),
            "time_zone": self.clock.time_zone,
            "cutoff_hour": self.clock.cutoff_hour,
            "opens_at": self.clock.opens_at,
            "opening_minutes": self.opening_minutes,
        }
        named = statement.compile().params
        return self.connection.execute(
            statement, {**{name: shared[name] for name in shared if name in named}, **given}
        )


def listed(values: object) -> list[str]:
    return list(values) if isinstance(values, tuple) else []


def parameter(rule: CleaningRule | EstimateMethod, name: str) -> Any:
    return rule.parameters[name]
