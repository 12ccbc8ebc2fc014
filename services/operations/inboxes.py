"""The inboxes on the site, of a shop and of a person of the mall: what has been read."""

from collections.abc import Set
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.queries.inboxes import in_inbox_of
from services.queries.portal_messages import delivered_to
from storage.models import Notification


def mark_messages_read(session: Session, *, shop_ids: Set[int], now: datetime) -> int:
    """All that stands in the shops' inbox is read; how many were not before. The caller commits."""
    return _mark(session, delivered_to(shop_ids), now)


def mark_inbox_read(
    session: Session, *, user_id: int, now: datetime, message_id: int | None = None
) -> int:
    """The person has read this message, or without one everything in the inbox; how many were not
    read before. The caller commits.
    """
    wanted = in_inbox_of(user_id)
    if message_id is not None:
        wanted = (*wanted, Notification.id == message_id)
    return _mark(session, wanted, now)


def _mark(session: Session, wanted: tuple[sa.ColumnElement[bool], ...], now: datetime) -> int:
    marked = session.scalars(
        sa.update(Notification)
        .where(*wanted, Notification.read_at.is_(None))
        .values(read_at=now)
        .returning(Notification.id)
    )
    return len(marked.all())
