"""The malls of a person, the one that the pages show, and the session that reads them.

Not here: who somebody is and what they may do (webapp.auth.authorisation).
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import g, session
from sqlalchemy.orm import Session, scoped_session

from storage.models import Mall
from webapp.auth.authorisation import current_scope
from webapp.database import staff_database


def database() -> scoped_session[Session]:
    """The session of this request, which reaches the malls in its scope."""
    return staff_database()


@dataclass(frozen=True)
class CurrentMall:
    """The mall that the pages show."""

    id: int
    code: str
    name: str
    zone: ZoneInfo
    currency: str


def malls() -> tuple[CurrentMall, ...]:
    """The malls this person may see, by code: every mall for SUPER_ADMIN, else their own."""
    if "malls" not in g:
        scope = current_scope()
        if not scope.is_everything and not scope.mall_ids:
            return ()
        query = sa.select(Mall).order_by(Mall.code)
        if not scope.is_everything:
            query = query.where(Mall.id.in_(scope.mall_ids))
        g.malls = tuple(
            CurrentMall(m.id, m.code, m.name, ZoneInfo(m.time_zone), m.currency)
            for m in database().scalars(query)
        )
    found: tuple[CurrentMall, ...] = g.malls
    return found


def current_mall() -> CurrentMall | None:
    """The mall chosen in this session, else the first; None when there is none to see."""
    known = malls()
    chosen = session.get("mall")
    return next((mall for mall in known if mall.code == chosen), known[0] if known else None)


def current_mall_id() -> int:
    """Its id, or 0, which no row has."""
    mall = current_mall()
    return mall.id if mall else 0
