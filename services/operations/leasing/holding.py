"""A contract keeps its units from all others, from the day it is handed in.

Belongs here: holding them, and who holds them instead. No two contracts hold one unit on one day:
the exclusion constraint of app.contract_units sees to it, whoever comes at the same moment.
"""

import sqlalchemy as sa
from psycopg.errors import ExclusionViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from domain.calendar import ONE_DAY
from services.operations.leasing.errors import Holder, UnitAlreadyLet
from storage.models import Contract, ContractUnit, Unit


def lock_units(session: Session, contract: Contract) -> None:
    """Keep the units from being merged or split until the transaction ends."""
    ids = [row.unit_id for row in contract.contract_units]
    session.execute(
        sa.select(Unit.id).where(Unit.id.in_(ids)).order_by(Unit.id).with_for_update(read=True)
    )


def hold_units(session: Session, contract: Contract) -> None:
    """Hold the contract's units. Raises UnitAlreadyLet; the caller's savepoint is to be undone."""
    number, contract_id = contract.number, contract.id
    try:
        with session.begin_nested():
            # In one order for everybody: two contracts on the same two units wait for each other
            # at the first of them, and not crosswise.
            for row in sorted(contract.contract_units, key=lambda one: one.unit_id):
                row.is_held = True
                session.flush()
    except IntegrityError as error:
        if not isinstance(error.orig, ExclusionViolation):
            raise
        raise UnitAlreadyLet(number, find_holder(session, contract_id)) from None


def find_holder(session: Session, contract_id: int) -> Holder | None:
    """The contract that holds a unit which this one wants, on one of its days."""
    wanted = aliased(ContractUnit)
    row = session.execute(
        sa.select(
            Contract.id,
            Contract.number,
            Contract.state,
            Unit.code,
            sa.func.lower(ContractUnit.period).label("first"),
            sa.func.upper(ContractUnit.period).label("following"),
        )
        .join(ContractUnit, ContractUnit.contract_id == Contract.id)
        .join(Unit, Unit.id == ContractUnit.unit_id)
        .join(wanted, wanted.unit_id == ContractUnit.unit_id)
        .where(
            wanted.contract_id == contract_id,
            ContractUnit.contract_id != contract_id,
            ContractUnit.is_held,
            ContractUnit.period.op("&&")(wanted.period),
        )
        .order_by(Unit.code)
        .limit(1)
    ).first()
    if row is None:
        return None
    return Holder(row[0], row[1], row[2], row[3], row[4], row[5] - ONE_DAY)
