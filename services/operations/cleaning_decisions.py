"""People decide about cleaned hours: a flag is released, or an hour is excluded.

Belongs here: taking and withdrawing a decision, each an event of the audit. Not here: what a
standing decision does to the hour (services.operations.cleaning: the date is cleaned again, with
all that depends on it, and the marts follow), who may decide (domain.permissions).
"""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.audit import AuditAction
from domain.cleaning import EXCLUDED_BY_HAND, RULE_OF_NAME, CleaningVerdict
from domain.scopes import Actor
from services.operations.audit import record_event
from services.operations.cleaning import touch_dates
from storage.models import CleaningDecision, Device, ReadingHour


class DecisionError(Exception):
    """The decision cannot be taken; the message says why."""


def decide(
    session: Session,
    *,
    device_id: int,
    metric: str,
    hour_start: datetime,
    business_date: date,
    rule: str,
    verdict: CleaningVerdict,
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    """RELEASE a flag of `rule` on an hour, or EXCLUDE the hour (`rule` is then empty); the
    decision's id. The hour's date waits for cleaning from then on.

    Raises DecisionError: no reason, no such hour, a flag that the hour does not have, a decision
    that stands already.
    """
    if not reason.strip():
        raise DecisionError("say why")
    mall_id = session.scalar(sa.select(Device.mall_id).where(Device.id == device_id))
    hour = session.execute(
        sa.select(ReadingHour.flags, ReadingHour.value).where(
            ReadingHour.device_id == device_id,
            ReadingHour.metric == metric,
            ReadingHour.hour_start == hour_start,
            ReadingHour.business_date == business_date,
        )
    ).one_or_none()
    if mall_id is None or hour is None:
        raise DecisionError(f"nothing is known of {metric} at {hour_start} on {business_date}")
    if verdict == CleaningVerdict.EXCLUDE:
        if rule:
            raise DecisionError("an hour is excluded as a whole, not for a rule")
    elif rule not in RULE_OF_NAME or rule == EXCLUDED_BY_HAND.name:
        raise DecisionError(f"{rule or 'nothing'} is no rule whose flag can be released")
    elif rule not in hour.flags:
        raise DecisionError(f"the hour is not flagged by {rule}")
    decision = CleaningDecision(
        mall_id=mall_id,
        device_id=device_id,
        metric=metric,
        hour_start=hour_start,
        business_date=business_date,
        rule=rule,
        verdict=verdict,
        reason=reason.strip(),
        decided_at=now,
        decided_by=actor.name,
    )
    try:
        with session.begin_nested():
            session.add(decision)
    except sa.exc.IntegrityError:
        raise DecisionError("somebody has decided this already; withdraw that first") from None
    _follow(session, decision, AuditAction.FLAG_DECIDED, actor, now, reason.strip())
    return decision.id


def withdraw(
    session: Session, *, decision_id: int, reason: str, actor: Actor, now: datetime
) -> None:
    """Let a decision hold no longer: the hour is again what the rules say.

    Raises DecisionError: no reason, or no decision of that number stands.
    """
    if not reason.strip():
        raise DecisionError("say why")
    # A guarded update, not a lock: two who withdraw at once are told apart.
    withdrawn = session.execute(
        sa.update(CleaningDecision)
        .where(CleaningDecision.id == decision_id, CleaningDecision.withdrawn_at.is_(None))
        .values(withdrawn_at=now, withdrawn_by=actor.name)
        .returning(CleaningDecision.id)
    ).one_or_none()
    if withdrawn is None:
        raise DecisionError(f"no decision {decision_id} stands")
    decision = session.get_one(CleaningDecision, decision_id, populate_existing=True)
    _follow(session, decision, AuditAction.FLAG_DECISION_WITHDRAWN, actor, now, reason.strip())


def _follow(
    session: Session,
    decision: CleaningDecision,
    action: AuditAction,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    """Have the date cleaned again, and keep who decided what."""
    touch_dates(
        session,
        mall_id=decision.mall_id,
        first=decision.business_date,
        last=decision.business_date,
        now=now,
    )
    record_event(
        session,
        action=action,
        now=now,
        mall_id=decision.mall_id,
        subject_type="cleaning_decisions",
        subject_id=decision.id,
        after={
            "device_id": decision.device_id,
            "metric": decision.metric,
            "hour_start": decision.hour_start.isoformat(),
            "business_date": decision.business_date.isoformat(),
            "rule": decision.rule,
            "verdict": decision.verdict.value,
        },
        note=reason,
        actor=actor,
    )
