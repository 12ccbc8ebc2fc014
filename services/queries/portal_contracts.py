"""Contracts as a shop sees them: from the day they were sent, with their terms and units."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind, Proration
from domain.contracts import IN_FORCE, SHOWN_TO_SHOP, ContractState
from domain.lease_terms import reading_order
from storage.models import Contract, ContractClause, ContractUnit, Unit


@dataclass(frozen=True, slots=True)
class ClauseView:
    """A term of a lease; `parameters` as in `domain.clauses`, `valid_to` None without an end."""

    id: int
    charge_type: ChargeType
    pricing_kind: PricingKind
    parameters: Mapping[str, Any]
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class HeldUnit:
    code: str
    floor: str
    zone: str
    area_m2: Decimal


@dataclass(frozen=True, slots=True)
class OwnContract:
    """A contract in a list; both of its days are included."""

    id: int
    shop_id: int
    number: str
    version: int
    state: ContractState
    start_date: date
    end_date: date
    deposit_amount: Decimal
    currency: str
    proration: Proration
    payment_term_days: int
    units: tuple[HeldUnit, ...]

    def days_left(self, today: date) -> int | None:
        """Days from `today` to the last day, both included; None outside the term."""
        if self.state not in IN_FORCE or not self.start_date <= today <= self.end_date:
            return None
        return (self.end_date - today).days + 1


def clause_views(session: Session, *conditions: sa.ColumnElement[bool]) -> tuple[ClauseView, ...]:
    """Clauses in the order in which they were written."""
    rows = session.execute(
        sa.select(
            ContractClause.id,
            ContractClause.charge_type,
            ContractClause.pricing_kind,
            ContractClause.parameters,
            ContractClause.valid_from,
            ContractClause.valid_to,
        )
        .where(*conditions)
        .order_by(ContractClause.id)
    )
    return tuple(ClauseView(**row._mapping) for row in rows)


def list_own_contracts(session: Session, *, shop_ids: Set[int]) -> tuple[OwnContract, ...]:
    """The shops' contracts, the newest first."""
    return _contracts(session, Contract.shop_id.in_(shop_ids))


def find_own_contract(
    session: Session, *, shop_ids: Set[int], contract_id: int
) -> OwnContract | None:
    """One contract of the shops, or None."""
    found = _contracts(session, Contract.shop_id.in_(shop_ids), Contract.id == contract_id)
    return found[0] if found else None


def list_own_clauses(
    session: Session, *, shop_ids: Set[int], contract_id: int
) -> tuple[ClauseView, ...]:
    """The terms that a contract of the shops has now, in reading order; those superseded are left
    out.
    """
    found = clause_views(
        session,
        ContractClause.contract_id == contract_id,
        ContractClause.superseded_at.is_(None),
        ContractClause.contract_id.in_(
            sa.select(Contract.id).where(
                Contract.shop_id.in_(shop_ids), Contract.state.in_(SHOWN_TO_SHOP)
            )
        ),
    )
    return tuple(sorted(found, key=reading_order))


def current_contract(contracts: tuple[OwnContract, ...], today: date) -> OwnContract | None:
    """The one in force today, else the next to begin, else the newest."""
    running = [one for one in contracts if one.days_left(today) is not None]
    coming = [one for one in contracts if one.start_date > today]
    return next(iter([*running, *reversed(coming), *contracts]), None)


def _contracts(session: Session, *conditions: sa.ColumnElement[bool]) -> tuple[OwnContract, ...]:
    rows = session.execute(
        sa.select(
            Contract.id,
            Contract.shop_id,
            Contract.number,
            Contract.version,
            Contract.state,
            Contract.start_date,
            Contract.end_date,
            Contract.deposit_amount,
            Contract.currency,
            Contract.proration,
            Contract.payment_term_days,
        )
        .where(*conditions, Contract.state.in_(SHOWN_TO_SHOP))
        .order_by(Contract.start_date.desc(), Contract.id.desc())
    ).all()
    units = _units(session, [row.id for row in rows])
    return tuple(OwnContract(**row._mapping, units=units.get(row.id, ())) for row in rows)


def _units(session: Session, contract_ids: list[int]) -> dict[int, tuple[HeldUnit, ...]]:
    rows = session.execute(
        sa.select(ContractUnit.contract_id, Unit.code, Unit.floor, Unit.zone, Unit.area_m2)
        .join(Unit, Unit.id == ContractUnit.unit_id)
        .where(ContractUnit.contract_id.in_(contract_ids))
        .order_by(Unit.code)
    )
    found: dict[int, tuple[HeldUnit, ...]] = {}
    for contract_id, code, floor, zone, area_m2 in rows:
        held = HeldUnit(code, floor, zone, area_m2)
        found[contract_id] = (*found.get(contract_id, ()), held)
    return found
