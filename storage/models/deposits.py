"""The ledger of deposits, apart from bills and payments."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import relationship

from domain.deposits import DepositKind
from storage.models.base import Base, Id, Mapped, Money, mapped_column, one_of
from storage.models.leasing import Contract


class DepositEntry(Base):
    """A movement of a lease's deposit. `amount` is signed: above 0 raises what the mall owes back.

    People's entries are made by one and confirmed by another, and count once confirmed. A
    transfer has two sides, which name each other by `transfer` and add up to nothing.
    """

    __tablename__ = "deposit_entries"
    __table_args__ = (
        sa.CheckConstraint(
            "(kind IN ('RECEIVED', 'TRANSFERRED_IN')) = (amount > 0) AND amount <> 0",
            name="direction",
        ),
        sa.CheckConstraint(
            "(kind IN ('TRANSFERRED_IN', 'TRANSFERRED_OUT')) = (transfer IS NOT NULL)",
            name="transfer_is_named",
        ),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> entered_by OR transfer IS NOT NULL",
            name="maker_is_not_checker",
        ),
        sa.UniqueConstraint("transfer", "kind"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"), index=True)
    kind: Mapped[DepositKind] = mapped_column(one_of(DepositKind))
    amount: Mapped[Money]
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    entry_date: Mapped[date]
    # `<old contract id>-<new contract id>` on both sides of a transfer; `-<entry id>` behind them
    # when that movement was confirmed after the renewal began.
    transfer: Mapped[str | None]
    reference: Mapped[str] = mapped_column(server_default="")
    comment: Mapped[str] = mapped_column(server_default="")
    entered_by: Mapped[str]
    entered_at: Mapped[datetime]
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    contract: Mapped[Contract] = relationship()
