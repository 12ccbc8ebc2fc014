"""The shops that a person of a shop works for, as every page of the portal needs them.

Belongs here: the shops themselves, and what is owed. Each kind of thing a shop looks at has a
module of its own: `portal_bills`, `portal_contracts`, `portal_figures`, `portal_messages`,
`portal_documents`. Every read takes `shop_ids`: rows of other shops are not found.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.malls import BusinessType
from storage.models import Mall, Shop


@dataclass(frozen=True, slots=True)
class OwnShop:
    """A shop with what its pages need of its mall."""

    id: int
    mall_id: int
    code: str
    name: str
    business_type: BusinessType
    move_in_date: date | None
    mall_name: str
    time_zone: str
    currency: str


def list_own_shops(session: Session, *, shop_ids: Set[int]) -> tuple[OwnShop, ...]:
    """The shops by code; ids that name no shop are left out."""
    rows = session.execute(
        sa.select(
            Shop.id,
            Shop.mall_id,
            Shop.code,
            Shop.name,
            Shop.business_type,
            Shop.move_in_date,
            Mall.name.label("mall_name"),
            Mall.time_zone,
            Mall.currency,
        )
        .join(Mall, Mall.id == Shop.mall_id)
        .where(Shop.id.in_(shop_ids))
        .order_by(Shop.code, Shop.id)
    )
    return tuple(OwnShop(**row._mapping) for row in rows)
