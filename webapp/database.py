"""The database as a request may reach it: through the door, as staff, or as a shop.

Belongs here: the three ways in, and what every transaction says at its beginning: which role it
is, whose rows it reaches and who acts. Each way has a login of its own in Postgres, so a shop's
request never holds a connection that could become staff. Not here: who somebody is and what they
may do (webapp.auth.authorisation), and the device API's connections (webapp.api.connections).

A transaction of a GET changes nothing, but at the door: there a page may note that a session
lives, or that a file left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask, current_app, g, has_request_context, request
from sqlalchemy.orm import Session, SessionTransaction, scoped_session, sessionmaker

from domain.people import Role
from domain.scopes import NOTHING, Actor, ActorKind, Scope
from storage.context import context_key, set_context
from storage.database import create_engine
from storage.logins import Login, login_url
from storage.roles import GROUP_OF_ROLE, Group
from storage.settings import Settings
from webapp.auth.authorisation import AGENT_LENGTH, current_actor, current_scope, principal

EXTENSION = "atrium_databases"
STAFF_ROLES = frozenset(Role) - {Role.SHOP}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ACTOR = "atrium_actor"


class Nobody(Exception):
    """The page asked for rows that the person of this request has no way to."""


@dataclass(frozen=True)
class Databases:
    """One session a request and way, closed with it, so that nothing uncommitted survives."""

    door: scoped_session[Session]
    staff: scoped_session[Session]
    tenant: scoped_session[Session]
    engines: tuple[sa.Engine, ...]

    def each(self) -> tuple[scoped_session[Session], ...]:
        return (self.door, self.staff, self.tenant)

    def dispose(self) -> None:
        """Close every connection."""
        for engine in self.engines:
            engine.dispose()


def install(app: Flask, settings: Settings) -> None:
    """Open the three ways for the requests of `app`. Connects to nothing yet."""
    engines = {
        login: create_engine(login_url(settings, login), pool_size=settings.web_threads + 2)
        for login in (Login.DOOR, Login.STAFF, Login.TENANT)
    }
    databases = Databases(
        door=_session(engines[Login.DOOR], _enter_door, settings),
        staff=_session(engines[Login.STAFF], _become_staff, settings),
        tenant=_session(engines[Login.TENANT], _become_tenant, settings),
        engines=tuple(engines.values()),
    )
    app.extensions[EXTENSION] = databases

    @app.teardown_appcontext
    def close(error: Any) -> None:
        for session in databases.each():
            session.remove()


def databases() -> Databases:
    found: Databases = current_app.extensions[EXTENSION]
    return found


def door_database() -> scoped_session[Session]:
    """People's accounts, and nothing of malls."""
    door = databases().door
    session = door()
    # Whoever was a stranger when the transaction began may be known by now.
    if session.in_transaction() and session.info.get(_ACTOR) != _door_actor():
        _enter_door(session, session.connection(), current_app.extensions["atrium"].settings)
    return door


def staff_database() -> scoped_session[Session]:
    """Rows of the malls in scope, as the role of the person of this request."""
    return databases().staff


def tenant_database() -> scoped_session[Session]:
    """Rows of the person's shops."""
    return databases().tenant


def roll_back() -> None:
    """Undo what the request has not committed; its sessions are usable again."""
    for session in databases().each():
        session.rollback()


Begin = Callable[[Session, sa.Connection, Settings], None]


def _session(engine: sa.Engine, begin: Begin, settings: Settings) -> scoped_session[Session]:
    factory = sessionmaker(engine, expire_on_commit=False)

    @sa.event.listens_for(factory, "after_begin")
    def said(session: Session, transaction: SessionTransaction, connection: sa.Connection) -> None:
        if not transaction.nested:
            begin(session, connection, settings)

    return scoped_session(factory)


def _enter_door(session: Session, connection: sa.Connection, settings: Settings) -> None:
    actor = session.info[_ACTOR] = _door_actor()
    _say(connection, settings, role=Group.DOOR, scope=NOTHING, actor=actor)


def _become_staff(session: Session, connection: sa.Connection, settings: Settings) -> None:
    _become(connection, settings, STAFF_ROLES)


def _become_tenant(session: Session, connection: sa.Connection, settings: Settings) -> None:
    _become(connection, settings, frozenset({Role.SHOP}))


def _become(connection: sa.Connection, settings: Settings, roles: frozenset[Role]) -> None:
    who = principal()
    if who is None or who.role not in roles:
        raise Nobody("this way into the database is not open to the person of this request")
    _say(
        connection,
        settings,
        role=GROUP_OF_ROLE[who.role],
        scope=current_scope(),
        actor=current_actor(),
        read_only=request.method in SAFE_METHODS,
    )


def _say(
    connection: sa.Connection,
    settings: Settings,
    *,
    role: Group,
    scope: Scope,
    actor: Actor,
    read_only: bool = False,
) -> None:
    driver: Any = connection.connection.driver_connection
    set_context(
        driver,
        key=context_key(settings),
        role=role,
        scope=scope,
        actor=actor,
        # The machine's clock, not the application's: Postgres compares it with its own.
        now=datetime.now(UTC),
        read_only=read_only,
    )


def _is_read(account: Any) -> bool:
    """Whether all of the account is known. After a rollback it is read anew, which takes the
    door: while that is opening, nothing can be.
    """
    state = sa.inspect(account, raiseerr=False)
    if state is None:  # a stranger
        return True
    if state.expired_attributes or "roles" not in state.dict:
        return False
    return not any(sa.inspect(role).expired_attributes for role in state.dict["roles"])


def _door_actor() -> Actor:
    """Who acts at the door: a stranger until Flask-Login knows the person, which takes the door."""
    if has_request_context():
        if "_login_user" in g and _is_read(g._login_user):
            g.door_actor = current_actor()
        if "door_actor" in g:
            return cast(Actor, g.door_actor)
        return Actor(
            ActorKind.ANONYMOUS,
            "",
            address=request.remote_addr or "",
            agent=request.user_agent.string[:AGENT_LENGTH],
            request_id=g.get("request_id", ""),
        )
    return Actor(ActorKind.SYSTEM, "web")
