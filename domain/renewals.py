"""Renewal of a lease: when its end is told, and what a shop asks for.

Belongs here: the days before the end on which shop and officer are reminded, and the states of a
shop's wish. Not here: whom to tell and how (services).
"""

from datetime import date, timedelta
from enum import StrEnum

# Days before the last day of the lease.
THRESHOLDS = (90, 60, 30, 7)
MANDATORY = 30
# What a shop may ask for.
LEAST_MONTHS, MOST_MONTHS = 1, 240


class RenewalState(StrEnum):
    """What became of a shop's wish to renew."""

    OPEN = "OPEN"
    OFFERED = "OFFERED"  # a new contract was drafted for it
    REFUSED = "REFUSED"  # with a reason
    WITHDRAWN = "WITHDRAWN"


def due_thresholds(end_date: date, day: date) -> tuple[int, ...]:
    """The reminders to write on `day` for a lease that ends on `end_date` (included), the
    earliest first.

    After days of downtime that is the newest one that has come, and the mandatory one when it
    was missed: nobody gets three letters at once, and nobody misses the one that must be sent.
    None once the lease is over.
    """
    if day > end_date:
        return ()
    come = [days for days in THRESHOLDS if day >= end_date - timedelta(days=days)]
    if not come:
        return ()
    newest = min(come)
    wanted = {newest} | ({MANDATORY} & set(come))
    return tuple(sorted(wanted, reverse=True))
