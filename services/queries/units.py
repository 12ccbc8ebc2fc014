"""What became of a unit: the merges and splits before it and after it.

Not here: who holds it (drafting), registering and changing it (operations).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.malls import UnitChangeKind
from storage.models import Unit, UnitChange, UnitChangePart


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """A unit; it exists from `opened_date` to `closed_date`, both included."""

    id: int
    code: str
    floor: str
    zone: str
    area_m2: Decimal
    opened_date: date
    closed_date: date | None


@dataclass(frozen=True, slots=True)
class UnitStep:
    """A merge or split: `old` units closed on the day before, `new` ones opened on the day."""

    id: int
    kind: UnitChangeKind
    effective_date: date
    reason: str
    done_by: str
    done_at: datetime
    old: tuple[UnitFacts, ...]
    new: tuple[UnitFacts, ...]


@dataclass(frozen=True, slots=True)
class UnitHistory:
    """`before` led to the unit, `after` followed from it; both from the oldest on."""

    unit: UnitFacts
    before: tuple[UnitStep, ...]
    after: tuple[UnitStep, ...]


def get_unit_history(session: Session, unit_id: int) -> UnitHistory | None:
    """All merges and splits that lead to a unit and follow from it, however far; None for a
    unit that does not exist.
    """
    units = _units(session, [unit_id])
    if not units:
        return None
    return UnitHistory(
        units[unit_id],
        _steps(session, _reached(session, unit_id, is_new=True)),
        _steps(session, _reached(session, unit_id, is_new=False)),
    )


def _reached(session: Session, unit_id: int, *, is_new: bool) -> set[int]:
    """Changes that lead to the unit (in which it `is_new`), or in which it ends; then those of
    the units at their other side, and so on.
    """
    found: set[int] = set()
    units = {unit_id}
    while units:
        changes = set(
            session.scalars(
                sa.select(UnitChangePart.change_id).where(
                    UnitChangePart.unit_id.in_(units), UnitChangePart.is_new == is_new
                )
            )
        )
        changes -= found
        found |= changes
        units = set(
            session.scalars(
                sa.select(UnitChangePart.unit_id).where(
                    UnitChangePart.change_id.in_(changes), UnitChangePart.is_new != is_new
                )
            )
        )
    return found


def _steps(session: Session, change_ids: Iterable[int]) -> tuple[UnitStep, ...]:
    ids = list(change_ids)
    if not ids:
        return ()
    parts = session.execute(
        sa.select(UnitChangePart.change_id, UnitChangePart.unit_id, UnitChangePart.is_new).where(
            UnitChangePart.change_id.in_(ids)
        )
    ).all()
    units = _units(session, {unit_id for _, unit_id, _ in parts})

    def side(change_id: int, is_new: bool) -> tuple[UnitFacts, ...]:
        found = [units[part[1]] for part in parts if part[0] == change_id and part[2] is is_new]
        return tuple(sorted(found, key=lambda unit: unit.code))

    changes = session.scalars(
        sa.select(UnitChange)
        .where(UnitChange.id.in_(ids))
        .order_by(UnitChange.effective_date, UnitChange.id)
    )
    return tuple(
        UnitStep(
            change.id,
            change.kind,
            change.effective_date,
            change.reason,
            change.done_by,
            change.done_at,
            side(change.id, False),
            side(change.id, True),
        )
        for change in changes
    )


def _units(session: Session, unit_ids: Iterable[int]) -> dict[int, UnitFacts]:
    rows = session.execute(
        sa.select(
            Unit.id,
            Unit.code,
            Unit.floor,
            Unit.zone,
            Unit.area_m2,
            Unit.opened_date,
            Unit.closed_date,
        ).where(Unit.id.in_(list(unit_ids)))
    )
    return {row.id: UnitFacts(**row._mapping) for row in rows}
