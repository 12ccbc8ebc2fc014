"""Links sent by mail that set a password: invitations and resets.

Belongs here: making, finding and spending them. Not here: the pages (webapp.auth) and the letters
(account_letters).

A link carries 256 random bits, of which the SHA-256 is kept. It works once and for its time, and
a newer one of the same kind ends it.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.audit import AuditAction
from domain.scopes import Actor, ActorKind
from domain.sign_in import TOKEN_LIFE, SessionEnd, TokenPurpose
from services.operations.account_letters import write_link_letter, write_password_letter
from services.operations.audit import record_event
from services.operations.passwords import hash_password
from services.operations.sessions import end_all_sessions
from services.operations.sign_in import unlock_user
from storage.models import AccountToken, User

# A mailbox cannot be flooded by somebody who knows its address.
RESETS_AN_HOUR = 3
LINK_PATH = "/link/"


class LinkUsedUp(Exception):
    """The link was used, ran out, was followed by a newer one, or never was."""


class NoSuchAccount(Exception):
    """No account has that address, or it is not active."""


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """Whose password a link may set."""

    user_id: int
    email: str
    locale: str
    purpose: TokenPurpose


def send_invitation(
    session: Session, *, user_id: int, site: str, locale: str, now: datetime
) -> None:
    """Invite an account's person to choose a password. `site` is the address of the site
    (https://mall.example.org); `locale` is for a person who has chosen none. Raises NoSuchAccount.
    """
    user = session.get(User, user_id)
    if user is None or not user.active:
        raise NoSuchAccount(f"there is no active account {user_id}")
    _send(session, user, TokenPurpose.INVITATION, site, locale, now)
    _tell(session, AuditAction.INVITED, user, now)


def send_password_reset(
    session: Session, *, email: str, site: str, locale: str, actor: Actor, now: datetime
) -> bool:
    """Send a reset link when an active account has the address and did not have three letters
    within the hour; whether it was sent, which a page must not show.
    """
    user = session.scalars(
        sa.select(User).where(User.email == email.strip().lower(), User.active)
    ).one_or_none()
    if user is None or _resets_since(session, user.id, now - timedelta(hours=1)) >= RESETS_AN_HOUR:
        return False
    _send(session, user, TokenPurpose.PASSWORD_RESET, site, locale, now)
    _tell(session, AuditAction.PASSWORD_RESET_ASKED, user, now, actor)
    return True


def find_link(session: Session, *, token: str, now: datetime) -> LinkHolder | None:
    """Whose link this is, if it still works; nothing is spent by asking."""
    row = session.execute(
        sa.select(User.id, User.email, User.locale, AccountToken.purpose)
        .join(AccountToken, AccountToken.user_id == User.id)
        .where(_works(token, now), User.active)
    ).one_or_none()
    return None if row is None else LinkHolder(row[0], row[1], row[2], row[3])


def set_password_by_link(
    session: Session,
    *,
    token: str,
    password: str,
    salt: str,
    locale: str,
    actor: Actor,
    now: datetime,
) -> LinkHolder:
    """Spend the link: its password is set, a lockout ends, and so does every session. Somebody
    who has chosen no language has `locale` from now on.

    Raises WeakPassword (then nothing is spent) and LinkUsedUp.
    """
    holder = find_link(session, token=token, now=now)
    if holder is None:
        raise LinkUsedUp
    about = words_about(session, user_id=holder.user_id)
    password_hash = hash_password(password, salt, about=about)
    spent = session.scalar(
        sa.update(AccountToken)
        .where(_works(token, now))
        .values(used_at=now)
        .returning(AccountToken.id)
    )
    if spent is None:
        raise LinkUsedUp
    user = session.get_one(User, holder.user_id)
    user.password = password_hash
    user.locale = user.locale or locale
    _end_links(session, user.id, now)
    unlock_user(session, user_id=user.id, now=now)
    end_all_sessions(session, user_id=user.id, now=now, reason=SessionEnd.PASSWORD_CHANGED)
    is_invitation = holder.purpose is TokenPurpose.INVITATION
    _tell(
        session,
        AuditAction.INVITATION_ACCEPTED if is_invitation else AuditAction.PASSWORD_RESET,
        user,
        now,
        Actor(
            ActorKind.PERSON,
            user.email,
            user.id,
            "",
            actor.address,
            actor.agent,
            actor.request_id,
        ),
    )
    if not is_invitation:
        write_password_letter(session, user=user, now=now)
    return holder


def change_password(
    session: Session,
    *,
    user_id: int,
    password: str,
    salt: str,
    now: datetime,
    session_id: int | None = None,
) -> None:
    """A new password for somebody who proved who they are; every session but `session_id` ends,
    and links sent before. Raises WeakPassword.
    """
    user = session.get_one(User, user_id)
    user.password = hash_password(password, salt, about=words_about(session, user_id=user_id))
    _end_links(session, user_id, now)
    end_all_sessions(
        session,
        user_id=user_id,
        now=now,
        reason=SessionEnd.PASSWORD_CHANGED,
        except_id=session_id,
    )
    _tell(session, AuditAction.PASSWORD_CHANGED, user, now)
    write_password_letter(session, user=user, now=now)


def choose_language(session: Session, *, user_id: int, locale: str) -> None:
    """The language of a person's pages and letters from now on."""
    session.execute(sa.update(User).where(User.id == user_id).values(locale=locale))


def words_about(session: Session, *, user_id: int) -> Iterable[str]:
    """What others know of a person: name, address, the names of their malls and shops."""
    found = session.scalar(sa.select(sa.func.app.words_about_user(user_id)))
    return [str(word) for word in found or ()]


def _send(
    session: Session,
    user: User,
    purpose: TokenPurpose,
    site: str,
    locale: str,
    now: datetime,
) -> None:
    _end_links(session, user.id, now, purpose)
    token = secrets.token_urlsafe(32)
    row = AccountToken(
        user_id=user.id,
        purpose=purpose,
        token_sha256=_digest(token),
        created_at=now,
        expires_at=now + TOKEN_LIFE[purpose],
    )
    session.add(row)
    session.flush()
    write_link_letter(
        session,
        user=user,
        purpose=purpose,
        token_id=row.id,
        link=f"{site}{LINK_PATH}{token}",
        locale=user.locale or locale,
        now=now,
    )


def _works(token: str, now: datetime) -> sa.ColumnElement[bool]:
    return (
        (AccountToken.token_sha256 == _digest(token))
        & AccountToken.used_at.is_(None)
        & (AccountToken.expires_at > now)
    )


def _end_links(
    session: Session, user_id: int, now: datetime, purpose: TokenPurpose | None = None
) -> None:
    which = [AccountToken.user_id == user_id, AccountToken.used_at.is_(None)]
    which.append(AccountToken.expires_at > now)
    if purpose is not None:
        which.append(AccountToken.purpose == purpose)
    session.execute(sa.update(AccountToken).where(*which).values(expires_at=now))


def _resets_since(session: Session, user_id: int, since: datetime) -> int:
    count = session.scalar(
        sa.select(sa.func.count()).where(
            AccountToken.user_id == user_id,
            AccountToken.purpose == TokenPurpose.PASSWORD_RESET,
            AccountToken.created_at > since,
        )
    )
    return count or 0


def _tell(
    session: Session, action: AuditAction, user: User, now: datetime, actor: Actor | None = None
) -> None:
    record_event(
        session,
        action=action,
        now=now,
        subject_type="users",
        subject_id=user.id,
        actor=actor,
    )


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
