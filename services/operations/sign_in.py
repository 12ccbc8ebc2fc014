"""Proof of who somebody is: the password, the code, and what happens when they are wrong.

Belongs here: the tries that count, the lockout, and the sign-in that is whole. Not here: the pages
(webapp.auth), the figures (`domain.sign_in`) and codes (services.operations.second_factor).

Counting is exact over any number of worker processes: the user's row is locked while a try is
judged, and a password that proves right only after the account was locked is refused. Unknown and
locked accounts are answered as a wrong password is, after the same work.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.audit import AuditAction
from domain.people import Role, effective_role
from domain.scopes import Actor, ActorKind
from domain.sign_in import (
    FAILURE_WINDOW,
    FAILURES_ALLOWED,
    lockout_length,
    needs_second_factor,
)
from services.operations.account_letters import write_locked_letter
from services.operations.audit import record_event
from services.operations.passwords import verify_password
from services.operations.sessions import start_session
from storage.models import SecondFactor, SignInAttempt, User

# Longer than any password that can be set: not worth hashing.
READ_AT_MOST = 1024
ATTEMPTS_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who gave the right password. `uniquifier` changes when sessions are ended."""

    id: int
    email: str
    role: Role | None
    locale: str
    uniquifier: str
    has_second_factor: bool

    @property
    def must_enrol(self) -> bool:
        """Whether the role may enter only with a second factor and there is none yet."""
        return needs_second_factor(self.role) and not self.has_second_factor


def check_password(
    session: Session, *, email: str, password: str, salt: str, actor: Actor, now: datetime
) -> Person | None:
    """The person whose address and password these are; None when they are not, or the account
    is unknown, not active or locked: which of these, nobody learns. The caller commits either
    way, so that the try counts.
    """
    typed = email.strip().lower()
    user = _find(session, User.email == typed)
    known_hash = user.password if user is not None and user.active else None
    is_right = verify_password(password[:READ_AT_MOST], known_hash, salt)
    if user is None:
        _forget_old(session, now)
        session.add(
            SignInAttempt(
                email_sha256=_digest(typed), user_id=None, attempted_at=now, address=actor.address
            )
        )
        _note_failed(session, None, "unknown account", actor, now)
        return None
    if not admit(
        session, user_id=user.id, is_right=is_right, what="password", actor=actor, now=now
    ):
        return None
    return _person(session, user)


def recheck_password(
    session: Session, *, user_id: int, password: str, salt: str, actor: Actor, now: datetime
) -> bool:
    """Whether somebody signed in knows the password of the account; wrong ones count."""
    user = _find(session, User.id == user_id)
    known_hash = user.password if user is not None else None
    is_right = verify_password(password[:READ_AT_MOST], known_hash, salt)
    return user is not None and admit(
        session, user_id=user_id, is_right=is_right, what="password", actor=actor, now=now
    )


def find_person(session: Session, *, uniquifier: str) -> Person | None:
    """The active person of a sign-in that is half done."""
    user = _find(session, (User.fs_uniquifier == uniquifier) & User.active)
    return None if user is None else _person(session, user)


