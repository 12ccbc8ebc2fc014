"""People get an account, a role, malls and shops, and lose them again.

Belongs here: who may sign in as what. Not here: hashing a password or asking for one
(passwords, webapp, cli), inviting and signing in (invitations, sign_in), and what a role may do
(`domain.permissions`).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audit import AuditAction
from domain.people import Role, effective_role, phone_number
from services.operations.audit import record_event
from services.operations.malls import NotRegistered
from services.operations.sessions import end_all_sessions
from storage.models import Mall, Shop, User
from storage.models import Role as RoleRow


class EmailTaken(Exception):
    """Another account has that e-mail address."""


class InvalidAccount(Exception):
    """An account nobody could use: no address, or a shop's account without a shop; or a member
    of staff with shops.
    """


class AccountNotFound(Exception):
    """No such account."""


class OwnAccount(Exception):
    """Nobody changes the role of the own account or closes it: somebody else must."""


class LastAdministrator(Exception):
    """Without this account nobody could manage people any more."""


def create_user(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    mall_codes: Iterable[str] = (),
    shop_codes: Iterable[str] = (),
    password_hash: str | None,
    locale: str = "",
    phone: str = "",
    active: bool = True,
) -> int:
    """A new account; returns its id.

    `password_hash` is as Flask-Security stores it, None for an account without password.
    `shop_codes` are codes of shops of the malls named, or `mall/shop` where two malls have the
    code. Raises EmailTaken, InvalidAccount, InvalidPhone, NotRegistered (mall or shop).
    """
    address = email.strip().lower()
    if "@" not in address:
        raise InvalidAccount(f"{email!r} is no e-mail address")
    malls, shops = _reach(session, address, role, set(mall_codes), set(shop_codes))
    if session.scalar(sa.select(User.id).where(sa.func.lower(User.email) == address)) is not None:
        raise EmailTaken(f"{address} has an account already")
    user = User(
        email=address,
        name=name,
        password=password_hash,
        active=active,
        locale=locale,
        phone=phone_number(phone),
        fs_uniquifier=uuid4().hex,
    )
    user.roles = [_role_row(session, role)]
    user.malls = malls
    user.shops = shops
    session.add(user)
    session.flush()
    return user.id


def change_access(
    session: Session,
    *,
    user_id: int,
    role: Role,
    mall_codes: Iterable[str] = (),
    shop_codes: Iterable[str] = (),
    by: int | None,
    now: datetime,
) -> bool:
    """Give an account this role, these malls and these shops in place of what it had; whether
    that changed anything. A change ends the account's sessions.

    `by` is the account that does it, None for the command line; codes as in create_user.
    Raises AccountNotFound, InvalidAccount, NotRegistered, OwnAccount and LastAdministrator.
    """
    administrators = _locked_administrators(session)
    user = _locked(session, user_id)
    malls, shops = _reach(session, user.email, role, set(mall_codes), set(shop_codes))
    before = _access(user)
    _require_other_administrator(user, role, administrators)
    if by == user.id and role != effective_role(one.name for one in user.roles):
        raise OwnAccount(f"{user.email} may not change the own role")
    user.roles = [_role_row(session, role)]
    user.malls = malls
    user.shops = shops
    session.flush()
    if _access(user) == before:
        return False
    end_all_sessions(session, user_id=user.id, now=now)
    _record(session, user, AuditAction.ROLE_CHANGED, now, before=before, after=_access(user))
    return True


def rename_user(session: Session, *, user_id: int, name: str, locale: str) -> None:
    """Correct the name and the language of an account. Raises AccountNotFound."""
    user = _locked(session, user_id)
    user.name = name.strip()
    user.locale = locale
    session.flush()


def change_phone(session: Session, *, user_id: int, phone: str) -> None:
    """The number for text messages to the person, empty for none.

    Raises AccountNotFound, InvalidPhone.
    """
    number = phone_number(phone)
    user = _locked(session, user_id)
    user.phone = number
    session.flush()


def deactivate_user(session: Session, *, user_id: int, by: int | None, now: datetime) -> None:
    """Close an account: its sessions end, nobody signs in to it. Nothing is deleted.

    Raises AccountNotFound, OwnAccount, LastAdministrator.
    """
    administrators = _locked_administrators(session)
    user = _locked(session, user_id)
    if by == user.id:
        raise OwnAccount(f"{user.email} may not close the own account")
    _require_other_administrator(user, None, administrators)
    if not user.active:
        return
    user.active = False
    session.flush()
    end_all_sessions(session, user_id=user.id, now=now)
    _record(session, user, AuditAction.ACCOUNT_DISABLED, now)


def activate_user(session: Session, *, user_id: int, now: datetime) -> None:
    """Open a closed account again, with what it had. Raises AccountNotFound."""
    user = _locked(session, user_id)
    if user.active:
        return
    user.active = True
    session.flush()
    _record(session, user, AuditAction.ACCOUNT_ENABLED, now)


def _locked(session: Session, user_id: int) -> User:
    user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise AccountNotFound(f"there is no account {user_id}")
    return user


def _locked_administrators(session: Session) -> set[int]:
    """Ids of the active administrators. Locked in one order: two of them who close each other's
    account at once do so one after the other, and the second is refused.
    """
    query = (
        sa.select(User.id)
        .where(User.active, User.roles.any(RoleRow.name == Role.SUPER_ADMIN.value))
        .order_by(User.id)
        .with_for_update()
    )
    return set(session.scalars(query))


def _require_other_administrator(user: User, role: Role | None, active: set[int]) -> None:
    if role is not Role.SUPER_ADMIN and active == {user.id}:
        raise LastAdministrator(f"{user.email} is the last active administrator")


def _access(user: User) -> dict[str, Any]:
    return {
        "roles": sorted(role.name for role in user.roles),
        "malls": sorted(mall.code for mall in user.malls),
        "shops": sorted(f"{shop.mall.code}/{shop.code}" for shop in user.shops),
    }


def _record(
    session: Session,
    user: User,
    action: AuditAction,
    now: datetime,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_event(
        session,
        action=action,
        now=now,
        subject_type="users",
        subject_id=user.id,
        before=before,
        after=after,
        note=user.email,
    )


def _role_row(session: Session, role: Role) -> RoleRow:
    """The row of a role; one never given before is written first."""
    session.execute(
        insert(RoleRow).values(name=role.value).on_conflict_do_nothing(index_elements=["name"])
    )
    return session.scalars(sa.select(RoleRow).where(RoleRow.name == role.value)).one()


def _reach(
    session: Session, address: str, role: Role, mall_codes: set[str], shop_codes: set[str]
) -> tuple[list[Mall], list[Shop]]:
    """The malls and shops that an account of the role is for: a shop's person belongs to its
    shops and to their malls, a member of staff to malls.
    """
    malls = list(session.scalars(sa.select(Mall).where(Mall.code.in_(mall_codes))))
    _require_all("mall", mall_codes, {mall.code for mall in malls})
    shops = [_shop(session, malls, code) for code in sorted(shop_codes)]
    if role is Role.SHOP:
        if not shops:
            raise InvalidAccount(f"{address} has the role SHOP and must name its shops")
        return list({shop.mall_id: shop.mall for shop in shops}.values()), shops
    if shops:
        raise InvalidAccount(f"{address} has the role {role} and belongs to malls, not to shops")
    return malls, []


def _shop(session: Session, malls: list[Mall], code: str) -> Shop:
    mall_code, _slash, shop_code = code.rpartition("/")
    mall_ids = [mall.id for mall in malls if mall_code in ("", mall.code)]
    query = sa.select(Shop).where(Shop.code == shop_code, Shop.mall_id.in_(mall_ids))
    shops = list(session.scalars(query))
    if not shops:
        raise NotRegistered(f"there is no shop {code}")
    if len(shops) > 1:
        raise InvalidAccount(f"several malls have a shop {code}; write it as mall/{code}")
    return shops[0]


def _require_all(word: str, wanted: set[str], found: set[str]) -> None:
    if wanted - found:
        raise NotRegistered(f"there is no {word} {', '.join(sorted(wanted - found))}")
