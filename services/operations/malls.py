"""Malls, their units and their shops come into being.

Belongs here: registering what a lease can be written about. Not here: leases (leasing), devices
(devices), people (people).
"""

from datetime import date, time
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.malls import BusinessType
from storage.models import Mall, Shop, Unit


class AlreadyRegistered(Exception):
    """The code stands in the register already; the message says whose."""


class NotRegistered(Exception):
    """No such mall, unit or shop."""


class InvalidRegistration(Exception):
    """A value that cannot be, such as an area of nothing or an unknown time zone."""


def register_mall(
    session: Session,
    *,
    code: str,
    name: str,
    time_zone: str = "Asia/Shanghai",
    business_day_cutoff_hour: int = 0,
    currency: str = "CNY",
    opens_at: time = time(10),
    closes_at: time = time(22),
    address: str = "",
) -> int:
    """A new mall; returns its id.

    `business_day_cutoff_hour` (0 to 12) is the local hour at which a business day begins.
    Raises AlreadyRegistered for a known code, InvalidRegistration for a zone or an hour that
    does not exist.
    """
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidRegistration(f"there is no time zone {time_zone!r}") from None
    if not 0 <= business_day_cutoff_hour <= 12:
        raise InvalidRegistration(f"the cut-off hour {business_day_cutoff_hour} is not in 0 to 12")
    _require_code(code)
    if session.scalar(sa.select(Mall.id).where(Mall.code == code)) is not None:
        raise AlreadyRegistered(f"the mall {code} is registered already")
    mall = Mall(
        code=code,
        name=name,
        time_zone=time_zone,
        business_day_cutoff_hour=business_day_cutoff_hour,
        currency=currency,
        opens_at=opens_at,
        closes_at=closes_at,
        address=address,
    )
    session.add(mall)
    session.flush()
    return mall.id


def register_unit(
    session: Session,
    *,
    mall_id: int,
    code: str,
    floor: str,
    area_m2: Decimal,
    opened_date: date,
    zone: str = "",
    closed_date: date | None = None,
) -> int:
    """A new lettable unit; returns its id. `opened_date` to `closed_date`, both included.

    Raises NotRegistered, AlreadyRegistered, InvalidRegistration (area, dates).
    """
    _require_mall(session, mall_id)
    _require_code(code)
    if area_m2 <= 0:
        raise InvalidRegistration(f"the area of unit {code} must be above 0 m², not {area_m2}")
    if closed_date is not None and closed_date < opened_date:
        raise InvalidRegistration(f"unit {code} cannot close before it opens")
    known = sa.select(Unit.id).where(Unit.mall_id == mall_id, Unit.code == code)
    if session.scalar(known) is not None:
        raise AlreadyRegistered(f"the unit {code} is registered already")
    unit = Unit(
        mall_id=mall_id,
        code=code,
        floor=floor,
        zone=zone,
        area_m2=area_m2,
        opened_date=opened_date,
        closed_date=closed_date,
    )
    session.add(unit)
    session.flush()
    return unit.id


def register_shop(
    session: Session,
    *,
    mall_id: int,
    code: str,
    name: str,
    business_type: BusinessType,
    contact_name: str = "",
    contact_phone: str = "",
    contact_email: str = "",
    move_in_date: date | None = None,
    description: str = "",
) -> int:
    """A new tenant; returns its id. Raises NotRegistered, AlreadyRegistered."""
    _require_mall(session, mall_id)
    _require_code(code)
    known = sa.select(Shop.id).where(Shop.mall_id == mall_id, Shop.code == code)
    if session.scalar(known) is not None:
        raise AlreadyRegistered(f"the shop {code} is registered already")
    shop = Shop(
        mall_id=mall_id,
        code=code,
        name=name,
        business_type=business_type,
        contact_name=contact_name,
        contact_phone=contact_phone,
        contact_email=contact_email,
        move_in_date=move_in_date,
        description=description,
    )
    session.add(shop)
    session.flush()
    return shop.id


def _require_mall(session: Session, mall_id: int) -> None:
    if session.get(Mall, mall_id) is None:
        raise NotRegistered(f"there is no mall {mall_id}")


def _require_code(code: str) -> None:
    if not code or code != code.strip() or "/" in code:
        raise InvalidRegistration(f"{code!r} is no code: it must have no blanks around it and no /")
