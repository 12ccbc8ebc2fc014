"""What people see of their own account."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.operations.sessions import live_clause
from storage.models import UserSession


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A browser in which somebody is signed in."""

    id: int
    started_at: datetime
    last_seen_at: datetime
    address: str
    agent: str


def list_sessions(session: Session, *, user_id: int, now: datetime) -> tuple[OpenSession, ...]:
    """The living sessions of a person, the last used first."""
    rows = session.execute(
        sa.select(
            UserSession.id,
            UserSession.started_at,
            UserSession.last_seen_at,
            UserSession.address,
            UserSession.agent,
        )
        .where(UserSession.user_id == user_id, live_clause(now))
        .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
    )
    return tuple(OpenSession(*row) for row in rows)
