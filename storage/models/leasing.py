"""Contracts, the units they hold, their dated clauses and their events."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import relationship

from domain.charges import ChargeType, PricingKind, Proration
from domain.contracts import ContractState
from storage.models.base import Base, CreatedAt, Id, Mapped, Money, mapped_column, one_of
from storage.models.malls import Mall, Shop, Unit


class Contract(Base):
    __tablename__ = "contracts"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "number"),
        sa.CheckConstraint("end_date >= start_date", name="dates"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    number: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer, server_default="1")
    state: Mapped[ContractState] = mapped_column(
        one_of(ContractState), server_default=ContractState.DRAFT
    )
    start_date: Mapped[date]
    end_date: Mapped[date]
    deposit_amount: Mapped[Money] = mapped_column(server_default="0")
    currency: Mapped[str] = mapped_column(sa.CHAR(3), server_default="CNY")
    proration: Mapped[Proration] = mapped_column(one_of(Proration), server_default=Proration.ACTUAL)
    payment_term_days: Mapped[int] = mapped_column(sa.Integer, server_default="10")
    predecessor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.contracts.id"))
    created_at: Mapped[CreatedAt]
    mall: Mapped[Mall] = relationship()
    shop: Mapped[Shop] = relationship()
    clauses: Mapped[list["ContractClause"]] = relationship(
        back_populates="contract", order_by="ContractClause.id"
    )
    contract_units: Mapped[list["ContractUnit"]] = relationship(back_populates="contract")
    events: Mapped[list["ContractEvent"]] = relationship(order_by="ContractEvent.id")

    def __str__(self) -> str:
        return self.number


class ContractUnit(Base):
    """A unit let by a contract over a period, both days included in the lease.

    `is_held` is true while the contract keeps the unit from others; no two held rows may
    overlap for one unit.
    """

    __tablename__ = "contract_units"
    __table_args__ = (
        ExcludeConstraint(
            (sa.column("unit_id"), "="),
            (sa.column("period"), "&&"),
            where=sa.text("is_held"),
            using="gist",
            name="ex_contract_units_unit_period",
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"), index=True)
    unit_id: Mapped[int] = mapped_column(sa.ForeignKey("app.units.id"))
    period: Mapped[Range[date]] = mapped_column(DATERANGE)
    is_held: Mapped[bool] = mapped_column(server_default=sa.true())
    contract: Mapped[Contract] = relationship(back_populates="contract_units")
    unit: Mapped[Unit] = relationship()


class ContractClause(Base):
    """A dated term: `valid_from`/`valid_to` say when it applies (both included; open end when
    null), `recorded_at` when we learned it, `superseded_at` when a later record replaced it.
    `parameters` holds decimals as strings; their shape is that of `domain.clauses`.
    """

    __tablename__ = "contract_clauses"
    __table_args__ = (
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"), index=True)
    charge_type: Mapped[ChargeType] = mapped_column(one_of(ChargeType))
    pricing_kind: Mapped[PricingKind] = mapped_column(one_of(PricingKind))
    parameters: Mapped[dict[str, Any]]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    contract: Mapped[Contract] = relationship(back_populates="clauses")


class ContractEvent(Base):
    __tablename__ = "contract_events"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"), index=True)
    event: Mapped[str]
    from_state: Mapped[ContractState] = mapped_column(one_of(ContractState, name="from_state"))
    to_state: Mapped[ContractState] = mapped_column(one_of(ContractState, name="to_state"))
    actor: Mapped[str]
    role: Mapped[str] = mapped_column(server_default="")
    comment: Mapped[str] = mapped_column(server_default="")
    occurred_at: Mapped[datetime]
