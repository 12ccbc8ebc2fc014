"""Letters about an account go to the outbox.

Belongs here: what is written to whom. Not here: the words (message_texts) and the sending
(outbox).
"""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.notifications import Channel, Template
from domain.sign_in import TOKEN_LIFE, TokenPurpose
from services.operations import message_texts
from storage.models import Notification, User

LINK_TEMPLATES = {
    TokenPurpose.INVITATION: Template.ACCOUNT_INVITATION,
    TokenPurpose.PASSWORD_RESET: Template.PASSWORD_RESET,
}


def write_link_letter(
    session: Session,
    *,
    user: User,
    purpose: TokenPurpose,
    token_id: int,
    link: str,
    locale: str,
    now: datetime,
) -> None:
    """A letter with a link that sets the password. Nobody needs it once the link has run out."""
    life = TOKEN_LIFE[purpose]
    letter = {
        TokenPurpose.INVITATION: message_texts.invitation,
        TokenPurpose.PASSWORD_RESET: message_texts.password_reset,
    }[purpose]
    _write(
        session,
        user=user,
        template=LINK_TEMPLATES[purpose],
        locale=locale,
        body=letter(locale=locale, name=user.name or user.email, link=link, life=life),
        key=f"account-link/{token_id}",
        now=now,
        expires_at=now + life,
    )


def write_password_letter(session: Session, *, user: User, now: datetime) -> None:
    """The person is told that the password was changed."""
    _notice(session, user, Template.PASSWORD_CHANGED, message_texts.password_changed, now)


def write_second_factor_letter(
    session: Session, *, user: User, is_new: bool, now: datetime
) -> None:
    """The person is told of a new authenticator, or that there is none any more."""
    words = message_texts.second_factor_enrolled if is_new else message_texts.second_factor_removed
    _notice(session, user, Template.SECOND_FACTOR_CHANGED, words, now)


def write_locked_letter(session: Session, *, user: User, now: datetime) -> None:
    """The person is told of a lockout."""
    _notice(session, user, Template.ACCOUNT_LOCKED, message_texts.account_locked, now)


def _notice(
    session: Session,
    user: User,
    template: Template,
    words: message_texts.Notice,
    now: datetime,
) -> None:
    locale = user.locale or "zh_CN"
    _write(
        session,
        user=user,
        template=template,
        locale=locale,
        body=words(locale=locale, name=user.name or user.email),
        key=f"account/{template.value}/{user.id}/{now.isoformat()}",
        now=now,
        expires_at=None,
    )


def _write(
    session: Session,
    *,
    user: User,
    template: Template,
    locale: str,
    body: str,
    key: str,
    now: datetime,
    expires_at: datetime | None,
) -> None:
    session.add(
        Notification(
            mall_id=None,
            user_id=user.id,
            channel=Channel.EMAIL,
            recipient=user.email,
            locale=locale,
            template=template.value,
            body=body,
            dedupe_key=key,
            send_after=now,
            expires_at=expires_at,
        )
    )
    session.flush()