def admit(
    session: Session, *, user_id: int, is_right: bool, what: str, actor: Actor, now: datetime
) -> bool:
    """Judge a try that was compared already: whether it opens. `what` names it for the audit.

    A wrong one counts and may lock the account; while it is locked, nothing opens or counts.
    """
    user = session.scalars(
        sa.select(User)
        .where(User.id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    if user.locked_until is not None and now < user.locked_until:
        _note_failed(session, user, "locked", actor, now)
        return False
    if is_right:
        return True
    _forget_old(session, now)
    session.add(
        SignInAttempt(
            email_sha256=_digest(user.email),
            user_id=user.id,
            attempted_at=now,
            address=actor.address,
        )
    )
    session.flush()
    _note_failed(session, user, f"wrong {what}", actor, now)
    if _failures(session, user.id, now) >= FAILURES_ALLOWED:
        _lock(session, user, actor, now)
    return False


def complete_sign_in(session: Session, *, user_id: int, actor: Actor, now: datetime) -> str:
    """All that was asked for was right: begins a session and returns its token."""
    user = session.scalars(
        sa.select(User).where(User.id == user_id).with_for_update(key_share=True)
    ).one()
    _clear(session, user)
    user.last_login_at = user.current_login_at
    user.last_login_ip = user.current_login_ip
    user.current_login_at = now
    user.current_login_ip = actor.address
    user.login_count += 1
    token = start_session(
        session, user_id=user_id, address=actor.address, agent=actor.agent, now=now
    )
    role = effective_role(role.name for role in user.roles)
    record_event(
        session,
        action=AuditAction.SIGNED_IN,
        now=now,
        subject_type="users",
        subject_id=user_id,
        actor=Actor(
            ActorKind.PERSON,
            user.email,
            user.id,
            role.value if role else "",
            actor.address,
            actor.agent,
            actor.request_id,
        ),
    )
    return token


def unlock_user(session: Session, *, user_id: int, now: datetime) -> bool:
    """Forget the failed tries and the lockout; whether the account was locked."""
    user = session.scalars(
        sa.select(User).where(User.id == user_id).with_for_update(key_share=True)
    ).one()
    was_locked = user.locked_until is not None and now < user.locked_until
    _clear(session, user)
    if was_locked:
        record_event(
            session,
            action=AuditAction.UNLOCKED,
            now=now,
            subject_type="users",
            subject_id=user_id,
        )
    return was_locked


def _find(session: Session, which: sa.ColumnElement[bool]) -> User | None:
    return session.scalars(sa.select(User).where(which)).one_or_none()


def _person(session: Session, user: User) -> Person:
    factor = session.scalar(sa.select(SecondFactor.user_id).where(SecondFactor.user_id == user.id))
    return Person(
        id=user.id,
        email=user.email,
        role=effective_role(role.name for role in user.roles),
        locale=user.locale,
        uniquifier=user.fs_uniquifier,
        has_second_factor=factor is not None,
    )


def _failures(session: Session, user_id: int, now: datetime) -> int:
    count = session.scalar(
        sa.select(sa.func.count()).where(
            SignInAttempt.user_id == user_id, SignInAttempt.attempted_at > now - FAILURE_WINDOW
        )
    )
    return count or 0


def _lock(session: Session, user: User, actor: Actor, now: datetime) -> None:
    """The tries that led here are spent: after the lockout, counting begins anew."""
    _forget(session, SignInAttempt.user_id == user.id)
    user.lockouts += 1
    user.locked_until = now + lockout_length(user.lockouts)
    write_locked_letter(session, user=user, now=now)
    record_event(
        session,
        action=AuditAction.LOCKED_OUT,
        now=now,
        subject_type="users",
        subject_id=user.id,
        after={"until": user.locked_until.isoformat(), "times": user.lockouts},
        actor=actor,
    )


def _clear(session: Session, user: User) -> None:
    _forget(session, SignInAttempt.user_id == user.id)
    user.lockouts = 0
    user.locked_until = None


def _forget_old(session: Session, now: datetime) -> None:
    _forget(session, SignInAttempt.attempted_at < now - ATTEMPTS_KEPT)


def _forget(session: Session, which: sa.ColumnElement[bool]) -> None:
    session.execute(
        sa.delete(SignInAttempt).where(which).execution_options(synchronize_session=False)
    )


def _note_failed(
    session: Session, user: User | None, note: str, actor: Actor, now: datetime
) -> None:
    record_event(
        session,
        action=AuditAction.SIGN_IN_FAILED,
        now=now,
        subject_type="users" if user else "",
        subject_id=user.id if user else "",
        note=note,
        actor=actor,
    )


def _digest(email: str) -> bytes:
    return sha256(email.encode(errors="replace")).digest()
