"""People get an account, roles, malls and shops.

Belongs here: who may sign in as what. Not here: hashing a password or asking for one (webapp,
cli), nor what a role may do (webapp's access lists).
"""

from collections.abc import Iterable
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.people import Role
from services.operations.malls import NotRegistered
from storage.models import Mall, Shop, User
from storage.models import Role as RoleRow


class EmailTaken(Exception):
    """Another account has that e-mail address."""


class InvalidAccount(Exception):
    """An account nobody could use: no address, no role, or a shop's account without a shop."""


def create_user(
    session: Session,
    *,
    email: str,
    name: str,
    roles: Iterable[Role],
    mall_codes: Iterable[str] = (),
    shop_codes: Iterable[str] = (),
    password_hash: str | None,
    locale: str = "",
    active: bool = True,
) -> int:
    """A new account; returns its id.

    `password_hash` is as Flask-Security stores it, None for an account without password.
    `shop_codes` are codes of shops of the malls named. Raises EmailTaken, InvalidAccount,
    NotRegistered (mall or shop).
    """
    address = email.strip().lower()
    wanted = sorted(set(roles))
    if "@" not in address:
        raise InvalidAccount(f"{email!r} is no e-mail address")
    if not wanted:
        raise InvalidAccount(f"{address} needs a role: one of {', '.join(Role)}")
    malls = _malls(session, set(mall_codes))
    shops = _shops(session, malls, set(shop_codes))
    if Role.SHOP in wanted and not shops:
        raise InvalidAccount(f"{address} has the role SHOP and must name its shops")
    if session.scalar(sa.select(User.id).where(sa.func.lower(User.email) == address)) is not None:
        raise EmailTaken(f"{address} has an account already")
    user = User(
        email=address,
        name=name,
        password=password_hash,
        active=active,
        locale=locale,
        fs_uniquifier=uuid4().hex,
    )
    user.roles = _roles(session, wanted)
    user.malls = malls
    user.shops = shops
    session.add(user)
    session.flush()
    return user.id


def _roles(session: Session, wanted: list[Role]) -> list[RoleRow]:
    """Rows of the roles; those never given before are written first."""
    session.execute(
        insert(RoleRow)
        .values([{"name": role.value} for role in wanted])
        .on_conflict_do_nothing(index_elements=["name"])
    )
    names = [role.value for role in wanted]
    return list(session.scalars(sa.select(RoleRow).where(RoleRow.name.in_(names))))


def _malls(session: Session, codes: set[str]) -> list[Mall]:
    malls = list(session.scalars(sa.select(Mall).where(Mall.code.in_(codes))))
    _require_all("mall", codes, {mall.code for mall in malls})
    return malls


def _shops(session: Session, malls: list[Mall], codes: set[str]) -> list[Shop]:
    mall_ids = [mall.id for mall in malls]
    shops = list(
        session.scalars(sa.select(Shop).where(Shop.code.in_(codes), Shop.mall_id.in_(mall_ids)))
    )
    _require_all("shop", codes, {shop.code for shop in shops})
    return shops


def _require_all(word: str, wanted: set[str], found: set[str]) -> None:
    if wanted - found:
        raise NotRegistered(f"there is no {word} {', '.join(sorted(wanted - found))}")
