"""The users' table as Flask-Security needs it.

Belongs here: the mapping of people and roles to what sign-in asks for. The tables are those of
storage.models.people; the classes here add Flask-Security's behaviour, which storage must not
know.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask
from flask_security import RoleMixin, SQLAlchemySessionUserDatastore, UserMixin
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import (
    ColumnProperty,
    Session,
    column_property,
    registry,
    relationship,
    scoped_session,
)

from storage.models import Role, User, user_malls, user_roles, user_shops
from storage.models.base import Base

mapper = registry(metadata=Base.metadata)


@dataclass(frozen=True)
class RequestDatabase:
    """The request's session in the shape that Flask-Admin asks for."""

    session: scoped_session[Session]


class AccountRole(RoleMixin):
    """A row of app.roles at sign-in."""

    id: int
    name: str


class Account(UserMixin):
    """A row of app.users at sign-in."""

    id: int
    email: str
    name: str
    locale: str
    roles: list[AccountRole]
    mall_ids: list[int]
    shop_ids: list[int]


def _ids(column: sa.Column[int], user_id: sa.Column[int]) -> ColumnProperty[list[int]]:
    """The ids of a membership table, read with the account; the malls' rows stay unread."""
    found = sa.func.coalesce(sa.func.array_agg(column), sa.cast([], ARRAY(sa.BigInteger)))
    query = sa.select(found).where(user_id == User.__table__.c.id)
    return column_property(query.scalar_subquery())


mapper.map_imperatively(AccountRole, Role.__table__)
mapper.map_imperatively(
    Account,
    User.__table__,
    properties={
        "roles": relationship(AccountRole, secondary=user_roles, lazy="selectin", viewonly=True),
        "mall_ids": _ids(user_malls.c.mall_id, user_malls.c.user_id),
        "shop_ids": _ids(user_shops.c.shop_id, user_shops.c.user_id),
    },
)


def create_datastore(app: Flask) -> SQLAlchemySessionUserDatastore:
    """The datastore, over the session that reaches people's accounts and nothing else."""
    from webapp.database import EXTENSION  # which asks who is signed in, and so needs this module

    return SQLAlchemySessionUserDatastore(app.extensions[EXTENSION].door, Account, AccountRole)
