"""The end of a lease is told in time, to the shop and to the officer in charge.

Belongs here: which leases are told of on a day. Not here: the days before the end
(`domain.renewals`), the words (message_texts), who is behind an audience (message_addressing).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import ContractState
from domain.notifications import Audience, Template, after_quiet_hours
from domain.renewals import THRESHOLDS, due_thresholds
from services.operations.leasing.machine import SYSTEM
from services.operations.malls import NotRegistered
from services.operations.messages import post_message
from services.queries.lease_days import ended_early, is_followed
from storage.models import Contract, Mall

AUDIENCES = (Audience.SHOP, Audience.OFFICER)


@dataclass(frozen=True, slots=True)
class RenewalReminders:
    """Messages written now and found written before; `by_threshold` counts those written."""

    created: int
    existing: int
    by_threshold: dict[int, int]


def create_renewal_reminders(
    session: Session, *, mall_id: int, day: date, now: datetime
) -> RenewalReminders:
    """Tell the end of every lease that a threshold has come for by `day`, the mall's local date.

    Each threshold of a lease and its last day is told once to each audience, whoever runs at the
    same time; when the last day moves, it is told again. A lease that was ended early, or that a
    signed one follows, is not told of. Nothing is to be sent in the mall's quiet hours, and
    nothing any more once the lease is over. Raises NotRegistered.
    """
    mall = session.get(Mall, mall_id)
    if mall is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    send_after = after_quiet_hours(now, mall.clock.zone)
    existing = 0
    by_threshold: Counter[int] = Counter()
    for lease in _ending(session, mall_id, day):
        for threshold in due_thresholds(lease.end_date, day):
            for audience in AUDIENCES:
                is_new = post_message(
                    session,
                    template=Template.RENEWAL_REMINDER,
                    audience=audience,
                    mall_id=mall_id,
                    shop_id=lease.shop_id,
                    contract_id=lease.id,
                    parameters={"days": (lease.end_date - day).days},
                    dedupe_key=(
                        f"renewal-reminder/{lease.id}/{threshold}/{lease.end_date}"
                        f"/{audience.lower()}"
                    ),
                    cause=f"{threshold} DAYS BEFORE THE END",
                    actor=SYSTEM,
                    now=now,
                    send_after=send_after,
                    expires_at=mall.clock.business_day(lease.end_date)[1],
                )
                if is_new:
                    by_threshold[threshold] += 1
                else:
                    existing += 1
    return RenewalReminders(by_threshold.total(), existing, dict(by_threshold))


def _ending(session: Session, mall_id: int, day: date) -> list[Contract]:
    """Active leases of which the first threshold has come, and that nothing ends or follows."""
    return list(
        session.scalars(
            sa.select(Contract)
            .where(
                Contract.mall_id == mall_id,
                Contract.state == ContractState.ACTIVE,
                Contract.end_date.between(day, day + timedelta(days=max(THRESHOLDS))),
                ~is_followed(),
                ~ended_early(),
            )
            .order_by(Contract.id)
        )
    )
