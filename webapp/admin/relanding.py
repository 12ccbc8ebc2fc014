"""Trying refused rows again from a page: what is taken goes through the devices' door.

Belongs here: one step of that work, short enough for a page. Not here: what a step does
(services/operations/relanding).
"""

import time
from collections.abc import Sequence

import psycopg
from flask_security import current_user

from services.adapters.directory import MallDevices
from services.operations.device_directory import load_device_directory
from services.operations.relanding import Taken, Totals, judge, settle, take
from services.queries.waiting_sources import KeptSource, SourceId, get_source
from webapp.admin import access
from webapp.api.connections import in_mall, with_connection
from webapp.auth.authorisation import current_actor
from webapp.runtime import runtime

STEP_SOURCES = 200
STEP_SECONDS = 4.0


def try_again(sources: Sequence[SourceId], *, mall_id: int) -> tuple[Totals, SourceId | None]:
    """Try the first of these sources again, as many as a step has time for; what it came to, and
    the last that was tried. Each source is committed by itself.
    """
    at, session = runtime(), access.database()
    where = with_connection(at.database_url, lambda connection: _directory(connection, mall_id))
    totals, last = Totals(), None
    began = time.monotonic()
    for source in sources[:STEP_SOURCES]:
        kept = get_source(session(), source, mall_id=mall_id)
        last = source
        if kept is None or not kept.rows:
            continue
        taken = _taken(kept, where)
        settled = settle(
            session(),
            kept,
            taken,
            mall_id=mall_id,
            actor=current_user.email,
            now=at.now(),
        )
        session.commit()
        totals.add(taken, settled)
        if time.monotonic() - began > STEP_SECONDS:
            break
    return totals, last


def _directory(connection: psycopg.Connection, mall_id: int) -> MallDevices:
    at = runtime()
    with in_mall(connection, at.settings, mall_id=mall_id, actor=current_actor()):
        (where,) = load_device_directory(connection, mall_id=mall_id).malls.values()
    return where


def _taken(kept: KeptSource, where: MallDevices) -> Taken:
    at, actor = runtime(), current_actor()
    judged = judge(kept, where=where, store=at.store, settings=at.settings)

    def write(connection: psycopg.Connection) -> Taken:
        with in_mall(connection, at.settings, mall_id=where.mall.mall_id, actor=actor):
            return take(connection, kept, judged, where=where)

    return with_connection(at.database_url, write)
