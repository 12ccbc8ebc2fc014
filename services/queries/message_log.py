"""What was sent to whom, and why: the deliveries of a mall's messages.

Belongs here: searching and listing for the staff, newest first, a page at a time. Not here: a
person's own inbox (inboxes) and a shop's (portal_messages).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.notifications import Audience, Channel, DeliveryState
from domain.people import Role
from services.queries.keyset import Page, Place, count_up_to, read_page
from storage.models import Contract, Notification, OutboxMessage, Shop

# A delivery to the mall's own people is not the shop's to read, though it may be about one.
_SHOP_ID = sa.func.coalesce(Notification.shop_id, OutboxMessage.shop_id)
_SHOP = sa.func.coalesce(Shop.code + " " + Shop.name, "")
_NUMBER = sa.func.coalesce(Contract.number, "")
# What a delivery is told with that stands in other tables.
_JOINED = (
    "shop_id", "shop", "contract_number", "cause", "actor", "caused_at", "audience", "role",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What is looked for; what is empty does not narrow.

    `text` is part of a recipient, a subject, a body or a provider's number. `since` and `until`
    bound the moment it was written (until is not included). `of_people`: letters about accounts,
    which are no mall's, as well.
    """

    mall_id: int
    of_people: bool = False
    text: str = ""
    template: str = ""
    channel: Channel | None = None
    state: DeliveryState | None = None
    shop_id: int | None = None
    contract_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = [_of_mall(self.mall_id, self.of_people)]
        if self.text:
            found.append(
                sa.or_(
                    Notification.recipient.icontains(self.text, autoescape=True),
                    Notification.subject.icontains(self.text, autoescape=True),
                    Notification.body.icontains(self.text, autoescape=True),
                    Notification.provider_id == self.text,
                )
            )
        for column, value in (
            (Notification.template, self.template or None),
            (Notification.channel, self.channel),
            (Notification.state, self.state),
            (_SHOP_ID, self.shop_id),
            (Notification.contract_id, self.contract_id),
        ):
            if value is not None:
                found.append(column == value)
        if self.since is not None:
            found.append(Notification.created_at >= self.since)
        if self.until is not None:
            found.append(Notification.created_at < self.until)
        return found


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """A delivery with its reason. `cause` and `actor` are empty for letters about an account,
    which no outbox message caused. `shop` is code and name of the shop that it is about.
    """

    id: int
    message_id: int | None
    mall_id: int | None
    shop_id: int | None
    shop: str
    contract_id: int | None
    contract_number: str
    bill_id: int | None
    channel: Channel
    recipient: str
    locale: str
    template: str
    parameters: Mapping[str, Any]
    subject: str
    body: str
    state: DeliveryState
    attempts: int
    error: str
    provider: str
    provider_id: str
    created_at: datetime
    send_after: datetime
    expires_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    cause: str
    actor: str
    caused_at: datetime | None
    audience: Audience | None
    role: Role | None


@dataclass(frozen=True, slots=True)
class UndeliveredMessage:
    """A message of the outbox without a delivery: nobody was reached (`problem` says why), or its
    time has not come.
    """

    id: int
    template: str
    parameters: Mapping[str, Any]
    audience: Audience
    role: Role | None
    shop_id: int | None
    shop: str
    contract_id: int | None
    contract_number: str
    bill_id: int | None
    cause: str
    actor: str
    created_at: datetime
    send_after: datetime
    addressed_at: datetime | None
    problem: str


def list_deliveries(
    session: Session,
    wanted: MessageFilter,
    *,
    after: Place | None = None,
    before: Place | None = None,
    size: int = 50,
) -> Page[LoggedDelivery]:
    """One page of deliveries, the newest first; a place's value is the id once more."""
    return read_page(
        session,
        _deliveries().where(*wanted.conditions()),
        column=Notification.__table__.c.id,
        key=Notification.__table__.c.id,
        is_descending=True,
        after=after,
        before=before,
        size=size,
        make=lambda row: LoggedDelivery(**row._mapping),
    )


def find_delivery(
    session: Session, *, delivery_id: int, mall_id: int, of_people: bool = False
) -> LoggedDelivery | None:
    """One delivery of the mall; None when there is none."""
    query = _deliveries().where(Notification.id == delivery_id, _of_mall(mall_id, of_people))
    return next(iter(_read(session, query)), None)


def list_deliveries_of_message(session: Session, *, message_id: int) -> tuple[LoggedDelivery, ...]:
    """Everybody whom one message went to, in the order in which they were found."""
    query = _deliveries().where(Notification.message_id == message_id)
    return _read(session, query.order_by(Notification.id))


def count_failed(session: Session, *, mall_id: int, most: int) -> int:
    """Deliveries of the mall that were given up, counted up to `most`."""
    ids = sa.select(Notification.id).where(
        Notification.mall_id == mall_id,
        # Written out, so that Postgres sees in every plan that the index of failed ones serves.
        Notification.state == sa.literal(DeliveryState.FAILED.value, literal_execute=True),
    )
    return count_up_to(session, ids, most=most)


def list_undelivered(
    session: Session,
    *,
    mall_id: int,
    after: Place | None = None,
    before: Place | None = None,
    size: int = 50,
) -> Page[UndeliveredMessage]:
    """One page of messages that reached nobody or wait for their time, the newest first."""
    query = (
        sa.select(
            *(
                getattr(OutboxMessage, name)
                for name in UndeliveredMessage.__dataclass_fields__
                if name not in ("shop", "contract_number")
            ),
            _SHOP.label("shop"),
            _NUMBER.label("contract_number"),
        )
        .outerjoin(Shop, Shop.id == OutboxMessage.shop_id)
        .outerjoin(Contract, Contract.id == OutboxMessage.contract_id)
        .where(
            OutboxMessage.mall_id == mall_id,
            sa.or_(OutboxMessage.addressed_at.is_(None), OutboxMessage.problem != ""),
        )
    )
    return read_page(
        session,
        query,
        column=OutboxMessage.__table__.c.id,
        key=OutboxMessage.__table__.c.id,
        is_descending=True,
        after=after,
        before=before,
        size=size,
        make=lambda row: UndeliveredMessage(**row._mapping),
    )


def _deliveries() -> sa.Select[Any]:
    return (
        sa.select(
            *(
                getattr(Notification, name)
                for name in LoggedDelivery.__dataclass_fields__
                if name not in _JOINED
            ),
            _SHOP_ID.label("shop_id"),
            _SHOP.label("shop"),
            _NUMBER.label("contract_number"),
            sa.func.coalesce(OutboxMessage.cause, "").label("cause"),
            sa.func.coalesce(OutboxMessage.actor, "").label("actor"),
            OutboxMessage.created_at.label("caused_at"),
            OutboxMessage.audience,
            OutboxMessage.role,
        )
        .outerjoin(OutboxMessage, OutboxMessage.id == Notification.message_id)
        .outerjoin(Shop, Shop.id == _SHOP_ID)
        .outerjoin(Contract, Contract.id == Notification.contract_id)
    )


def _read(session: Session, query: sa.Select[Any]) -> tuple[LoggedDelivery, ...]:
    return tuple(LoggedDelivery(**row._mapping) for row in session.execute(query))


def _of_mall(mall_id: int, of_people: bool) -> sa.ColumnElement[bool]:
    here = Notification.mall_id == mall_id
    return sa.or_(here, Notification.mall_id.is_(None)) if of_people else here
