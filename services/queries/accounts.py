"""Accounts as their own people and the command line see them.

Not here: what the pages of other people's accounts ask (people).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from domain.people import Role, effective_role
from services.operations.sessions import live_clause
from storage.models import SecondFactor, User, UserSession


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A browser in which somebody is signed in."""

    id: int
    started_at: datetime
    last_seen_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account in a list. `malls` are codes; a super administrator reaches every mall."""

    id: int
    email: str
    name: str
    role: Role | None
    malls: Sequence[str]
    is_active: bool
    has_password: bool
    has_second_factor: bool
    locked_until: datetime | None
    last_sign_in_at: datetime | None


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


def find_account_id(session: Session, *, email: str) -> int | None:
    """The account of an e-mail address, however it is written."""
    return session.scalar(sa.select(User.id).where(User.email == email.strip().lower()))


def list_accounts(session: Session, *, now: datetime) -> tuple[AccountLine, ...]:
    """Every account, by e-mail address."""
    enrolled = set(session.scalars(sa.select(SecondFactor.user_id)))
    users = session.scalars(sa.select(User).order_by(User.email).options(selectinload(User.malls)))
    return tuple(
        AccountLine(
            id=user.id,
            email=user.email,
            name=user.name,
            role=effective_role(role.name for role in user.roles),
            malls=sorted(mall.code for mall in user.malls),
            is_active=user.active,
            has_password=user.password is not None,
            has_second_factor=user.id in enrolled,
            locked_until=user.locked_until
            if user.locked_until is not None and now < user.locked_until
            else None,
            last_sign_in_at=user.current_login_at,
        )
        for user in users
    )
