"""Units are merged and split: old ones close, new ones open, an area is never edited in place.

Belongs here: the two changes and what stands in their way. Not here: registering a unit (malls)
and what became of one (services.queries.units).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.calendar import ONE_DAY
from domain.contracts import ContractState
from domain.malls import UnitChangeKind
from services.operations.malls import NotRegistered, register_unit
from storage.models import Contract, ContractUnit, Unit, UnitChange, UnitChangePart


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit to be opened."""

    code: str
    floor: str
    area_m2: Decimal
    zone: str = ""


class TooFewUnits(Exception):
    """A merge takes two units or more and makes one; a split takes one and makes two or more."""

    def __init__(self, count: int) -> None:
        super().__init__(f"two units at least, not {count}")
        self.count = count


class UnitNotOpen(Exception):
    """Only a unit that was open before the day, and has no last day yet, is merged or split."""

    def __init__(self, unit: str, opened: date, closed: date | None, day: date) -> None:
        until = closed or "open end"
        super().__init__(f"the unit {unit} exists from {opened} to {until}: it cannot end on {day}")
        self.unit = unit
        self.opened = opened
        self.closed = closed
        self.day = day


class UnitInUse(Exception):
    """A contract holds the unit on the day or later; both its days are included."""

    def __init__(
        self, unit: str, number: str, state: ContractState, first: date, last: date
    ) -> None:
        super().__init__(f"the unit {unit} is let by the contract {number} from {first} to {last}")
        self.unit = unit
        self.number = number
        self.state = state
        self.first = first
        self.last = last


class AreasDiffer(Exception):
    """The parts of a split have the area of the whole. `difference` is what they have more."""

    def __init__(self, unit: str, area_m2: Decimal, parts_m2: Decimal) -> None:
        super().__init__(f"the unit {unit} has {area_m2} m², its parts have {parts_m2} m²")
        self.unit = unit
        self.area_m2 = area_m2
        self.parts_m2 = parts_m2
        self.difference = parts_m2 - area_m2


def merge_units(
    session: Session,
    *,
    mall_id: int,
    unit_ids: Collection[int],
    code: str,
    floor: str,
    effective_date: date,
    reason: str,
    actor: str,
    now: datetime,
    zone: str = "",
    area_m2: Decimal | None = None,
) -> int:
    """One unit in place of several from `effective_date` on; returns its id.

    Its area is the sum of theirs unless it is stated: walls go, and their floor is measured.
    Raises NotRegistered, TooFewUnits, UnitNotOpen, UnitInUse, AlreadyRegistered (code),
    InvalidRegistration (code, area).
    """
    old = _locked(session, mall_id, unit_ids)
    if len(old) < 2:
        raise TooFewUnits(len(old))
    if area_m2 is None:
        area_m2 = sum((unit.area_m2 for unit in old), Decimal(0))
    (new,) = _change(
        session,
        UnitChangeKind.MERGE,
        mall_id,
        old,
        [NewUnit(code, floor, area_m2, zone)],
        effective_date=effective_date,
        reason=reason,
        actor=actor,
        now=now,
    )
    return new


def split_unit(
    session: Session,
    *,
    unit_id: int,
    parts: Sequence[NewUnit],
    effective_date: date,
    reason: str,
    actor: str,
    now: datetime,
) -> tuple[int, ...]:
    """Several units in place of one from `effective_date` on; returns their ids, as given.

    Raises NotRegistered, TooFewUnits, AreasDiffer, UnitNotOpen, UnitInUse, AlreadyRegistered
    (code), InvalidRegistration (code, area).
    """
    mall_id = session.scalar(sa.select(Unit.mall_id).where(Unit.id == unit_id))
    if mall_id is None:
        raise NotRegistered(f"there is no unit {unit_id}")
    (old,) = _locked(session, mall_id, [unit_id])
    if len(parts) < 2:
        raise TooFewUnits(len(parts))
    parts_m2 = sum((part.area_m2 for part in parts), Decimal(0))
    if parts_m2 != old.area_m2:
        raise AreasDiffer(old.code, old.area_m2, parts_m2)
    return _change(
        session,
        UnitChangeKind.SPLIT,
        mall_id,
        [old],
        parts,
        effective_date=effective_date,
        reason=reason,
        actor=actor,
        now=now,
    )


def _locked(session: Session, mall_id: int, unit_ids: Collection[int]) -> list[Unit]:
    """The units, in an order of their own, so that two changes never wait for each other."""
    units = list(
        session.scalars(
            sa.select(Unit)
            .where(Unit.id.in_(unit_ids), Unit.mall_id == mall_id)
            .order_by(Unit.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )
    if missing := set(unit_ids) - {unit.id for unit in units}:
        names = ", ".join(str(unit_id) for unit_id in sorted(missing))
        raise NotRegistered(f"the mall {mall_id} has no unit {names}")
    return units


def _change(
    session: Session,
    kind: UnitChangeKind,
    mall_id: int,
    old: Sequence[Unit],
    new: Sequence[NewUnit],
    *,
    effective_date: date,
    reason: str,
    actor: str,
    now: datetime,
) -> tuple[int, ...]:
    for unit in old:
        if unit.closed_date is not None or unit.opened_date >= effective_date:
            raise UnitNotOpen(unit.code, unit.opened_date, unit.closed_date, effective_date)
        _require_free(session, unit, effective_date)
    for unit in old:
        unit.closed_date = effective_date - ONE_DAY
    opened = tuple(
        register_unit(
            session,
            mall_id=mall_id,
            code=part.code,
            floor=part.floor,
            zone=part.zone,
            area_m2=part.area_m2,
            opened_date=effective_date,
        )
        for part in new
    )
    change = UnitChange(
        mall_id=mall_id,
        kind=kind,
        effective_date=effective_date,
        reason=reason.strip(),
        done_by=actor,
        done_at=now,
    )
    change.parts = [UnitChangePart(unit_id=unit.id, is_new=False) for unit in old]
    change.parts += [UnitChangePart(unit_id=unit_id, is_new=True) for unit_id in opened]
    session.add(change)
    session.flush()
    return opened


def _require_free(session: Session, unit: Unit, day: date) -> None:
    following = sa.func.upper(ContractUnit.period)
    held = session.execute(
        sa.select(Contract.number, Contract.state, sa.func.lower(ContractUnit.period), following)
        .join(Contract, Contract.id == ContractUnit.contract_id)
        .where(ContractUnit.unit_id == unit.id, ContractUnit.is_held, following > day)
        .order_by(following)
        .limit(1)
    ).first()
    if held is not None:
        raise UnitInUse(unit.code, held[0], held[1], held[2], held[3] - ONE_DAY)
