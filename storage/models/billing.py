"""Tariffs, bill runs, bills with lines and derivations, gates, documents."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import relationship

from domain.bills import BillRunState, BillState
from domain.charges import ChargeType, TariffKind
from storage.models.base import (
    Base,
    CreatedAt,
    Id,
    Mapped,
    Money,
    Quantity,
    Rate,
    mapped_column,
    one_of,
)
from storage.models.leasing import Contract
from storage.models.malls import Mall, Shop


class Tariff(Base):
    """A price list for metered charges, dated. `parameters` as in `domain.tariffs`."""

    __tablename__ = "tariffs"
    __table_args__ = (sa.UniqueConstraint("mall_id", "code", "valid_from"), {"schema": "app"})
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    code: Mapped[str]
    charge_type: Mapped[ChargeType] = mapped_column(one_of(ChargeType))
    kind: Mapped[TariffKind] = mapped_column(one_of(TariffKind))
    parameters: Mapped[dict[str, Any]]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    mall: Mapped[Mall] = relationship()


class BillRun(Base):
    """One computation of a mall's bills for a month: `month` is its first day."""

    __tablename__ = "bill_runs"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    month: Mapped[date]
    state: Mapped[BillRunState] = mapped_column(one_of(BillRunState))
    input_sha256: Mapped[str]
    output_sha256: Mapped[str] = mapped_column(server_default="")
    code_version: Mapped[str]
    contracts: Mapped[int] = mapped_column(server_default="0")
    bills_created: Mapped[int] = mapped_column(server_default="0")
    bills_held: Mapped[int] = mapped_column(server_default="0")
    total_amount: Mapped[Money] = mapped_column(server_default="0")
    run_id: Mapped[str] = mapped_column(server_default="")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    mall: Mapped[Mall] = relationship()


class Bill(Base):
    __tablename__ = "bills"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "number"),
        sa.Index(
            "uq_bills_contract_period",
            "contract_id",
            "period_start",
            unique=True,
            postgresql_where=sa.text("state <> 'VOID'"),
        ),
        sa.CheckConstraint("total_amount = net_amount + tax_amount", name="total"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    contract_id: Mapped[int] = mapped_column(sa.ForeignKey("app.contracts.id"))
    bill_run_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.bill_runs.id"))
    number: Mapped[str]
    state: Mapped[BillState] = mapped_column(one_of(BillState), server_default=BillState.DRAFT)
    period_start: Mapped[date]
    period_end: Mapped[date]
    due_date: Mapped[date]
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    net_amount: Mapped[Money]
    tax_amount: Mapped[Money]
    total_amount: Mapped[Money]
    issued_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    mall: Mapped[Mall] = relationship()
    shop: Mapped[Shop] = relationship()
    contract: Mapped[Contract] = relationship()
    bill_run: Mapped[BillRun | None] = relationship()
    lines: Mapped[list["BillLine"]] = relationship(
        back_populates="bill", order_by="BillLine.line_number"
    )
    events: Mapped[list["BillEvent"]] = relationship(order_by="BillEvent.id")

    def __str__(self) -> str:
        return self.number


class BillLine(Base):
    """One charge. `derivation` (formula, operands with units, sources) recomputes the amount.

    It is JSON, not JSONB: the bytes that a run hashed are the bytes that are kept.

    `clause_id` names the term of the lease without a foreign key: the run reads the clauses in
    the transaction that writes the lines, clauses are superseded and never deleted, and a key
    would lock and rewrite a clause's row for every line of every run.
    """

    __tablename__ = "bill_lines"
    __table_args__ = (
        sa.UniqueConstraint("bill_id", "line_number"),
        sa.CheckConstraint("total_amount = net_amount + tax_amount", name="total"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    bill_id: Mapped[int] = mapped_column(sa.ForeignKey("app.bills.id"))
    line_number: Mapped[int] = mapped_column(sa.Integer)
    charge_type: Mapped[ChargeType] = mapped_column(one_of(ChargeType))
    clause_id: Mapped[int | None]
    period_start: Mapped[date]
    period_end: Mapped[date]
    quantity: Mapped[Quantity]
    unit: Mapped[str]
    net_amount: Mapped[Money]
    tax_rate: Mapped[Rate]
    tax_amount: Mapped[Money]
    total_amount: Mapped[Money]
    derivation: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    bill: Mapped[Bill] = relationship(back_populates="lines")


class BillEvent(Base):
    __tablename__ = "bill_events"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    bill_id: Mapped[int] = mapped_column(sa.ForeignKey("app.bills.id"), index=True)
    event: Mapped[str]
    from_state: Mapped[BillState] = mapped_column(one_of(BillState, name="from_state"))
    to_state: Mapped[BillState] = mapped_column(one_of(BillState, name="to_state"))
    actor: Mapped[str]
    comment: Mapped[str] = mapped_column(server_default="")
    occurred_at: Mapped[datetime]


class BillingGate(Base):
    """A check that must pass, or be overridden by a named person, before a shop is billed."""

    __tablename__ = "billing_gates"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "shop_id", "month", "gate"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("app.shops.id"))
    month: Mapped[date]
    gate: Mapped[str]
    is_passed: Mapped[bool]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    checked_at: Mapped[datetime]
    overridden_by: Mapped[str | None]
    override_reason: Mapped[str | None]
    overridden_at: Mapped[datetime | None]
    shop: Mapped[Shop] = relationship()


class Document(Base):
    """A rendered paper, written once: `sha256` names its bytes in the object store."""

    __tablename__ = "documents"
    __table_args__ = (
        sa.Index(
            "uq_documents_bill_locale",
            "bill_id",
            "locale",
            unique=True,
            postgresql_where=sa.text("kind = 'BILL'"),
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.shops.id"))
    bill_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.bills.id"))
    kind: Mapped[str]
    locale: Mapped[str]
    name: Mapped[str]
    object_key: Mapped[str]
    sha256: Mapped[str]
    bytes: Mapped[int]
    created_at: Mapped[datetime]
