"""What signing in remembers: sessions, failed tries, links sent by mail, second factors.

Only digests of what opens a door are kept, but for the key of an authenticator, which is needed
to compute its codes and is stored encrypted.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA

from domain.sign_in import SessionEnd, TokenPurpose
from storage.models.base import Base, Id, Mapped, mapped_column, one_of


def _of_user() -> Mapped[int]:
    return mapped_column(sa.ForeignKey("app.users.id", ondelete="CASCADE"))


class UserSession(Base):
    """A person signed in with one browser. `fresh_at`: when the password was last given."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        sa.Index("ix_user_sessions_user_id", "user_id", "ended_at"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    user_id: Mapped[int] = _of_user()
    token_sha256: Mapped[bytes] = mapped_column(BYTEA, unique=True)
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    fresh_at: Mapped[datetime]
    address: Mapped[str]
    agent: Mapped[str]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[SessionEnd | None] = mapped_column(one_of(SessionEnd))


class SignInAttempt(Base):
    """A wrong password or code since the last whole sign-in. `email_sha256` stands for what was
    typed, which may be a password in the wrong field; `user_id` is null for people unknown.
    """

    __tablename__ = "sign_in_attempts"
    __table_args__ = (
        sa.Index("ix_sign_in_attempts_user_id", "user_id", "attempted_at"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    email_sha256: Mapped[bytes] = mapped_column(BYTEA)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.users.id", ondelete="CASCADE"))
    attempted_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str]


class AccountToken(Base):
    """A link sent by mail, which sets a password once."""

    __tablename__ = "account_tokens"
    __table_args__ = (
        sa.Index("ix_account_tokens_user_id", "user_id", "purpose"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    user_id: Mapped[int] = _of_user()
    purpose: Mapped[TokenPurpose] = mapped_column(one_of(TokenPurpose))
    token_sha256: Mapped[bytes] = mapped_column(BYTEA, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SecondFactor(Base):
    """A person's authenticator. `last_counter` is the time step of the last code that was taken:
    neither it nor an older one is taken again.
    """

    __tablename__ = "second_factors"
    __table_args__ = ({"schema": "app"},)
    user_id: Mapped[int] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="CASCADE"), primary_key=True
    )
    totp_key: Mapped[str]
    last_counter: Mapped[int]
    enrolled_at: Mapped[datetime]


class RecoveryCode(Base):
    """A code for the day the authenticator is lost; `digest` is keyed with a secret."""

    __tablename__ = "recovery_codes"
    __table_args__ = ({"schema": "app"},)
    user_id: Mapped[int] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[bytes] = mapped_column(BYTEA, primary_key=True)
    used_at: Mapped[datetime | None]
