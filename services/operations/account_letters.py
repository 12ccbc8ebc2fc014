"""Letters about an account, and codes, go to the outbox.

Belongs here: what is written to whom, at the door, where nobody is known to belong to a mall yet.
Not here: the words (message_words) and the sending (outbox).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from domain.message_templates import SPECS
from domain.notifications import Channel, Template
from domain.sign_in import TOKEN_LIFE, TokenPurpose
from services.operations.message_texts import render
from storage.models import Notification, User

LINK_TEMPLATES = {
    TokenPurpose.INVITATION: (Template.ACCOUNT_INVITATION, "hours", timedelta(hours=1)),
    TokenPurpose.PASSWORD_RESET: (Template.PASSWORD_RESET, "minutes", timedelta(minutes=1)),
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
    template, unit, size = LINK_TEMPLATES[purpose]
    _write(
        session,
        user=user,
        template=template,
        locale=locale,
        values={"name": _name(user), "link": link, unit: life // size},
        key=f"account-link/{token_id}",
        now=now,
        expires_at=now + life,
    )


def write_signing_code(
    session: Session,
    *,
    user: User,
    code_id: int,
    code: str,
    contract_number: str,
    locale: str,
    life: timedelta,
    now: datetime,
) -> Channel:
    """A code that confirms a signature, by text message to somebody with a telephone, else by
    letter; over which of them it goes. Nobody needs it once the code has run out.
    """
    channel = Channel.SMS if user.phone.strip() else Channel.EMAIL
    _write(
        session,
        user=user,
        template=Template.SIGNING_CODE,
        locale=user.locale or locale,
        values={
            "code": code,
            "contract": contract_number,
            "minutes": life // timedelta(minutes=1),
        },
        key=f"signing-code/{code_id}",
        now=now,
        expires_at=now + life,
        channel=channel,
    )
    return channel


def write_password_letter(session: Session, *, user: User, now: datetime) -> None:
    """The person is told that the password was changed."""
    _notice(session, user, Template.PASSWORD_CHANGED, now)


def write_second_factor_letter(
    session: Session, *, user: User, is_new: bool, now: datetime
) -> None:
    """The person is told of a new authenticator, or that there is none any more."""
    template = Template.SECOND_FACTOR_CHANGED if is_new else Template.SECOND_FACTOR_REMOVED
    _notice(session, user, template, now)


def write_locked_letter(session: Session, *, user: User, now: datetime) -> None:
    """The person is told of a lockout."""
    _notice(session, user, Template.ACCOUNT_LOCKED, now)


def _notice(session: Session, user: User, template: Template, now: datetime) -> None:
    _write(
        session,
        user=user,
        template=template,
        locale=user.locale or "zh_CN",
        values={"name": _name(user)},
        key=f"account/{template.value}/{user.id}/{now.isoformat()}",
        now=now,
        expires_at=None,
    )


def _name(user: User) -> str:
    return user.name or user.email


def _write(
    session: Session,
    *,
    user: User,
    template: Template,
    locale: str,
    values: Mapping[str, Any],
    key: str,
    now: datetime,
    expires_at: datetime | None,
    channel: Channel = Channel.EMAIL,
) -> None:
    text = render(template, locale=locale, values=values)
    secret = SPECS[template].secret
    session.add(
        Notification(
            mall_id=None,
            user_id=user.id,
            channel=channel,
            recipient=user.phone.strip() if channel is Channel.SMS else user.email,
            locale=locale,
            template=template.value,
            # A secret stands in the text to be sent alone.
            parameters={
                name: value
                for name, value in values.items()
                if secret is None or name != secret.name
            },
            subject=text.subject,
            body=text.masked,
            secret_body=text.body if secret else "",
            dedupe_key=key,
            send_after=now,
            expires_at=expires_at,
        )
    )
    session.flush()
