"""Contracts, the units they hold, their dated clauses, versions, changes and events."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import relationship

from domain.charges import ChargeType, PricingKind, Proration
from domain.contract_changes import ChangeKind, ChangeState
from domain.contracts import ContractState
from domain.renewals import RenewalState
from storage.models.base import Base, CreatedAt, Id, Mapped, Money, mapped_column, one_of
from storage.models.malls import Mall, Shop, Unit


class Contract(Base):
    __tablename__ = "contracts"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "number"),
        sa.CheckConstraint("end_date >= start_date", name="dates"),
        sa.Index("ix_contracts_mall_state_end", "mall_id", "state", "end_date"),
        sa.Index("ix_contracts_predecessor_id", "predecessor_id"),
        sa.Index(
            "ix_contracts_number_trgm",
            "number",
            postgresql_using="gin",
            postgresql_ops={"number": "gin_trgm_ops"},
        ),
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
    # The e-mail address of the account in charge; nobody's: the mall's operation desk.
    officer: Mapped[str] = mapped_column(server_default="")
    # Bills of days from here on are computed again: what they should have said was changed later.
    recompute_from: Mapped[date | None]
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


class ContractVersion(Base):
    """The terms as they were handed in for review: what is approved, and what versions are
    compared by. A version handed in again after a rejection stands here twice.
    """

    __tablename__ = "contract_versions"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"), index=True)
    version: Mapped[int] = mapped_column(sa.Integer)
    terms: Mapped[dict[str, Any]]
    terms_sha256: Mapped[str]
    submitted_at: Mapped[datetime]
    submitted_by: Mapped[str]


class ContractChange(Base):
    """An amendment or an early end of a running lease, numbered within it. `terms`: for an
    amendment the clauses that end and those that begin, for a termination the last day before.
    """

    __tablename__ = "contract_changes"
    __table_args__ = (
        sa.UniqueConstraint("contract_id", "number"),
        sa.Index(
            "uq_contract_changes_open",
            "contract_id",
            unique=True,
            postgresql_where=sa.text("state IN ('IN_REVIEW', 'APPROVED', 'SENT')"),
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"))
    number: Mapped[int] = mapped_column(sa.Integer)
    kind: Mapped[ChangeKind] = mapped_column(one_of(ChangeKind))
    state: Mapped[ChangeState] = mapped_column(one_of(ChangeState))
    effective_date: Mapped[date]
    terms: Mapped[dict[str, Any]]
    reason: Mapped[str]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(server_default="")
    decided_at: Mapped[datetime | None]
    comment: Mapped[str] = mapped_column(server_default="")
    in_force_at: Mapped[datetime | None]
    contract: Mapped[Contract] = relationship()


class RenewalRequest(Base):
    """A shop's wish to stay, and what became of it."""

    __tablename__ = "renewal_requests"
    __table_args__ = (
        sa.Index(
            "uq_renewal_requests_open",
            "contract_id",
            unique=True,
            postgresql_where=sa.text("state = 'OPEN'"),
        ),
        sa.CheckConstraint("months BETWEEN 1 AND 240", name="months"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"), index=True)
    state: Mapped[RenewalState] = mapped_column(
        one_of(RenewalState), server_default=RenewalState.OPEN
    )
    months: Mapped[int] = mapped_column(sa.Integer)
    comment: Mapped[str] = mapped_column(server_default="")
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    answer: Mapped[str] = mapped_column(server_default="")
    answered_by: Mapped[str] = mapped_column(server_default="")
    answered_at: Mapped[datetime | None]
    contract: Mapped[Contract] = relationship()
