"""Months of device data are closed and opened again; what came late is applied or dismissed.

A closed month stands still: what comes for it waits in ingest.late_readings (late_values), and
once the month is open again a person applies it or dismisses it. Applied, it takes its place as
though it had been written when it was received: the newest received stands, the other is kept as
a revision.

Belongs here: these four decisions, each an event of the audit. Not here: how writers notice
(late_values), who may decide (domain.permissions).
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.audit import AuditAction
from domain.scopes import Actor
from services.operations.audit import record_event
from services.operations.late_values import month_of
from storage.models.ingest import LateReading, LateState
from storage.models.malls import ClosedMonth, Mall

HOLD_ALONE = sa.text("SELECT pg_advisory_xact_lock(4207851, CAST(:mall_id % 2147483647 AS int))")
APPLY = sa.text("SELECT ingest.apply_late(:late_id, :now, :by, :why)")


class ClosedMonthError(Exception):
    """The decision cannot be taken; the message says why."""


class Applied(StrEnum):
    """What became of a late value: it is the first of its key, stands in place of another, is
    what stands already, or is older than what stands and kept as a revision.
    """

    ACCEPTED = "accepted"
    REVISED = "revised"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class _Late:
    mall_id: int
    month: date
    facts: dict[str, object]


def close_month(
    session: Session, *, mall_id: int, month: date, actor: Actor, now: datetime
) -> None:
    """Close a month, named by any of its days, once every write under way in the mall has ended.

    Raises ClosedMonthError when it is closed already or has not ended.
    """
    first = month_of(month)
    mall = session.get_one(Mall, mall_id)
    if first >= month_of(mall.clock.business_date(now)):
        raise ClosedMonthError(f"{first:%Y-%m} has not ended; a month is closed when it is over")
    if _held_month(session, mall_id, first) is not None:
        raise ClosedMonthError(f"{first:%Y-%m} is closed already")
    session.add(ClosedMonth(mall_id=mall_id, month=first, closed_at=now, closed_by=actor.name))
    session.flush()
    _record(session, AuditAction.MONTH_CLOSED, mall_id, first, actor, now)


def reopen_month(
    session: Session, *, mall_id: int, month: date, reason: str, actor: Actor, now: datetime
) -> int:
    """Open a closed month again; how many late values wait for it.

    Raises ClosedMonthError when it is open, or no reason is given.
    """
    first = month_of(month)
    if not reason.strip():
        raise ClosedMonthError("say why the month is opened again")
    closed = _held_month(session, mall_id, first)
    if closed is None:
        raise ClosedMonthError(f"{first:%Y-%m} is open")
    session.delete(closed)
    session.flush()
    _record(session, AuditAction.MONTH_REOPENED, mall_id, first, actor, now, note=reason.strip())
    waiting = session.scalar(
        sa.select(sa.func.count())
        .select_from(LateReading)
        .where(
            LateReading.mall_id == mall_id,
            LateReading.month == first,
            LateReading.state == LateState.WAITING,
        )
    )
    return waiting or 0


def apply_late(session: Session, *, late_id: int, actor: Actor, now: datetime) -> Applied:
    """Write a late value, its month being open; what became of it.

    Raises ClosedMonthError when nothing of that number waits, or its month is closed.
    """
    late = _waiting(session, late_id)
    try:
        with session.begin_nested():
            outcome = session.scalar(
                APPLY, {"late_id": late_id, "now": now, "by": actor.name, "why": ""}
            )
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != "55000":
            raise
        raise ClosedMonthError(
            f"{late.month:%Y-%m} is closed; open it again before its late values are applied"
        ) from None
    if outcome is None:
        raise ClosedMonthError(f"late value {late_id} was decided a moment ago")
    applied = Applied(outcome)
    _record_late(session, AuditAction.LATE_APPLIED, late_id, late, actor, now, outcome=applied)
    return applied


def dismiss_late(
    session: Session, *, late_id: int, reason: str, actor: Actor, now: datetime
) -> None:
    """Leave what was closed as it stands; the value is kept, with the reason.

    Raises ClosedMonthError when nothing of that number waits, or no reason is given.
    """
    if not reason.strip():
        raise ClosedMonthError("say why the late value is dismissed")
    late = _waiting(session, late_id)
    dismissed = session.execute(
        sa.update(LateReading)
        .where(LateReading.id == late_id, LateReading.state == LateState.WAITING)
        .values(
            state=LateState.DISMISSED, decided_at=now, decided_by=actor.name, note=reason.strip()
        )
        .returning(LateReading.id)
    ).one_or_none()
    if dismissed is None:
        raise ClosedMonthError(f"late value {late_id} was decided a moment ago")
    _record_late(
        session, AuditAction.LATE_DISMISSED, late_id, late, actor, now, note=reason.strip()
    )


def _held_month(session: Session, mall_id: int, first: date) -> ClosedMonth | None:
    """The closed month, or None, after every writer of the mall has ended and while none begins."""
    session.execute(HOLD_ALONE, {"mall_id": mall_id})
    return session.scalar(
        sa.select(ClosedMonth)
        .where(ClosedMonth.mall_id == mall_id, ClosedMonth.month == first)
        .execution_options(populate_existing=True)
    )


def _waiting(session: Session, late_id: int) -> _Late:
    row = session.execute(
        sa.select(
            LateReading.mall_id,
            LateReading.month,
            LateReading.state,
            LateReading.device_id,
            LateReading.metric,
            LateReading.interval_start,
            LateReading.value,
            LateReading.sale,
        ).where(LateReading.id == late_id)
    ).one_or_none()
    if row is None:
        raise ClosedMonthError(f"there is no late value {late_id}")
    if row.state is not LateState.WAITING:
        raise ClosedMonthError(f"late value {late_id} is {row.state.lower()} already")
    facts: dict[str, object] = {
        "month": f"{row.month:%Y-%m}",
        "device_id": row.device_id,
        "metric": row.metric,
        "interval_start": row.interval_start.isoformat(),
        "value": str(row.value),
    }
    if row.sale is not None:
        facts["number"] = row.sale["number"]
    return _Late(row.mall_id, row.month, facts)


def _record(
    session: Session,
    action: AuditAction,
    mall_id: int,
    first: date,
    actor: Actor,
    now: datetime,
    *,
    note: str = "",
) -> None:
    record_event(
        session,
        action=action,
        now=now,
        mall_id=mall_id,
        subject_type="closed_months",
        subject_id=f"{first:%Y-%m}",
        note=note,
        actor=actor,
    )


def _record_late(
    session: Session,
    action: AuditAction,
    late_id: int,
    late: _Late,
    actor: Actor,
    now: datetime,
    *,
    note: str = "",
    outcome: Applied | None = None,
) -> None:
    record_event(
        session,
        action=action,
        now=now,
        mall_id=late.mall_id,
        subject_type="late_readings",
        subject_id=late_id,
        after=late.facts | ({"outcome": outcome.value} if outcome else {}),
        note=note,
        actor=actor,
    )
