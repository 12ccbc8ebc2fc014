"""One-time codes by which a person without an authenticator confirms a signature.

Belongs here: sending a code and taking it once. Not here: the password and the lockout (sign_in),
authenticators (second_factor), the words (message_words) and what is signed (papers).

Only the newest code of a person and paper counts. A code is kept as an HMAC under a secret of the
installation, since six digits are found by trying them all; its text stands in the message alone,
until that went.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.notifications import Channel
from domain.signing import CODE_DIGITS, CODE_LIFE, CODE_TRIES, CODE_WAIT
from services.operations.account_letters import write_signing_code
from storage.models import SigningCode, User

SECRET_NAME = "signing_code_key"


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code on its way. `recipient` shows enough of the address to know it."""

    channel: Channel
    recipient: str
    expires_at: datetime


class TooSoon(Exception):
    """A code was sent a moment ago; `wait` is how long until there may be another."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"another code may be sent in {wait.total_seconds():.0f} s")
        self.wait = wait


def send_signing_code(
    session: Session,
    *,
    user_id: int,
    paper_id: int,
    contract_number: str,
    secret: str,
    locale: str,
    now: datetime,
) -> SentCode:
    """A new code for a person and a paper, in place of any other: by text message to somebody
    with a telephone, else by letter. Raises TooSoon.
    """
    user = session.scalars(
        sa.select(User).where(User.id == user_id).with_for_update(key_share=True)
    ).one()
    newest = _newest(session, user_id, paper_id)
    if newest is not None and now < newest.sent_at + CODE_WAIT:
        raise TooSoon(newest.sent_at + CODE_WAIT - now)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    row = SigningCode(
        user_id=user_id,
        paper_id=paper_id,
        code_hash=_digest(code, user_id, paper_id, secret),
        tries=0,
        sent_at=now,
        expires_at=now + CODE_LIFE,
    )
    session.add(row)
    session.flush()
    channel = write_signing_code(
        session,
        user=user,
        code_id=row.id,
        code=code,
        contract_number=contract_number,
        locale=locale,
        life=CODE_LIFE,
        now=now,
    )
    recipient = user.phone if channel is Channel.SMS else user.email
    return SentCode(channel, masked(recipient), row.expires_at)


def code_waits_until(
    session: Session, *, user_id: int, paper_id: int, now: datetime
) -> datetime | None:
    """Until when the newest code would be taken; None when no code would be."""
    newest = _newest(session, user_id, paper_id)
    return newest.expires_at if newest is not None and _is_live(newest, now) else None


def take_signing_code(
    session: Session, *, user_id: int, paper_id: int, code: str, secret: str, now: datetime
) -> bool:
    """Whether `code` is the newest one, still good and not taken before; then it is taken.

    A wrong one counts: after CODE_TRIES of them, no code is right until another was sent. Tries
    at the same time wait for one another. The caller commits either way.
    """
    row = _newest(session, user_id, paper_id, lock=True)
    if row is None or not _is_live(row, now):
        return False
    typed = "".join(character for character in code if character.isdecimal())
    if not hmac.compare_digest(row.code_hash, _digest(typed, user_id, paper_id, secret)):
        row.tries += 1
        session.flush()
        return False
    row.used_at = now
    session.flush()
    return True


def masked(recipient: str) -> str:
    """`138****0001`, `b***@example.org`."""
    name, at, host = recipient.partition("@")
    if at:
        return f"{name[:1]}***@{host}"
    return f"{recipient[:3]}****{recipient[-4:]}" if len(recipient) > 7 else "****"


def _newest(
    session: Session, user_id: int, paper_id: int, *, lock: bool = False
) -> SigningCode | None:
    statement = (
        sa.select(SigningCode)
        .where(SigningCode.user_id == user_id, SigningCode.paper_id == paper_id)
        .order_by(SigningCode.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement.with_for_update() if lock else statement).first()


def _is_live(row: SigningCode, now: datetime) -> bool:
    return row.used_at is None and row.tries < CODE_TRIES and now < row.expires_at


def _digest(code: str, user_id: int, paper_id: int, secret: str) -> str:
    """A code is good for one person and one paper."""
    said = f"{user_id}|{paper_id}|{code}".encode(errors="replace")
    return hmac.new(secret.encode(), said, "sha256").hexdigest()
