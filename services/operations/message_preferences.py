"""People choose the channels on which they want to hear of a topic.

Belongs here: what is kept. Not here: which messages pay no regard to it (domain.message_templates)
and where it is looked up (message_addressing).
"""

from collections.abc import Set

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.notifications import Channel, Topic
from services.queries.message_preferences import list_switched_off
from storage.models import MessagePreference


def switch_off(session: Session, *, user_id: int, unwanted: Set[tuple[Topic, Channel]]) -> bool:
    """These channels are off for the person and all others on; whether that changed anything.
    The caller commits.
    """
    known = list_switched_off(session, user_id=user_id)
    for topic, channel in sorted(known - unwanted):
        session.execute(
            sa.delete(MessagePreference).where(
                MessagePreference.user_id == user_id,
                MessagePreference.topic == topic,
                MessagePreference.channel == channel,
            )
        )
    for topic, channel in sorted(unwanted - known):
        # Two windows of one person may save at the same moment.
        session.execute(
            insert(MessagePreference)
            .values(user_id=user_id, topic=topic, channel=channel)
            .on_conflict_do_nothing()
        )
    return known != unwanted
