"""Malls, units with their merges and splits, and shops."""

from datetime import date, datetime, time

import sqlalchemy as sa
from sqlalchemy.orm import relationship

from domain.malls import BusinessType, MallClock, UnitChangeKind
from storage.models.base import Area, Base, CreatedAt, Id, Mapped, mapped_column, one_of


class Mall(Base):
    __tablename__ = "malls"
    __table_args__ = (
        sa.CheckConstraint("business_day_cutoff_hour BETWEEN 0 AND 12", name="cutoff_hour"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(server_default="Asia/Shanghai")
    business_day_cutoff_hour: Mapped[int] = mapped_column(sa.SmallInteger, server_default="0")
    currency: Mapped[str] = mapped_column(sa.CHAR(3), server_default="CNY")
    opens_at: Mapped[time] = mapped_column(server_default="10:00")
    closes_at: Mapped[time] = mapped_column(server_default="22:00")
    address: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]

    @property
    def clock(self) -> MallClock:
        return MallClock(
            time_zone=self.time_zone,
            cutoff_hour=self.business_day_cutoff_hour,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
        )

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Unit(Base):
    """A lettable space; its area is never edited in place."""

    __tablename__ = "units"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "code"),
        sa.CheckConstraint("area_m2 > 0", name="area_positive"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    code: Mapped[str]
    floor: Mapped[str]
    zone: Mapped[str] = mapped_column(server_default="")
    area_m2: Mapped[Area]
    opened_date: Mapped[date]
    closed_date: Mapped[date | None]
    mall: Mapped[Mall] = relationship()

    def __str__(self) -> str:
        return self.code


class UnitChange(Base):
    """A merge or a split: old units close on the day before, new ones open on `effective_date`."""

    __tablename__ = "unit_changes"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    kind: Mapped[UnitChangeKind] = mapped_column(one_of(UnitChangeKind))
    effective_date: Mapped[date]
    reason: Mapped[str] = mapped_column(server_default="")
    done_by: Mapped[str]
    done_at: Mapped[datetime]
    parts: Mapped[list["UnitChangePart"]] = relationship(order_by="UnitChangePart.unit_id")


class UnitChangePart(Base):
    """A unit that a change closed or opened."""

    __tablename__ = "unit_change_parts"
    __table_args__ = ({"schema": "app"},)
    change_id: Mapped[int] = mapped_column(sa.ForeignKey("app.unit_changes.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(
        sa.ForeignKey("app.units.id"), primary_key=True, index=True
    )
    is_new: Mapped[bool]
    unit: Mapped[Unit] = relationship()


class Shop(Base):
    """A tenant."""

    __tablename__ = "shops"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "code"),
        sa.Index(
            "ix_shops_name_trgm",
            "name",
            postgresql_using="gin",
            postgresql_ops={"name": "gin_trgm_ops"},
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    code: Mapped[str]
    name: Mapped[str]
    business_type: Mapped[BusinessType] = mapped_column(one_of(BusinessType))
    contact_name: Mapped[str] = mapped_column(server_default="")
    contact_phone: Mapped[str] = mapped_column(server_default="")
    contact_email: Mapped[str] = mapped_column(server_default="")
    move_in_date: Mapped[date | None]
    description: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]
    mall: Mapped[Mall] = relationship()

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class ClosedMonth(Base):
    """A month whose figures stand: what comes for it later is a candidate for an adjustment
    (ingest.late_readings). Opening a month again takes the row away; the audit keeps both.
    """

    __tablename__ = "closed_months"
    __table_args__ = ({"schema": "app"},)
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    closed_at: Mapped[datetime]
    closed_by: Mapped[str]
