"""What a person of the mall was told on the site.

Belongs here: one's own inbox and how much of it is unread. Not here: a shop's inbox
(portal_messages), and what others were sent (message_log).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.notifications import Channel, DeliveryState
from services.queries.keyset import Page, Place, count_up_to, read_page
from services.queries.portal_messages import UNREAD_SHOWN
from storage.models import Contract, Notification

# Written out, so that Postgres sees in every plan that the index of unread messages serves.
_ON_SITE = Notification.channel == sa.literal(Channel.IN_APP.value, literal_execute=True)


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """`template` says what kind of message it is; the contract and the bill what it is about."""

    id: int
    mall_id: int | None
    template: str
    subject: str
    body: str
    locale: str
    contract_id: int | None
    contract_number: str | None
    bill_id: int | None
    sent_at: datetime
    read_at: datetime | None


def list_inbox(
    session: Session,
    *,
    user_id: int,
    after: Place | None = None,
    before: Place | None = None,
    size: int = 30,
) -> Page[OwnMessage]:
    """One page of a person's inbox, the newest first."""
    return read_page(
        session,
        _messages(user_id),
        column=Notification.__table__.c.sent_at,
        key=Notification.__table__.c.id,
        is_descending=True,
        after=after,
        before=before,
        size=size,
        make=lambda row: OwnMessage(**row._mapping),
    )


def find_own_message(session: Session, *, user_id: int, message_id: int) -> OwnMessage | None:
    """One message of the person's inbox; None when there is none of theirs."""
    row = session.execute(_messages(user_id).where(Notification.id == message_id)).one_or_none()
    return None if row is None else OwnMessage(**row._mapping)


def count_unread_of(session: Session, *, user_id: int) -> int:
    """Messages that the person has not read, up to UNREAD_SHOWN + 1."""
    ids = sa.select(Notification.id).where(*in_inbox_of(user_id), Notification.read_at.is_(None))
    return count_up_to(session, ids, most=UNREAD_SHOWN + 1)


def in_inbox_of(user_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """What makes a message one that stands in the inbox of this person."""
    return (
        Notification.user_id == user_id,
        _ON_SITE,
        Notification.state == DeliveryState.SENT,
        Notification.sent_at.is_not(None),
    )


def _messages(user_id: int) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            Notification.id,
            Notification.mall_id,
            Notification.template,
            Notification.subject,
            Notification.body,
            Notification.locale,
            Notification.contract_id,
            Contract.number.label("contract_number"),
            Notification.bill_id,
            Notification.sent_at,
            Notification.read_at,
        )
        .outerjoin(Contract, Contract.id == Notification.contract_id)
        .where(*in_inbox_of(user_id))
    )
