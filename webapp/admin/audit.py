"""Who did what, when, to which thing: the audit, searched.

Belongs here: filters, pages, one event, export. Nobody changes anything here, and the only event
that this page causes is that somebody took it away as a file.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Response, abort, request
from flask_admin import expose

from domain.audit import AuditAction
from domain.permissions import Permission
from services.queries.audit import (
    EventFilter,
    ListedEvent,
    get_event,
    last_verified,
    list_events,
)
from webapp.admin import access, audit_words, formats
from webapp.admin.base import StaffView
from webapp.admin.filters import row_id
from webapp.auth.authorisation import current_scope, may, require
from webapp.downloads import csv_download

PAGE_SIZE = 50
EXPORT_ROWS = 100_000
FILTERS = ("from", "to", "actor", "action", "thing", "id", "text", "mall")


class AuditView(StaffView):
    permission = Permission.AUDIT_READ

    @expose("/")
    def index(self) -> str:
        session = access.database()
        events = list_events(session, _wanted(), before_seq=_number("before"), limit=PAGE_SIZE + 1)
        return self.render(
            "admin/audit.html",
            events=events[:PAGE_SIZE],
            older=events[PAGE_SIZE - 1].seq if len(events) > PAGE_SIZE else None,
            chosen={name: request.args.get(name, "").strip() for name in FILTERS},
            is_filtered=any(request.args.get(name) for name in FILTERS),
            audit=audit_words,
            malls_by_id={mall.id: mall.name for mall in access.malls()},
            verified=last_verified(session),
            may_export=may(Permission.AUDIT_EXPORT),
            address=_address,
        )

    @expose("/<int(max=9223372036854775807):seq>")
    def event(self, seq: int) -> str:
        found = get_event(access.database(), seq=seq, malls=_readable_malls())
        if found is None:
            abort(404)
        return self.render(
            "admin/audit_event.html",
            event=found,
            audit=audit_words,
            malls_by_id={mall.id: mall.name for mall in access.malls()},
            address=_address,
        )

    @expose("/export.csv")
    def export(self) -> Response:
        require(Permission.AUDIT_EXPORT)
        events = list_events(access.database(), _wanted(), limit=EXPORT_ROWS)
        malls = {mall.id: mall.code for mall in access.malls()}
        return csv_download("audit.csv", EXPORTED, _rows(events, malls))


# Titles of the file: the columns of audit.events, for programs to read.
EXPORTED = (
    "seq", "occurred_at", "recorded_at", "mall", "actor_kind", "actor_id", "actor_name",
    "actor_role", "address", "agent", "request_id", "login", "action", "subject_type",
    "subject_id", "part", "before", "after", "note", "hash",
)  # fmt: skip


def _rows(events: Iterable[ListedEvent], malls: dict[int, str]) -> Iterable[list[Any]]:
    for event in events:
        row = []
        for name in EXPORTED:
            if name == "mall":
                row.append(malls.get(event.mall_id or 0, ""))
            elif name in ("before", "after"):
                row.append(audit_words.as_json(getattr(event, name)))
            else:
                row.append(getattr(event, name))
        yield row


def _readable_malls() -> frozenset[int] | None:
    """Malls whose events this person reads; None: of all, and of none."""
    scope = current_scope()
    return None if scope.is_everything else scope.mall_ids


def _wanted() -> EventFilter:
    """What the address asks for; a value that cannot be does not narrow."""
    malls = _readable_malls()
    mall = _number("mall")
    if mall is not None:
        malls = frozenset({mall}) if malls is None else malls & {mall}
    action, thing = _text("action"), _text("thing")
    return EventFilter(
        since=_start_of("from"),
        until=_start_of("to", days=1),
        actor=_text("actor"),
        actions=(action,) if action in set(AuditAction) else (),
        subject_types=(thing,) if thing in audit_words.THINGS else (),
        subject_id=_text("id"),
        text=_text("text"),
        malls=malls,
    )


def _text(name: str) -> str:
    return request.args.get(name, "").strip().replace("\0", "")


def _number(name: str) -> int | None:
    try:
        return row_id(_text(name))
    except ValueError:
        return None


def _start_of(name: str, *, days: int = 0) -> datetime | None:
    """The beginning of a day of the address, in the mall's zone, or of the day after it."""
    try:
        day = date.fromisoformat(_text(name)) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, time(), formats.zone())


def _address(**changes: Any) -> dict[str, str]:
    """The filters of this address with `changes`; an empty value takes one away."""
    values = {**{name: request.args.get(name, "") for name in FILTERS}, **changes}
    return {name: str(value) for name, value in values.items() if value}
