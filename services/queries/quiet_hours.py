"""Which deliveries may go at this hour.

Belongs here: the condition that whoever sends, and whoever counts what waits, share. Not here: the
hours themselves (domain.notifications) and which messages keep them (domain.message_templates).
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.message_templates import WAITS_FOR_MORNING
from domain.notifications import is_quiet
from storage.models import Mall, Notification


def is_awake(session: Session, now: datetime) -> sa.ColumnElement[bool]:
    """Deliveries that wake nobody, or whose mall is not quiet."""
    malls = session.execute(sa.select(Mall.id, Mall.time_zone))
    quiet = [mall_id for mall_id, zone in malls if is_quiet(now, ZoneInfo(zone))]
    sleeping = [template.value for template in WAITS_FOR_MORNING]
    return sa.or_(
        Notification.mall_id.is_(None),
        Notification.mall_id.not_in(quiet),
        Notification.template.not_in(sleeping),
    )
