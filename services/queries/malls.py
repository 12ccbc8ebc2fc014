"""Malls by their code."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.malls import MallClock
from storage.models import Device, Mall, Shop


@dataclass(frozen=True, slots=True)
class MallView:
    id: int
    code: str
    name: str
    clock: MallClock


def list_malls(session: Session) -> tuple[MallView, ...]:
    """All malls, by code."""
    malls = session.scalars(sa.select(Mall).order_by(Mall.code))
    return tuple(MallView(mall.id, mall.code, mall.name, mall.clock) for mall in malls)


def find_mall(session: Session, *, code: str) -> MallView | None:
    return next((mall for mall in list_malls(session) if mall.code == code), None)


def find_device_id(session: Session, *, mall_id: int, code: str) -> int | None:
    return session.scalar(
        sa.select(Device.id).where(Device.mall_id == mall_id, Device.code == code)
    )


def find_shop_id(session: Session, *, mall_id: int, code: str) -> int | None:
    return session.scalar(sa.select(Shop.id).where(Shop.mall_id == mall_id, Shop.code == code))
