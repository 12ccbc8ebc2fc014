"""The outbox: what is to be told, written in the transaction that causes it, and its deliveries."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import relationship

from domain.notifications import Audience, Channel, DeliveryState, Topic
from domain.people import Role
from storage.models.base import Base, CreatedAt, Id, Mapped, mapped_column, one_of


class OutboxMessage(Base):
    """Something to be told to an audience. Who that is, in which language and over which channels,
    is settled when it is addressed; each delivery is a row of notifications.
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "dedupe_key"),
        sa.CheckConstraint("(audience = 'ROLE') = (role IS NOT NULL)", name="role_is_named"),
        sa.CheckConstraint("(audience = 'PERSON') = (user_id IS NOT NULL)", name="person_is_named"),
        sa.CheckConstraint("audience <> 'SHOP' OR shop_id IS NOT NULL", name="shop_is_named"),
        sa.CheckConstraint(
            "audience <> 'OFFICER' OR contract_id IS NOT NULL", name="contract_is_named"
        ),
        sa.Index(
            "ix_outbox_messages_waiting",
            "send_after",
            postgresql_where=sa.text("addressed_at IS NULL"),
        ),
        sa.Index("ix_outbox_messages_mall_id", "mall_id", "id"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.shops.id"))
    contract_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.contracts.id"), index=True)
    bill_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.bills.id"), index=True)
    template: Mapped[str]
    # Dates as ISO text, money as {"amount": "1.00", "currency": "CNY"}, else text.
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    audience: Mapped[Audience] = mapped_column(one_of(Audience))
    role: Mapped[Role | None] = mapped_column(one_of(Role))
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.users.id", ondelete="CASCADE"))
    dedupe_key: Mapped[str]
    # Why it is sent, for whoever asks: `CONTRACT SEND`, and who did that.
    cause: Mapped[str]
    actor: Mapped[str]
    send_after: Mapped[datetime]
    # Nobody needs the message after this.
    expires_at: Mapped[datetime | None]
    addressed_at: Mapped[datetime | None]
    # Why nobody was reached, if so.
    problem: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]
    deliveries: Mapped[list["Notification"]] = relationship(order_by="Notification.id")


class Notification(Base):
    """One delivery: a person or a shop, over one channel."""

    __tablename__ = "notifications"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "dedupe_key", "channel"),
        sa.CheckConstraint("mall_id IS NOT NULL OR user_id IS NOT NULL", name="owner"),
        sa.Index(
            "ix_notifications_waiting",
            "send_after",
            postgresql_where=sa.text("state = 'PENDING'"),
        ),
        sa.Index(
            "ix_notifications_provider_id",
            "provider_id",
            postgresql_where=sa.text("provider_id <> ''"),
        ),
        # What was sent and what failed, the newest first; and what a person has not read, counted
        # on every page.
        sa.Index("ix_notifications_mall_id", "mall_id", "id"),
        sa.Index(
            "ix_notifications_failed",
            "mall_id",
            "id",
            postgresql_where=sa.text("state = 'FAILED'"),
        ),
        sa.Index(
            "ix_notifications_unread",
            "user_id",
            postgresql_where=sa.text("channel = 'IN_APP' AND read_at IS NULL"),
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    message_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("app.outbox_messages.id"), index=True
    )
    # Letters about an account belong to a person, not to a mall.
    mall_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.malls.id"))
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="CASCADE"), index=True
    )
    shop_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    bill_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.bills.id"))
    contract_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.contracts.id"))
    channel: Mapped[Channel] = mapped_column(one_of(Channel))
    recipient: Mapped[str]
    locale: Mapped[str]
    template: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    subject: Mapped[str] = mapped_column(server_default="")
    body: Mapped[str]
    # The text instead of `body` where it opens an account or confirms a signature: read by those
    # who send it alone, and gone once it went or was given up.
    # Given by us where it is empty: who writes a row must not have to read it back.
    secret_body: Mapped[str] = mapped_column(default="", server_default="", deferred=True)
    dedupe_key: Mapped[str]
    state: Mapped[DeliveryState] = mapped_column(
        one_of(DeliveryState), server_default=DeliveryState.PENDING
    )
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    error: Mapped[str] = mapped_column(server_default="")
    provider: Mapped[str] = mapped_column(server_default="")
    provider_id: Mapped[str] = mapped_column(server_default="")
    send_after: Mapped[datetime]
    # Nobody needs the message after this.
    expires_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class MessageTemplate(Base):
    """A mall's own words for a message, in place of ours; `{name}` stands for a variable."""

    __tablename__ = "message_templates"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "template", "locale"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    template: Mapped[str]
    locale: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    edited_by: Mapped[str]
    edited_at: Mapped[datetime]


class MessagePreference(Base):
    """A channel that a person switched off for a topic; what is not here is on."""

    __tablename__ = "message_preferences"
    __table_args__ = ({"schema": "app"},)
    user_id: Mapped[int] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="CASCADE"), primary_key=True
    )
    topic: Mapped[Topic] = mapped_column(one_of(Topic), primary_key=True)
    channel: Mapped[Channel] = mapped_column(one_of(Channel), primary_key=True)
