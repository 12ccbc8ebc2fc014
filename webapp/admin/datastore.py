"""The users' table as Flask-Security needs it, and the database session of a request.

Belongs here: the mapping of people and roles to what sign-in asks for. The tables are those of
storage.models.people; the classes here add Flask-Security's behaviour, which storage must not
know.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_security import RoleMixin, SQLAlchemySessionUserDatastore, UserMixin
from sqlalchemy.orm import Session, registry, relationship, scoped_session, sessionmaker

from storage.models import Mall, Role, User, user_malls, user_roles
from storage.models.base import Base

# One session a request; closed with it, so that nothing uncommitted survives.
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
    malls: list[Mall]


mapper.map_imperatively(AccountRole, Role.__table__)
mapper.map_imperatively(
    Account,
    User.__table__,
    properties={
        "roles": relationship(AccountRole, secondary=user_roles, lazy="selectin", viewonly=True),
        "malls": relationship(Mall, secondary=user_malls, viewonly=True),
    },
)


def create_datastore(app: Flask) -> SQLAlchemySessionUserDatastore:
    """The datastore, over the request's session at `app.extensions["atrium_session"]`."""
    engine: sa.Engine = app.extensions["atrium"].engine
    session = scoped_session(sessionmaker(engine, expire_on_commit=False))
    app.extensions["atrium_session"] = session

    @app.teardown_appcontext
    def close(error: Any) -> None:
        session.remove()

    return SQLAlchemySessionUserDatastore(session, Account, AccountRole)
