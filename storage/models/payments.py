"""Money received and what it settles."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import relationship

from domain.payments import PaymentMethod, PaymentState
from storage.models.base import Base, CreatedAt, Id, Mapped, Money, mapped_column, one_of
from storage.models.billing import Bill
from storage.models.malls import Shop


class Payment(Base):
    """Cash and transfers are entered by one person and confirmed by another."""

    __tablename__ = "payments"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "method", "channel_transaction"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> entered_by", name="maker_is_not_checker"
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    method: Mapped[PaymentMethod] = mapped_column(one_of(PaymentMethod))
    state: Mapped[PaymentState] = mapped_column(
        one_of(PaymentState), server_default=PaymentState.PENDING
    )
    channel_transaction: Mapped[str]
    amount: Mapped[Money]
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    entered_by: Mapped[str]
    confirmed_by: Mapped[str | None]
    received_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    shop: Mapped[Shop] = relationship()
    allocations: Mapped[list["Allocation"]] = relationship(back_populates="payment")


class Allocation(Base):
    __tablename__ = "allocations"
    __table_args__ = (
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("app.payments.id"), index=True)
    bill_id: Mapped[int] = mapped_column(sa.ForeignKey("app.bills.id"), index=True)
    amount: Mapped[Money]
    allocated_at: Mapped[datetime]
    payment: Mapped[Payment] = relationship(back_populates="allocations")
    bill: Mapped[Bill] = relationship()
