"""Report files delivered for a period, each with what it states about itself."""

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from storage.models.base import Base, Id, Mapped, Money, mapped_column


class ReportFile(Base):
    """`completeness` is received / expected intervals of the period's data, 0 to 1."""

    __tablename__ = "report_files"
    __table_args__ = (
        sa.UniqueConstraint(
            "mall_id", "report", "period_start", "period_end", "format", "locale", "sha256"
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    report: Mapped[str]
    period_start: Mapped[date]
    period_end: Mapped[date]
    format: Mapped[str]
    locale: Mapped[str]
    name: Mapped[str]
    object_key: Mapped[str]
    sha256: Mapped[str]
    bytes: Mapped[int]
    row_count: Mapped[int]
    control_total: Mapped[Money]
    completeness: Mapped[Decimal] = mapped_column(sa.Numeric(7, 6))
    as_of: Mapped[datetime]
    created_at: Mapped[datetime]
    run_id: Mapped[str] = mapped_column(server_default="")
