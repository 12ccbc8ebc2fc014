"""Repairs and events asked for by shops."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import relationship

from domain.requests import RequestCategory, RequestKind, RequestPriority, RequestState
from storage.models.base import Base, Id, Mapped, mapped_column, one_of
from storage.models.malls import Mall, Shop, Unit


class ServiceRequest(Base):
    __tablename__ = "service_requests"
    __table_args__ = (sa.UniqueConstraint("mall_id", "number"), {"schema": "app"})
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.units.id"))
    number: Mapped[str]
    kind: Mapped[RequestKind] = mapped_column(one_of(RequestKind))
    category: Mapped[RequestCategory] = mapped_column(one_of(RequestCategory))
    priority: Mapped[RequestPriority] = mapped_column(one_of(RequestPriority))
    state: Mapped[RequestState] = mapped_column(
        one_of(RequestState), server_default=RequestState.SUBMITTED
    )
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    submitted_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    mall: Mapped[Mall] = relationship()
    shop: Mapped[Shop] = relationship()
    unit: Mapped[Unit | None] = relationship()

    def __str__(self) -> str:
        return self.number
