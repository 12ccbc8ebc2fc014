"""The outbox: messages written in the transaction that causes them, delivered afterwards."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.notifications import Channel, DeliveryState
from storage.models.base import Base, CreatedAt, Id, Mapped, mapped_column, one_of


class Notification(Base):
    __tablename__ = "notifications"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "dedupe_key", "channel"),
        sa.CheckConstraint("mall_id IS NOT NULL OR user_id IS NOT NULL", name="owner"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    # Letters about an account belong to a person, not to a mall.
    mall_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.malls.id"))
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="CASCADE"), index=True
    )
    shop_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    bill_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.bills.id"))
    channel: Mapped[Channel] = mapped_column(one_of(Channel))
    recipient: Mapped[str]
    locale: Mapped[str]
    template: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    body: Mapped[str]
    dedupe_key: Mapped[str]
    state: Mapped[DeliveryState] = mapped_column(
        one_of(DeliveryState), server_default=DeliveryState.PENDING
    )
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    error: Mapped[str] = mapped_column(server_default="")
    send_after: Mapped[datetime]
    # Nobody needs the message after this.
    expires_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
