"""People who may sign in: how many have each role, and how an account stands.

Belongs here: reading accounts for those who manage them, and who may be put in charge of a lease.
Not here: changing accounts (services.operations.people) and a person's own view of the account
(accounts).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.people import AccountState, Role, effective_role
from domain.sign_in import TokenPurpose, needs_second_factor
from storage.models import (
    AccountToken,
    Mall,
    SecondFactor,
    Shop,
    User,
    user_malls,
    user_roles,
)
from storage.models import Role as RoleRow


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """What keeps a person out, or will. `locked_until` is None when the account is not locked,
    `invited_until` when no invitation waits to be taken.
    """

    state: AccountState
    has_password: bool
    locked_until: datetime | None
    invited_until: datetime | None
    second_factor_since: datetime | None
    needs_second_factor: bool


def account_state(user: User, now: datetime) -> AccountState:
    if not user.active:
        return AccountState.CLOSED
    if user.locked_until is not None and now < user.locked_until:
        return AccountState.LOCKED
    return AccountState.ACTIVE if user.password is not None else AccountState.INVITED


def in_state(state: AccountState, now: datetime) -> sa.ColumnElement[bool]:
    """The accounts for which `account_state` answers `state`."""
    is_locked = sa.func.coalesce(User.locked_until > now, sa.false())
    match state:
        case AccountState.CLOSED:
            return ~User.active
        case AccountState.LOCKED:
            return User.active & is_locked
        case AccountState.INVITED:
            return User.active & ~is_locked & User.password.is_(None)
        case AccountState.ACTIVE:
            return User.active & ~is_locked & User.password.is_not(None)


def count_people_by_role(session: Session) -> Mapping[Role, int]:
    """How many active accounts act in each role."""
    rows = session.execute(
        sa.select(sa.func.array_agg(RoleRow.name))
        .select_from(User)
        .join(user_roles, user_roles.c.user_id == User.id)
        .join(RoleRow, RoleRow.id == user_roles.c.role_id)
        .where(User.active)
        .group_by(User.id)
    )
    found = Counter(role for (names,) in rows if (role := effective_role(names)) is not None)
    return {role: found[role] for role in Role}


def get_standing(session: Session, *, user_id: int, now: datetime) -> AccountStanding:
    """How an account that exists stands at `now`."""
    user = session.get_one(User, user_id)
    state = account_state(user, now)
    role = effective_role(one.name for one in user.roles)
    return AccountStanding(
        state=state,
        has_password=user.password is not None,
        locked_until=user.locked_until if state is AccountState.LOCKED else None,
        invited_until=session.scalar(
            sa.select(sa.func.max(AccountToken.expires_at)).where(
                AccountToken.user_id == user_id,
                AccountToken.purpose == TokenPurpose.INVITATION,
                AccountToken.used_at.is_(None),
                AccountToken.expires_at > now,
            )
        ),
        second_factor_since=session.scalar(
            sa.select(SecondFactor.enrolled_at).where(SecondFactor.user_id == user_id)
        ),
        needs_second_factor=needs_second_factor(role),
    )


def list_shop_choices(session: Session) -> tuple[tuple[str, str], ...]:
    """Every shop as (`mall/shop`, its name with its code), by mall and code."""
    rows = session.execute(
        sa.select(Mall.code, Shop.code, Shop.name)
        .join(Mall, Mall.id == Shop.mall_id)
        .order_by(Mall.code, Shop.code)
    )
    return tuple((f"{mall}/{code}", f"{mall} · {code} {name}") for mall, code, name in rows)


def list_officers(session: Session, *, mall_id: int) -> tuple[tuple[str, str], ...]:
    """(e-mail, name) of the mall's people of OPERATION who may sign in, by e-mail. Read at the
    door: of the staff only SUPER_ADMIN may read accounts.
    """
    rows = session.execute(
        sa.select(User.email, User.name)
        .join(user_roles, user_roles.c.user_id == User.id)
        .join(RoleRow, RoleRow.id == user_roles.c.role_id)
        .join(user_malls, user_malls.c.user_id == User.id)
        .where(User.active, RoleRow.name == Role.OPERATION, user_malls.c.mall_id == mall_id)
        .order_by(User.email)
    )
    return tuple((email, name) for email, name in rows)
