"""What every page of signing in needs: its database, who knocks, and where people go next.

Belongs here: small facts of the request. Not here: pages.
"""

from flask import g, request, url_for
from sqlalchemy.orm import Session, scoped_session

from domain.people import Role
from domain.scopes import Actor, ActorKind
from webapp.auth.authorisation import AGENT_LENGTH
from webapp.database import door_database


def door() -> scoped_session[Session]:
    """The database session that reads and writes people's accounts, and nothing else."""
    return door_database()


def knocker() -> Actor:
    """Whoever is at the door, before we know them."""
    return Actor(
        ActorKind.ANONYMOUS,
        "",
        address=request.remote_addr or "",
        agent=request.user_agent.string[:AGENT_LENGTH],
        request_id=str(g.get("request_id", "")),
    )


def home_of(role: Role | None) -> str:
    """Where somebody of a role begins."""
    if role is None:
        return url_for("account.index")
    if role is Role.SHOP:
        return url_for("portal.index")
    return url_for("admin.index")


def way_on(target: str, role: Role | None) -> str:
    """Where somebody wanted to go, if it is a page of this site that is not somebody else's."""
    from webapp.pages import same_site_path

    path = same_site_path(target or "/")
    is_foreign = role is Role.SHOP and path.startswith("/admin")
    return home_of(role) if path == "/" or is_foreign else path
