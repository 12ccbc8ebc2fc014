"""Which leases the calendar has a step to take for, and what has become of their ends.

Belongs here: that a lease was ended early, and that another follows it, as Postgres is asked.
"""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from domain.contract_changes import ChangeKind, ChangeState
from domain.contracts import IN_FORCE, ContractState
from storage.models import Contract, ContractChange

# A lease in one of these follows the one before it.
FOLLOWS = IN_FORCE | {ContractState.SIGNED}


def ended_early() -> sa.ColumnElement[bool]:
    """That an early end of the `Contract` of the statement is in force."""
    return sa.exists().where(
        ContractChange.contract_id == Contract.id,
        ContractChange.kind == ChangeKind.TERMINATION,
        ContractChange.state == ChangeState.IN_FORCE,
    )


def is_followed() -> sa.ColumnElement[bool]:
    """That a lease which is signed follows the `Contract` of the statement."""
    following = aliased(Contract)
    return sa.exists().where(following.predecessor_id == Contract.id, following.state.in_(FOLLOWS))


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
