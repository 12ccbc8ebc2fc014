"""Messages to people: channels, delivery, and the hours in which a mall is quiet.

Belongs here: when a message may go and when a failed one is tried again. Not here: which day
calls for a reminder (`domain.reminders`), what a message is about (`domain.message_templates`)
and the words (services).
"""

from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

QUIET_FROM = time(21)
QUIET_UNTIL = time(8)

# Five tries over about seven hours; then a person has to look.
RETRY_AFTER = (
    timedelta(minutes=5),
    timedelta(minutes=20),
    timedelta(hours=1),
    timedelta(hours=6),
)


class Channel(StrEnum):
    IN_APP = "IN_APP"
    SMS = "SMS"
    EMAIL = "EMAIL"


class Audience(StrEnum):
    """For whom a message is; the people behind it are found when it is delivered."""

    SHOP = "SHOP"  # the shop's inbox, its contact, its people
    OFFICER = "OFFICER"  # in charge of the contract; without one, the mall's operation desk
    ROLE = "ROLE"  # everybody of the mall with a role
    PERSON = "PERSON"


class Topic(StrEnum):
    """What people may switch off, channel by channel."""

    LEASING = "LEASING"
    BILLING = "BILLING"
    ACCOUNT = "ACCOUNT"


class DeliveryState(StrEnum):
    PENDING = "PENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"  # the provider says that it arrived
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"  # its cause went away before it was sent


class Failure(StrEnum):
    """Why a delivery did not go, where the cause is told by us and not by its provider; with a
    detail it is kept as `UNREACHABLE: mail.example.org:587: timed out`.
    """

    NO_TELEPHONE = "NO_TELEPHONE"  # of the shop
    NO_NUMBER = "NO_NUMBER"  # what stands there takes no text messages
    NO_TEMPLATE = "NO_TEMPLATE"  # of the provider; for which message
    NO_VALUE = "NO_VALUE"  # for the provider's template; which variables
    UNREACHABLE = "UNREACHABLE"  # the provider; which, and what the network says
    ANSWER = "ANSWER"  # of a gateway of one's own; its status
    SIGN_IN = "SIGN_IN"  # the mail server does not take user or password; which
    NO_TLS = "NO_TLS"  # the password is not sent to the mail server in the clear; which
    NOT_ARRIVED = "NOT_ARRIVED"  # on the telephone, as reported
    NETWORK = "NETWORK"  # of telephones refused it, as reported
    FAULT = "FAULT"  # of ours; its kind

    def told(self, detail: str = "") -> str:
        return f"{self.value}: {detail}" if detail else self.value


class Unaddressed(StrEnum):
    """Why a message of the outbox reached nobody."""

    NOBODY = "NOBODY"  # no account and no address is behind the audience
    SWITCHED_OFF = "SWITCHED_OFF"  # by everybody
    EXPIRED = "EXPIRED"  # nobody needs it any more
    SETTLED = "SETTLED"  # its cause went away: the bill is not owed any more
    WORDS = "WORDS"  # its words and its values do not fit


class Template(StrEnum):
    PAYMENT_REMINDER = "PAYMENT_REMINDER"
    PAYMENT_OVERDUE = "PAYMENT_OVERDUE"
    ACCOUNT_INVITATION = "ACCOUNT_INVITATION"
    PASSWORD_RESET = "PASSWORD_RESET"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"
    SECOND_FACTOR_CHANGED = "SECOND_FACTOR_CHANGED"
    SECOND_FACTOR_REMOVED = "SECOND_FACTOR_REMOVED"
    ACCOUNT_LOCKED = "ACCOUNT_LOCKED"
    SIGNING_CODE = "SIGNING_CODE"
    CONTRACT_SUBMITTED = "CONTRACT_SUBMITTED"
    CONTRACT_APPROVED = "CONTRACT_APPROVED"
    CONTRACT_REJECTED = "CONTRACT_REJECTED"
    CONTRACT_SENT = "CONTRACT_SENT"
    CONTRACT_RECALLED = "CONTRACT_RECALLED"
    CONTRACT_SIGNED = "CONTRACT_SIGNED"
    CONTRACT_DECLINED = "CONTRACT_DECLINED"
    CONTRACT_ACTIVE = "CONTRACT_ACTIVE"
    CONTRACT_ENDED = "CONTRACT_ENDED"
    CHANGE_SUBMITTED = "CHANGE_SUBMITTED"
    CHANGE_REJECTED = "CHANGE_REJECTED"
    AMENDMENT_SENT = "AMENDMENT_SENT"
    AMENDMENT_SIGNED = "AMENDMENT_SIGNED"
    AMENDMENT_DECLINED = "AMENDMENT_DECLINED"
    TERMINATION_NOTICE = "TERMINATION_NOTICE"
    RENEWAL_REMINDER = "RENEWAL_REMINDER"
    RENEWAL_ASKED = "RENEWAL_ASKED"
    RENEWAL_REFUSED = "RENEWAL_REFUSED"


# Nobody is reminded of a bill that is not owed any more.
REMINDERS = frozenset({Template.PAYMENT_REMINDER, Template.PAYMENT_OVERDUE})


def is_quiet(instant: datetime, zone: ZoneInfo) -> bool:
    """Whether it is 21:00 to 08:00 in `zone` at an aware `instant`."""
    local = instant.astimezone(zone).time()
    return local >= QUIET_FROM or local < QUIET_UNTIL


def after_quiet_hours(instant: datetime, zone: ZoneInfo) -> datetime:
    """`instant` itself, or the next 08:00 in `zone` when it lies in the quiet hours."""
    if not is_quiet(instant, zone):
        return instant
    local = instant.astimezone(zone)
    day = local.date() + timedelta(days=1 if local.time() >= QUIET_FROM else 0)
    return datetime.combine(day, QUIET_UNTIL, zone).astimezone(instant.tzinfo)


def retry_after(attempts: int) -> timedelta | None:
    """How long to wait after `attempts` failed tries (1 or more); None: give up."""
    return RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None
