"""The outbox is emptied: deliveries that are due go out through their channels.

Belongs here: claiming, sending, trying again, giving up, and sending again what was given up. Not
here: what is written to the outbox (messages), who it is for (message_addressing), what providers
report afterwards (delivery_reports) and the providers themselves (gateways).

No database transaction is open while a gateway talks to the network. Every delivery is made at
least once: one whose process died between sending and noting it goes out again after some
minutes, with the same reference. Processes and threads running at the same time share the work.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from domain.bills import OWED
from domain.message_templates import SECRET
from domain.notifications import (
    REMINDERS,
    RETRY_AFTER,
    Channel,
    DeliveryState,
    Failure,
    Template,
    retry_after,
)
from services.gateways.message import (
    Gateway,
    Message,
    PermanentError,
    Receipt,
    RetryableError,
)
from services.operations.message_texts import secret_in, shown_values, subject_of
from services.queries.quiet_hours import is_awake
from storage.database import transaction
from storage.models import Bill, Notification, Shop

# Claimed together by a sweep: so few that even with a provider that hangs all of them are tried
# before others may take them. When its process dies, so many wait for their next try.
BATCH = 5
ERROR_LENGTH = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """`failed` are given up for good, `postponed` are tried again later, `cancelled` lost their
    cause (the bill was paid, the link ran out) before they went.
    """

    sent: int
    failed: int
    postponed: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send now; `attempts` counts this one."""

    id: int
    attempts: int
    message: Message


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of sending: SENT, PENDING (tried again) or FAILED (given up)."""

    state: DeliveryState
    error: str = ""
    receipt: Receipt | None = None


class Refusal(StrEnum):
    """Why a delivery cannot be sent again."""

    UNKNOWN = "UNKNOWN"  # there is none in reach
    NOT_FAILED = "NOT_FAILED"
    SECRET = "SECRET"  # its text opened something and is not kept
    EXPIRED = "EXPIRED"  # nobody needs it any more


class NotResendable(Exception):
    def __init__(self, notification_id: int, refusal: Refusal) -> None:
        self.notification_id = notification_id
        self.refusal = refusal
        super().__init__(f"delivery {notification_id} cannot be sent again: {refusal}")


def deliver_notifications(
    engine: sa.Engine,
    *,
    gateways: Mapping[Channel, Gateway],
    clock: Callable[[], datetime],
    is_letters_alone: bool = False,
) -> DeliveryResult:
    """Send all that is due through the channels that have a gateway, each in a thread of its own;
    or of that the letters about accounts alone. It may take a quarter of an hour: `clock` is read
    whenever something is claimed or noted.
    """
    cancelled = cancel_needless(engine, now=clock())
    states: Counter[DeliveryState] = Counter()
    with ThreadPoolExecutor(max(1, len(gateways)), "outbox") as pool:
        for counted in pool.map(
            lambda channel: _empty(engine, channel, gateways[channel], clock, is_letters_alone),
            gateways,
        ):
            states += counted
    return DeliveryResult(
        sent=states[DeliveryState.SENT],
        failed=states[DeliveryState.FAILED],
        postponed=states[DeliveryState.PENDING],
        cancelled=cancelled,
    )


def _empty(
    engine: sa.Engine,
    channel: Channel,
    gateway: Gateway,
    clock: Callable[[], datetime],
    is_letters_alone: bool,
) -> Counter[DeliveryState]:
    states: Counter[DeliveryState] = Counter()
    while claimed := claim_deliveries(
        engine, channel=channel, now=clock(), limit=BATCH, is_letters_alone=is_letters_alone
    ):
        for one in claimed:
            outcome = send_claimed(gateway, one)
            note_outcome(engine, one, outcome, now=clock())
            states[outcome.state] += 1
    return states


def cancel_needless(engine: sa.Engine, *, now: datetime) -> int:
    """Nobody is reminded of a bill that is no longer owed, or sent a link that ran out."""
    needless = sa.or_(
        Notification.expires_at <= now,
        sa.and_(
            Notification.template.in_([one.value for one in REMINDERS]),
            Notification.bill_id.in_(sa.select(Bill.id).where(Bill.state.not_in(OWED))),
        ),
    )
    with transaction(engine) as session:
        gone = session.scalars(
            sa.update(Notification)
            .where(Notification.state == DeliveryState.PENDING, needless)
            .values(state=DeliveryState.CANCELLED, secret_body="")
            .returning(Notification.id)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())


def claim_deliveries(
    engine: sa.Engine,
    *,
    channel: Channel,
    now: datetime,
    limit: int,
    is_letters_alone: bool = False,
) -> list[Claimed]:
    """The next deliveries of a channel that are due, put off until after a retry's wait: if this
    process dies now, another finds them then.
    """
    with transaction(engine) as session:
        due = (
            sa.select(Notification.id)
            .where(
                Notification.state == DeliveryState.PENDING,
                Notification.channel == channel,
                Notification.send_after <= now,
                sa.func.coalesce(Notification.expires_at > now, sa.true()),
                Notification.mall_id.is_(None) if is_letters_alone else sa.true(),
                is_awake(session, now),
            )
            .order_by(Notification.send_after, Notification.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        found = session.scalars(
            sa.update(Notification)
            .where(Notification.id == due.c.id)
            .values(
                attempts=Notification.attempts + 1,
                send_after=_next_try(now),
                recipient=_recipient(),
                # Named before it goes: a report may be quicker than our note of what was sent.
                provider_id=sa.case(
                    (Notification.provider_id == "", sa.cast(sa.func.gen_random_uuid(), sa.Text)),
                    else_=Notification.provider_id,
                ),
            )
            .returning(Notification)
            .options(undefer(Notification.secret_body))
            .execution_options(synchronize_session=False)
        ).all()
        return [
            Claimed(notification.id, notification.attempts, _message_of(notification))
            for notification in sorted(found, key=attrgetter("id"))
        ]


def _next_try(now: datetime) -> sa.ColumnElement[datetime]:
    """When another process may try, by the tries so far."""
    return sa.case(
        {tries: now + wait for tries, wait in enumerate(RETRY_AFTER)},
        value=Notification.attempts,
        else_=now + RETRY_AFTER[-1],
    )


def _recipient() -> sa.ColumnElement[str]:
    """A text message given up for want of a number, and sent again, takes the shop's of now."""
    phone = sa.select(sa.func.trim(Shop.contact_phone)).where(Shop.id == Notification.shop_id)
    return sa.case(
        (
            sa.and_(Notification.channel == Channel.SMS, Notification.recipient == ""),
            sa.func.coalesce(phone.scalar_subquery(), ""),
        ),
        else_=Notification.recipient,
    )


