"""What a drafter chooses from: units and who holds them, the next free number.

Belongs here: the choices of the form of a lease. Not here: the lease itself and
tariffs (contracts), and the officers, who are people (people).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import ContractState
from storage.models import Contract, ContractUnit, Unit


@dataclass(frozen=True, slots=True)
class Holding:
    """A lease that keeps a unit from others; both days are included."""

    contract_id: int
    number: str
    state: ContractState
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class UnitChoice:
    """A unit that may be let; `closed_date` is its last day. `holdings` from a day on, in order."""

    id: int
    code: str
    floor: str
    zone: str
    area_m2: Decimal
    opened_date: date
    closed_date: date | None
    holdings: tuple[Holding, ...]

    def held_in(self, first: date, last: date) -> Holding | None:
        """The first lease that holds it on one of these days."""
        return next(
            (one for one in self.holdings if one.first_day <= last and one.last_day >= first), None
        )


def list_unit_choices(
    session: Session, *, mall_id: int, day: date, also: Sequence[int] = ()
) -> tuple[UnitChoice, ...]:
    """The mall's units that exist on `day` or later, and those of `also`, by floor and code."""
    units = session.scalars(
        sa.select(Unit)
        .where(
            Unit.mall_id == mall_id,
            sa.or_(Unit.closed_date.is_(None), Unit.closed_date >= day, Unit.id.in_(also)),
        )
        .order_by(Unit.floor, Unit.code)
    ).all()
    rows = session.execute(
        sa.select(
            ContractUnit.unit_id, Contract.id, Contract.number, Contract.state, ContractUnit.period
        )
        .join(Contract, Contract.id == ContractUnit.contract_id)
        .where(
            Contract.mall_id == mall_id,
            ContractUnit.is_held,
            sa.func.upper(ContractUnit.period) > day,
        )
        .order_by(sa.func.lower(ContractUnit.period))
    )
    held: dict[int, list[Holding]] = {}
    for unit_id, contract_id, number, state, period in rows:
        assert period.lower is not None and period.upper is not None
        last = period.upper - timedelta(days=1)
        held.setdefault(unit_id, []).append(Holding(contract_id, number, state, period.lower, last))
    return tuple(
        UnitChoice(
            unit.id,
            unit.code,
            unit.floor,
            unit.zone,
            unit.area_m2,
            unit.opened_date,
            unit.closed_date,
            tuple(held.get(unit.id, ())),
        )
        for unit in units
    )


def suggest_number(session: Session, *, mall_id: int) -> str:
    """The number after the newest contract's, where that ends in digits; else nothing.

    A suggestion: somebody else may take it first.
    """
    newest = session.scalar(
        sa.select(Contract.number)
        .where(Contract.mall_id == mall_id)
        .order_by(Contract.id.desc())
        .limit(1)
    )
    found = re.fullmatch(r"(.*?)(\d{1,9})", newest or "")
    return f"{found[1]}{int(found[2]) + 1:0{len(found[2])}}" if found else ""
