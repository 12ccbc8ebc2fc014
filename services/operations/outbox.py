"""The outbox is emptied: messages that are due go out through their channels.

Belongs here: claiming, sending, trying again, giving up. Not here: what is written to the outbox
(the operation that causes it) and the providers (gateways). No database transaction is open
while a gateway talks to the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.bills import OWED
from domain.notifications import (
    OPENS_AN_ACCOUNT,
    RETRY_AFTER,
    WAITS_FOR_MORNING,
    Channel,
    DeliveryState,
    Template,
    is_quiet,
    retry_after,
)
from services.gateways.message import Gateway, Message, PermanentError, RetryableError
from services.operations.message_texts import subject
from storage.database import transaction
from storage.models import Bill, Mall, Notification

BATCH = 100


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """`failed` are given up for good, `postponed` are tried again later, `cancelled` lost their
    cause (the bill was paid, the link ran out) before they went.
    """

    sent: int
    failed: int
    postponed: int
    cancelled: int


def deliver_notifications(
    engine: sa.Engine,
    *,
    gateways: Mapping[Channel, Gateway],
    now: datetime,
    account_letters: int | None = None,
) -> DeliveryResult:
    """Send what is due at `now` through the channels that have a gateway: everything, or at most
    so many letters about accounts and nothing else.

    Every message is delivered at least once: one whose process died between sending and noting
    it goes out again after some minutes, with the same reference. Processes running at the same
    time share the work.
    """
    counts = dict.fromkeys(DeliveryState, 0)
    with transaction(engine) as session:
        counts[DeliveryState.CANCELLED] = _cancel_needless(session, now)
    while claimed := _claim(engine, list(gateways), now, account_letters):
        for notification in claimed:
            state, error = _send(gateways[notification.channel], notification)
            _note(engine, notification, state, error, now)
            counts[state] += 1
        if account_letters is not None:
            break
    return DeliveryResult(
        sent=counts[DeliveryState.SENT],
        failed=counts[DeliveryState.FAILED],
        postponed=counts[DeliveryState.PENDING],
        cancelled=counts[DeliveryState.CANCELLED],
    )


def _cancel_needless(session: Session, now: datetime) -> int:
    """Nobody is reminded of a bill that is no longer owed, or sent a link that ran out."""
    outlived = session.scalars(
        sa.update(Notification)
        .where(Notification.state == DeliveryState.PENDING, Notification.expires_at <= now)
        .values(state=DeliveryState.CANCELLED, body=_kept_body(DeliveryState.CANCELLED))
        .returning(Notification.id)
        .execution_options(synchronize_session=False)
    )
    gone = len(outlived.all())
    cancelled = session.scalars(
        sa.update(Notification)
        .where(
            Notification.state == DeliveryState.PENDING,
            Notification.template == Template.PAYMENT_REMINDER.value,
            Notification.bill_id.in_(sa.select(Bill.id).where(Bill.state.not_in(OWED))),
        )
        .values(state=DeliveryState.CANCELLED)
        .returning(Notification.id)
    )
    return gone + len(cancelled.all())


def _kept_body(state: DeliveryState) -> sa.ColumnElement[str]:
    """The text of a message in `state`; what opens an account is only there until it went."""
    if state is DeliveryState.PENDING:
        return sa.type_coerce(Notification.body, sa.Text)
    opening = [template.value for template in OPENS_AN_ACCOUNT]
    return sa.case((Notification.template.in_(opening), ""), else_=Notification.body)


def _claim(
    engine: sa.Engine, channels: list[Channel], now: datetime, account_letters: int | None
) -> list[Notification]:
    """The next messages that are due, put off until after a retry's wait: if this process dies
    now, another run finds them then.
    """
    with transaction(engine) as session:
        malls = session.execute(sa.select(Mall.id, Mall.time_zone))
        quiet = [mall_id for mall_id, zone in malls if is_quiet(now, ZoneInfo(zone))]
        sleeping = [template.value for template in WAITS_FOR_MORNING]
        kind = sa.true() if account_letters is None else Notification.user_id.is_not(None)
        claimed = session.scalars(
            sa.select(Notification)
            .where(
                Notification.state == DeliveryState.PENDING,
                Notification.send_after <= now,
                Notification.channel.in_(channels),
                kind,
                sa.not_(Notification.mall_id.in_(quiet) & Notification.template.in_(sleeping)),
            )
            .order_by(Notification.send_after, Notification.id)
            .limit(BATCH if account_letters is None else account_letters)
            .with_for_update(skip_locked=True)
        ).all()
        for notification in claimed:
            notification.attempts += 1
            notification.send_after = now + (retry_after(notification.attempts) or RETRY_AFTER[-1])
        return list(claimed)


def _send(gateway: Gateway, notification: Notification) -> tuple[DeliveryState, str]:
    try:
        gateway.send(
            Message(
                reference=f"{notification.mall_id or 'people'}/{notification.dedupe_key}",
                recipient=notification.recipient,
                subject=subject(notification.template, notification.locale),
                body=notification.body,
            )
        )
    except PermanentError as error:
        return DeliveryState.FAILED, str(error)
    except RetryableError as error:
        is_last = retry_after(notification.attempts) is None
        return DeliveryState.FAILED if is_last else DeliveryState.PENDING, str(error)
    return DeliveryState.SENT, ""


def _note(
    engine: sa.Engine,
    notification: Notification,
    state: DeliveryState,
    error: str,
    now: datetime,
) -> None:
    with transaction(engine) as session:
        session.execute(
            sa.update(Notification)
            .where(Notification.id == notification.id)
            .values(
                state=state,
                body=_kept_body(state),
                error=error,
                sent_at=now if state is DeliveryState.SENT else None,
            )
        )
