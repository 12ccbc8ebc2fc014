"""Reminders of a bill: which step is due on a day.

Belongs here: the steps around the due date. Not here: whom to tell, in which words, over which
channel (services).
"""

from datetime import date, timedelta
from enum import StrEnum


class ReminderStep(StrEnum):
    """Days before (-) or after (+) the due date."""

    T_MINUS_3 = "T-3"
    T_0 = "T+0"
    T_PLUS_1 = "T+1"
    T_PLUS_7 = "T+7"
    T_PLUS_15 = "T+15"

    @property
    def offset(self) -> timedelta:
        return timedelta(days=int(self.value.removeprefix("T")))

    @property
    def is_overdue(self) -> bool:
        return self.offset > timedelta(0)


def newest_step(due_date: date, day: date) -> ReminderStep | None:
    """The newest step whose day has come by `day`; None before the first.

    Created once per bill, it makes a run after days of downtime catch up with the newest step
    only: nobody gets three reminders at once.
    """
    come = [step for step in ReminderStep if due_date + step.offset <= day]
    return max(come, key=lambda step: step.offset, default=None)
