"""Signing in: how long a session lives, when an account is locked, what a password may not be.

Belongs here: the figures and the rules. Not here: keeping them (services), asking people (webapp).
"""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.people import Role

IDLE_SESSION = timedelta(minutes=30)
ABSOLUTE_SESSION = timedelta(hours=8)
# How exact the last sign of a session is kept; it keeps reading from becoming writing.
SEEN_EVERY = timedelta(minutes=1)
# What changes money, roles or the account itself asks for the password again after this long.
FRESH_FOR = timedelta(minutes=15)
# From the password to the second factor.
SECOND_STEP_WITHIN = timedelta(minutes=10)

FAILURES_ALLOWED = 5
FAILURE_WINDOW = timedelta(minutes=15)
FIRST_LOCKOUT = timedelta(minutes=15)
LONGEST_LOCKOUT = timedelta(hours=24)

SECOND_FACTOR_ROLES = frozenset({Role.SUPER_ADMIN, Role.FINANCE})
RECOVERY_CODES = 10

# NIST SP 800-63B, 5.1.1.2: length counts, composition does not.
PASSWORD_MINIMUM = 12
PASSWORD_MAXIMUM = 128
PASSWORD_SCORE = 3


class SessionEnd(StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "SIGNED_OUT"
    IDLE = "IDLE"
    TOO_OLD = "TOO_OLD"
    ENDED_BY_PERSON = "ENDED_BY_PERSON"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"
    SECOND_FACTOR_CHANGED = "SECOND_FACTOR_CHANGED"
    ACCOUNT_CHANGED = "ACCOUNT_CHANGED"  # its role, malls, shops, or that it is active


class TokenPurpose(StrEnum):
    """What the link of a letter is for."""

    INVITATION = "INVITATION"
    PASSWORD_RESET = "PASSWORD_RESET"


TOKEN_LIFE = {
    TokenPurpose.INVITATION: timedelta(hours=72),
    TokenPurpose.PASSWORD_RESET: timedelta(minutes=30),
}


class PasswordFault(StrEnum):
    """Why a password is refused, or what makes it easy to guess."""

    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    COMMON = "COMMON"
    ABOUT_YOU = "ABOUT_YOU"
    KEYBOARD = "KEYBOARD"
    REPEAT = "REPEAT"
    SEQUENCE = "SEQUENCE"
    DATE = "DATE"
    WORDS = "WORDS"
    EASY = "EASY"


def session_end(
    started_at: datetime, last_seen_at: datetime, now: datetime
) -> tuple[datetime, SessionEnd] | None:
    """When and why a session ended by itself; None while it lives."""
    by_age = started_at + ABSOLUTE_SESSION
    by_rest = last_seen_at + IDLE_SESSION
    if now < min(by_age, by_rest):
        return None
    return (by_rest, SessionEnd.IDLE) if by_rest < by_age else (by_age, SessionEnd.TOO_OLD)


def lockout_length(times: int) -> timedelta:
    """How long the lockout lasts that is the `times`-th (1 or more) since the last whole sign-in:
    15 minutes, doubled each time, 24 hours at most.
    """
    doubled = FIRST_LOCKOUT * (1 << min(times - 1, 10))
    return min(doubled, LONGEST_LOCKOUT)


def needs_second_factor(role: Role | None) -> bool:
    """Whether the role may enter only with a second factor."""
    return role in SECOND_FACTOR_ROLES
