"""Repairs and events that shops ask for.

Belongs here: a request on its way through the mall's hands. Not here: messages about it.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.requests import RequestCategory, RequestKind, RequestPriority
from services.operations.malls import NotRegistered
from storage.models import Mall, ServiceRequest, Shop, Unit


class EmptyRequest(Exception):
    """A request that does not say what it asks for."""


def submit_request(
    session: Session,
    *,
    mall_id: int,
    shop_id: int,
    kind: RequestKind,
    category: RequestCategory,
    priority: RequestPriority,
    title: str,
    now: datetime,
    description: str = "",
    unit_id: int | None = None,
) -> str:
    """A new request; returns its number, `SR-202603-0001`: counted per mall and month of `now`.

    Raises NotRegistered (mall, shop or unit of another mall), EmptyRequest.
    """
    # The mall's row is the lock under which numbers are drawn.
    mall = session.get(Mall, mall_id, with_for_update=True)
    if mall is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    shop = session.get(Shop, shop_id)
    if shop is None or shop.mall_id != mall_id:
        raise NotRegistered(f"there is no shop {shop_id} in the mall {mall.code}")
    unit = session.get(Unit, unit_id) if unit_id is not None else None
    if unit_id is not None and (unit is None or unit.mall_id != mall_id):
        raise NotRegistered(f"there is no unit {unit_id} in the mall {mall.code}")
    if not title.strip():
        raise EmptyRequest("a request needs a title")
    prefix = f"SR-{mall.clock.local(now):%Y%m}-"
    position = sa.cast(sa.func.substr(ServiceRequest.number, len(prefix) + 1), sa.Integer)
    last = session.scalar(
        sa.select(sa.func.max(position)).where(
            ServiceRequest.mall_id == mall_id, ServiceRequest.number.startswith(prefix)
        )
    )
    number = f"{prefix}{(last or 0) + 1:04}"
    session.add(
        ServiceRequest(
            mall_id=mall_id,
            shop_id=shop_id,
            unit_id=unit_id,
            number=number,
            kind=kind,
            category=category,
            priority=priority,
            title=title.strip(),
            description=description,
            submitted_at=now,
        )
    )
    session.flush()
    return number
