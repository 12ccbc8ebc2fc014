"""Events of the audit, found and listed.

Belongs here: searching, newest first, a page at a time. Not here: whether the chain is intact
(`services.queries.audit_chain`). Which rows a person may see at all is Postgres's own rule.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.audit import AuditAction, ChainHead
from storage.models import AuditEvent


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What is looked for; what is empty does not narrow.

    `since` and `until` bound `occurred_at` (until is not included). `actor` is part of a name.
    `subject_types` are things; `subject_id` is of one of them. `text` is a whole request id, an
    address or a key of a thing. `malls`: of these malls alone.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    actions: Collection[str] = ()
    subject_types: Collection[str] = ()
    subject_id: str = ""
    text: str = ""
    malls: Collection[int] | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = []
        if self.since is not None:
            found.append(AuditEvent.occurred_at >= self.since)
        if self.until is not None:
            found.append(AuditEvent.occurred_at < self.until)
        if self.actor:
            found.append(AuditEvent.actor_name.icontains(self.actor, autoescape=True))
        if self.actions:
            found.append(AuditEvent.action.in_(list(self.actions)))
        if self.subject_types:
            found.append(AuditEvent.subject_type.in_(list(self.subject_types)))
        if self.subject_id:
            found.append(AuditEvent.subject_id == self.subject_id)
        if self.text:
            found.append(
                sa.or_(
                    AuditEvent.request_id == self.text,
                    AuditEvent.address == self.text,
                    AuditEvent.subject_id == self.text,
                )
            )
        if self.malls is not None:
            found.append(AuditEvent.mall_id.in_(list(self.malls)))
        return found


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """One event; `domain.audit.SealedEvent` says what each field is. `before` and `after` by
    column.
    """

    seq: int
    occurred_at: datetime
    recorded_at: datetime
    mall_id: int | None
    actor_kind: str
    actor_id: int | None
    actor_name: str
    actor_role: str
    address: str
    agent: str
    request_id: str
    login: str
    action: str
    subject_type: str
    subject_id: str
    part: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    note: str
    hash: str


@dataclass(frozen=True, slots=True)
class LastVerified:
    """The last time somebody verified the chain: when, up to which event, and the verdict."""

    at: datetime
    head: ChainHead
    is_intact: bool
    witnesses: int


def list_events(
    session: Session, wanted: EventFilter, *, before_seq: int | None = None, limit: int = 50
) -> tuple[ListedEvent, ...]:
    """At most `limit` events, the newest first; those before event `before_seq` when given."""
    query = sa.select(AuditEvent).where(*wanted.conditions())
    if before_seq is not None:
        query = query.where(AuditEvent.seq < before_seq)
    query = query.order_by(AuditEvent.seq.desc()).limit(limit)
    return tuple(_listed(event) for event in session.scalars(query))


def get_event(
    session: Session, *, seq: int, malls: Collection[int] | None = None
) -> ListedEvent | None:
    """Event `seq` when there is one, and it is of one of `malls` when they are given."""
    query = sa.select(AuditEvent).where(AuditEvent.seq == seq)
    query = query.where(*EventFilter(malls=malls).conditions())
    event = session.scalars(query).one_or_none()
    return None if event is None else _listed(event)


def last_verified(session: Session) -> LastVerified | None:
    """The last verdict that was written down; None when nobody verified yet."""
    query = (
        sa.select(AuditEvent)
        .where(AuditEvent.action == AuditAction.AUDIT_VERIFIED)
        .order_by(AuditEvent.seq.desc())
        .limit(1)
    )
    event = session.scalars(query).one_or_none()
    if event is None or event.after is None:
        return None
    said = event.after
    return LastVerified(
        at=event.occurred_at,
        head=ChainHead(int(said["seq"]), str(said["hash"])),
        is_intact=bool(said["is_intact"]),
        witnesses=int(said["witnesses"]),
    )


def _listed(event: AuditEvent) -> ListedEvent:
    return ListedEvent(**{name: getattr(event, name) for name in ListedEvent.__dataclass_fields__})