def _message_of(notification: Notification) -> Message:
    template, locale = notification.template, notification.locale
    body = notification.secret_body or notification.body
    values: dict[str, str] = {}
    if template in set(Template):
        known = Template(template)
        # Only some providers want them: what cannot be shown as it stands is theirs to refuse.
        with suppress(ArithmeticError, LookupError, TypeError, ValueError):
            values = shown_values(known, locale=locale, values=notification.parameters)
        values |= secret_in(known, masked=notification.body, body=body)
    return Message(
        reference=f"{notification.mall_id or 'people'}/{notification.dedupe_key}",
        recipient=notification.recipient,
        subject=notification.subject or subject_of(template, locale),
        body=body,
        template=template,
        locale=locale,
        values=values,
        report_key=notification.provider_id,
    )


def send_claimed(gateway: Gateway, claimed: Claimed) -> Outcome:
    """Hand a delivery to its gateway. Nothing of the database is held meanwhile."""
    try:
        receipt = gateway.send(claimed.message)
    except PermanentError as error:
        return Outcome(DeliveryState.FAILED, _kept(str(error)))
    except RetryableError as error:
        return _postponed(claimed, str(error))
    except Exception as error:  # noqa: BLE001  # one odd message must not hold up the others
        # Neither the message nor the error's text: either may hold what opens an account.
        log.error("delivery %s failed unexpectedly: %s", claimed.id, type(error).__name__)
        return _postponed(claimed, Failure.FAULT.told(type(error).__name__))
    return Outcome(DeliveryState.SENT, receipt=receipt)


def _postponed(claimed: Claimed, error: str) -> Outcome:
    is_last = retry_after(claimed.attempts) is None
    return Outcome(DeliveryState.FAILED if is_last else DeliveryState.PENDING, _kept(error))


def _kept(text: str) -> str:
    """What a provider says, as the database takes it."""
    return text.replace("\0", "")[:ERROR_LENGTH]


def note_outcome(engine: sa.Engine, claimed: Claimed, outcome: Outcome, *, now: datetime) -> None:
    """Keep what became of a delivery. A report that came meanwhile is not undone."""
    statement = sa.update(Notification).where(Notification.id == claimed.id)
    if outcome.state is not DeliveryState.SENT:
        statement = statement.where(Notification.state == DeliveryState.PENDING).values(
            state=outcome.state, error=outcome.error
        )
        if outcome.state is DeliveryState.FAILED:
            statement = statement.values(secret_body="")
    else:
        receipt = outcome.receipt or Receipt("")
        is_reported = Notification.state.in_((DeliveryState.DELIVERED, DeliveryState.FAILED))
        statement = statement.values(
            state=sa.case((is_reported, Notification.state), else_=DeliveryState.SENT),
            error=sa.case((is_reported, Notification.error), else_=""),
            secret_body="",
            sent_at=now,
            provider=receipt.provider,
            provider_id=_kept(receipt.provider_id),
        )
    with transaction(engine) as session:
        session.execute(statement)


def why_not_resendable(
    state: DeliveryState, *, template: str, expires_at: datetime | None, now: datetime
) -> Refusal | None:
    """Why a delivery cannot be sent again; None when it can."""
    if state is not DeliveryState.FAILED:
        return Refusal.NOT_FAILED
    if template in {one.value for one in SECRET}:
        return Refusal.SECRET
    if expires_at is not None and expires_at <= now:
        return Refusal.EXPIRED
    return None


def resend_notification(session: Session, *, notification_id: int, now: datetime) -> None:
    """Send a delivery that was given up once more, with all its tries. The caller commits.

    A text message that had no number takes the shop's number of then. Raises NotResendable.
    """
    found = session.execute(
        sa.select(Notification.state, Notification.template, Notification.expires_at)
        .where(Notification.id == notification_id)
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise NotResendable(notification_id, Refusal.UNKNOWN)
    state, template, expires_at = found
    refusal = why_not_resendable(state, template=template, expires_at=expires_at, now=now)
    if refusal is not None:
        raise NotResendable(notification_id, refusal)
    session.execute(
        sa.update(Notification)
        .where(Notification.id == notification_id)
        .values(state=DeliveryState.PENDING, attempts=0, error="", send_after=now)
    )
