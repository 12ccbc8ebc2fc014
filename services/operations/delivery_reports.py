"""What providers tell afterwards of the messages they took.

Belongs here: keeping it. Not here: how a provider says it (webapp.api.sms_reports) and the
sending (outbox).
"""

from datetime import datetime

import psycopg

from domain.notifications import DeliveryState

REASON_LENGTH = 500


def note_delivery_report(
    connection: psycopg.Connection,
    *,
    provider_id: str,
    is_delivered: bool,
    reason: str = "",
    now: datetime,
) -> bool:
    """Keep that a message arrived, or did not and why; whether it was one that waited for that.

    A report may be quicker than the note that its message was sent, and a later one changes
    nothing. The row is found through a function of the owner's: who reports has no scope.
    """
    state = DeliveryState.DELIVERED if is_delivered else DeliveryState.FAILED
    with connection.transaction():
        row = connection.execute(
            "SELECT app.note_delivery_report(%s, %s, %s, %s)",
            (provider_id, state.value, reason[:REASON_LENGTH], now),
        ).fetchone()
    return row is not None and bool(row[0])
