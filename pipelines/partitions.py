"""The pieces of time that assets are made for, on the mall's clock.

Belongs here: partitions. Not here: when they are made (schedules).

All malls of an installation keep bills, reminders and reports by the calendar of one zone;
business days follow each mall's own clock, which the operations read from the mall.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg

MALL_ZONE = "Asia/Shanghai"
ZONE = ZoneInfo(MALL_ZONE)
FIRST_MONTH = "2024-01"

# A month is billed when it is over.
months = dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, fmt="%Y-%m", timezone=MALL_ZONE)
# Reminders and backups are made on the day itself.
days = dg.DailyPartitionsDefinition(
    start_date=f"{FIRST_MONTH}-01", timezone=MALL_ZONE, end_offset=1
)


def month_of(key: str) -> date:
    """First day of a monthly partition."""
    return date.fromisoformat(f"{key}-01")


def next_month(month: date) -> date:
    """First day of the month after the one that begins on `month`."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def month_before(instant: datetime) -> str:
    """Key of the month before the one `instant` lies in, in the malls' zone."""
    local = instant.astimezone(ZONE)
    return f"{local.year - (local.month == 1):04d}-{(local.month - 2) % 12 + 1:02d}"


def day_of(instant: datetime) -> str:
    """Key of the day `instant` lies in, in the malls' zone."""
    return instant.astimezone(ZONE).date().isoformat()
