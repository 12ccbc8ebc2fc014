"""A shop's inbox on the site: what has been read."""

from collections.abc import Set
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.queries.portal_messages import delivered_to
from storage.models import Notification


def mark_messages_read(session: Session, *, shop_ids: Set[int], now: datetime) -> int:
    """All that stands in the shops' inbox is read; how many were not before. The caller commits."""
    marked = session.scalars(
        sa.update(Notification)
        .where(*delivered_to(shop_ids), Notification.read_at.is_(None))
        .values(read_at=now)
        .returning(Notification.id)
    )
    return len(marked.all())
