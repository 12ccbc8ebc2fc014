"""Sessions of people who signed in: begun, seen, ended.

Belongs here: the rows that make a cookie worth something. Not here: the cookie (webapp.auth), the
rules of age (`domain.sign_in`) and the list of a person's sessions (services.queries.accounts).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.audit import AuditAction
from domain.sign_in import ABSOLUTE_SESSION, IDLE_SESSION, SEEN_EVERY, SessionEnd, session_end
from services.operations.audit import record_event
from storage.models import User, UserSession

AGENT_LENGTH = 400


@dataclass(frozen=True, slots=True)
class LiveSession:
    """`uniquifier` is what the user's row says of itself now."""

    id: int
    user_id: int
    uniquifier: str
    started_at: datetime
    last_seen_at: datetime
    fresh_at: datetime


def start_session(
    session: Session, *, user_id: int, address: str, agent: str, now: datetime
) -> str:
    """A new session; returns the token that opens it, of which only the digest is kept."""
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            user_id=user_id,
            token_sha256=_digest(token),
            started_at=now,
            last_seen_at=now,
            fresh_at=now,
            address=address,
            agent=agent[:AGENT_LENGTH],
        )
    )
    session.flush()
    return token


def find_live_session(session: Session, *, token: str, now: datetime) -> LiveSession | None:
    """The session that a token opens, of an active account; None when it has ended. One that
    rested too long or is too old is noted as ended.
    """
    found = session.execute(
        sa.select(UserSession, User.fs_uniquifier)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_sha256 == _digest(token),
            UserSession.ended_at.is_(None),
            User.active,
        )
    ).one_or_none()
    if found is None:
        return None
    row, uniquifier = found
    ended = session_end(row.started_at, row.last_seen_at, now)
    if ended is not None:
        _end(session, UserSession.id == row.id, *ended)
        return None
    return LiveSession(
        row.id, row.user_id, uniquifier, row.started_at, row.last_seen_at, row.fresh_at
    )


def touch_session(session: Session, *, live: LiveSession, now: datetime) -> bool:
    """Note that a session is in use, once a minute at most; whether that was written."""
    if now - live.last_seen_at < SEEN_EVERY:
        return False
    session.execute(
        sa.update(UserSession)
        .where(UserSession.id == live.id, UserSession.ended_at.is_(None))
        .values(last_seen_at=now)
    )
    return True


def refresh_session(session: Session, *, session_id: int, now: datetime) -> None:
    """The person of this session proved again who they are."""
    session.execute(sa.update(UserSession).where(UserSession.id == session_id).values(fresh_at=now))


def end_session(
    session: Session,
    *,
    session_id: int,
    user_id: int,
    now: datetime,
    reason: SessionEnd = SessionEnd.ENDED_BY_PERSON,
) -> bool:
    """End one session of a person; whether it was alive. Another person's is not found."""
    ended = _end(
        session, (UserSession.id == session_id) & (UserSession.user_id == user_id), now, reason
    )
    if ended:
        action = AuditAction.SESSION_ENDED
        if reason is SessionEnd.SIGNED_OUT:
            action = AuditAction.SIGNED_OUT
        record_event(
            session,
            action=action,
            now=now,
            subject_type="users",
            subject_id=user_id,
            after={"session": session_id, "reason": reason.value},
        )
    return bool(ended)


def end_all_sessions(
    session: Session,
    *,
    user_id: int,
    now: datetime,
    reason: SessionEnd = SessionEnd.ACCOUNT_CHANGED,
    except_id: int | None = None,
) -> int:
    """End every session of a person but `except_id`, and every sign-in that is half done; how
    many were alive.
    """
    session.execute(sa.update(User).where(User.id == user_id).values(fs_uniquifier=uuid4().hex))
    which = UserSession.user_id == user_id
    if except_id is not None:
        which &= UserSession.id != except_id
    ended = _end(session, which, now, reason)
    if ended:
        record_event(
            session,
            action=AuditAction.SESSION_ENDED,
            now=now,
            subject_type="users",
            subject_id=user_id,
            after={"sessions": ended, "reason": reason.value},
        )
    return ended


def _end(session: Session, which: sa.ColumnElement[bool], at: datetime, reason: SessionEnd) -> int:
    ended = session.scalars(
        sa.update(UserSession)
        .where(which, UserSession.ended_at.is_(None))
        .values(ended_at=at, end_reason=reason)
        .returning(UserSession.id)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def live_clause(now: datetime) -> sa.ColumnElement[bool]:
    """Sessions that are alive at `now`, whether or not their end was noted."""
    return (
        UserSession.ended_at.is_(None)
        & (UserSession.last_seen_at > now - IDLE_SESSION)
        & (UserSession.started_at > now - ABSOLUTE_SESSION)
    )
