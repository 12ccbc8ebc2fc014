"""What a person has switched off."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.notifications import Channel, Topic
from storage.models import MessagePreference


def list_switched_off(session: Session, *, user_id: int) -> frozenset[tuple[Topic, Channel]]:
    """The channels that the person switched off, by topic; what is not here is on."""
    rows = session.execute(
        sa.select(MessagePreference.topic, MessagePreference.channel).where(
            MessagePreference.user_id == user_id
        )
    )
    return frozenset((topic, channel) for topic, channel in rows)
