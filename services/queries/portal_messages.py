"""The messages in a shop's own inbox on the site."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import SHOWN_TO_SHOP
from domain.notifications import Channel, DeliveryState
from services.queries.keyset import Page, Place, count_up_to, read_page
from storage.models import Contract, Notification

UNREAD_SHOWN = 99


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """`template` says what kind of message it is; `bill_id` or `contract_id` what it is about. A
    contract that the shop does not see, a recalled one say, is not named.
    `read_at` is when anybody of the shop first had read it.
    """

    id: int
    template: str
    body: str
    locale: str
    bill_id: int | None
    contract_id: int | None
    contract_number: str | None
    sent_at: datetime
    read_at: datetime | None


def list_own_messages(
    session: Session,
    *,
    shop_ids: Set[int],
    after: Place | None = None,
    before: Place | None = None,
    size: int = 30,
) -> Page[InboxMessage]:
    """One page of what was delivered to the shops' inbox, the newest first."""
    return read_page(
        session,
        sa.select(
            Notification.id,
            Notification.template,
            Notification.body,
            Notification.locale,
            Notification.bill_id,
            Contract.id.label("contract_id"),
            Contract.number.label("contract_number"),
            Notification.sent_at,
            Notification.read_at,
        )
        .outerjoin(
            Contract,
            sa.and_(
                Contract.id == Notification.contract_id, Contract.state.in_(sorted(SHOWN_TO_SHOP))
            ),
        )
        .where(*delivered_to(shop_ids)),
        column=Notification.__table__.c.sent_at,
        key=Notification.__table__.c.id,
        is_descending=True,
        after=after,
        before=before,
        size=size,
        make=lambda row: InboxMessage(**row._mapping),
    )


def count_unread(session: Session, *, shop_ids: Set[int]) -> int:
    """Messages in the shops' inbox that nobody has read, up to UNREAD_SHOWN + 1."""
    ids = sa.select(Notification.id).where(*delivered_to(shop_ids), Notification.read_at.is_(None))
    return count_up_to(session, ids, most=UNREAD_SHOWN + 1)


def delivered_to(shop_ids: Set[int]) -> tuple[sa.ColumnElement[bool], ...]:
    """What makes a message one that stands in the inbox of these shops."""
    return (
        Notification.shop_id.in_(shop_ids),
        Notification.channel == Channel.IN_APP,
        Notification.state == DeliveryState.SENT,
        Notification.sent_at.is_not(None),
    )
