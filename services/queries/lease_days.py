"""Which leases the calendar has a step to take for."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import ContractState
from storage.models import Contract


def list_due_leases(session: Session, *, mall_id: int, day: date) -> tuple[int, ...]:
    """Ids of the mall's signed leases whose first day has come by `day`, and of the active ones
    whose last day is over; a lease before the one that follows it.
    """
    begins = sa.and_(Contract.state == ContractState.SIGNED, Contract.start_date <= day)
    ends = sa.and_(Contract.state == ContractState.ACTIVE, Contract.end_date < day)
    return tuple(
        session.scalars(
            sa.select(Contract.id)
            .where(Contract.mall_id == mall_id, begins | ends)
            .order_by(Contract.start_date, Contract.id)
        )
    )
