"""A lease's terms: as they stand, as they were handed in, as they were believed at a moment.

Belongs here: reading terms into `domain.lease_terms`. Not here: lists and boards of leases
(contract_lists), what a shop sees (portal_contracts).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, Proration
from domain.contract_changes import ChangeKind, ChangeState
from domain.contracts import ContractState
from domain.lease_terms import ClauseDraft, LeasedUnit, LeaseTerms, reading_order
from storage.models import (
    Contract,
    ContractChange,
    ContractClause,
    ContractUnit,
    ContractVersion,
    Shop,
    Tariff,
    Unit,
)


class NoSuchContract(LookupError):
    """There is no contract of this id, or none that the reader reaches."""

    def __init__(self, contract_id: int) -> None:
        super().__init__(f"there is no contract {contract_id}")
        self.contract_id = contract_id


@dataclass(frozen=True, slots=True)
class StoredClause:
    """A clause with its record: known from `recorded_at` until `superseded_at`."""

    id: int
    clause: ClauseDraft
    recorded_at: datetime
    superseded_at: datetime | None


@dataclass(frozen=True, slots=True)
class TermsVersion:
    """The terms as they were handed in for review. A version handed in again after a rejection
    stands here twice.
    """

    id: int
    version: int
    terms: LeaseTerms
    terms_sha256: str
    submitted_at: datetime
    submitted_by: str


def get_contract_terms(session: Session, contract_id: int) -> LeaseTerms:
    """The terms as they stand now, clauses in reading order. Raises NoSuchContract."""
    terms = _header(session, contract_id)
    return replace(terms, clauses=tuple(one.clause for one in list_clauses(session, contract_id)))


def list_clauses(
    session: Session, contract_id: int, *, at: datetime | None = None
) -> tuple[StoredClause, ...]:
    """The clauses that stand now, or those believed at a moment, in reading order."""
    if at is None:
        believed: sa.ColumnElement[bool] = ContractClause.superseded_at.is_(None)
    else:
        believed = sa.and_(
            ContractClause.recorded_at <= at,
            sa.or_(ContractClause.superseded_at.is_(None), ContractClause.superseded_at > at),
        )
    return _clauses(session, contract_id, believed)


def list_clause_records(session: Session, contract_id: int) -> tuple[StoredClause, ...]:
    """Every clause that was ever written down, those superseded too, in reading order."""
    return _clauses(session, contract_id, sa.true())


def list_versions(session: Session, contract_id: int) -> tuple[TermsVersion, ...]:
    """What was handed in, the newest first."""
    rows = session.scalars(
        sa.select(ContractVersion)
        .where(ContractVersion.contract_id == contract_id)
        .order_by(ContractVersion.id.desc())
    )
    return tuple(
        TermsVersion(
            row.id,
            row.version,
            LeaseTerms.from_json(row.terms),
            row.terms_sha256,
            row.submitted_at,
            row.submitted_by,
        )
        for row in rows
    )


def terms_as_believed(session: Session, *, contract_id: int, at: datetime) -> LeaseTerms | None:
    """What was believed at a moment about every day of the lease; None before it was drafted.

    Clauses carry when they were recorded and superseded. Everything else is what was handed in
    last by then, with the early end that was in force by then; before the first version, and for
    a lease without one, it is what stands now.
    Raises NoSuchContract.
    """
    now = _header(session, contract_id)
    clauses = tuple(one.clause for one in list_clauses(session, contract_id, at=at))
    version = session.scalars(
        sa.select(ContractVersion)
        .where(ContractVersion.contract_id == contract_id, ContractVersion.submitted_at <= at)
        .order_by(ContractVersion.id.desc())
        .limit(1)
    ).first()
    if version is None:
        return replace(now, clauses=clauses) if clauses else None
    believed = replace(LeaseTerms.from_json(version.terms), clauses=clauses)
    if session.get_one(Contract, contract_id).state is ContractState.DRAFT and not _came_later(
        session, contract_id, at
    ):
        # A draft that is worked on again: nothing was handed in or changed since.
        return replace(now, clauses=clauses)
    ended = session.scalar(
        sa.select(sa.func.min(ContractChange.effective_date)).where(
            ContractChange.contract_id == contract_id,
            ContractChange.kind == ChangeKind.TERMINATION,
            ContractChange.state == ChangeState.IN_FORCE,
            ContractChange.in_force_at <= at,
        )
    )
    return believed if ended is None else replace(believed, end=min(ended, believed.end))


def build_terms(
    session: Session,
    *,
    shop_id: int | None,
    unit_ids: Sequence[int],
    number: str,
    start: date,
    end: date,
    deposit: Decimal,
    currency: str,
    proration: Proration,
    payment_term_days: int,
    clauses: Sequence[ClauseDraft],
) -> LeaseTerms:
    """Terms that are not written down yet, for their checks and their schedule. A shop or unit
    that does not exist is left out; a unit that is named twice stands there twice.
    """
    shop = session.execute(sa.select(Shop.code, Shop.name).where(Shop.id == shop_id)).first()
    return LeaseTerms(
        number=number,
        shop_code=shop.code if shop else "",
        shop_name=shop.name if shop else "",
        units=_leased(session, Unit.id.in_(unit_ids), times=Counter(unit_ids)),
        start=start,
        end=end,
        deposit=deposit,
        currency=currency,
        proration=proration,
        payment_term_days=payment_term_days,
        clauses=tuple(clauses),
    )


def tariff_charges(session: Session, *, mall_id: int) -> Mapping[str, ChargeType]:
    """The mall's tariff codes with what each prices."""
    rows = session.execute(
        sa.select(Tariff.code, Tariff.charge_type)
        .where(Tariff.mall_id == mall_id)
        .order_by(Tariff.valid_from)
    )
    return {row.code: row.charge_type for row in rows}


def _header(session: Session, contract_id: int) -> LeaseTerms:
    """The terms without clauses."""
    row = session.execute(
        sa.select(
            Contract.number,
            Contract.start_date,
            Contract.end_date,
            Contract.deposit_amount,
            Contract.currency,
            Contract.proration,
            Contract.payment_term_days,
            Shop.code,
            Shop.name,
        )
        .join(Shop, Shop.id == Contract.shop_id)
        .where(Contract.id == contract_id)
    ).first()
    if row is None:
        raise NoSuchContract(contract_id)
    return LeaseTerms(
        number=row.number,
        shop_code=row.code,
        shop_name=row.name,
        units=_leased(
            session,
            Unit.id.in_(
                sa.select(ContractUnit.unit_id).where(ContractUnit.contract_id == contract_id)
            ),
        ),
        start=row.start_date,
        end=row.end_date,
        deposit=row.deposit_amount,
        currency=row.currency,
        proration=row.proration,
        payment_term_days=row.payment_term_days,
        clauses=(),
    )


def _leased(
    session: Session, condition: sa.ColumnElement[bool], times: Mapping[int, int] | None = None
) -> tuple[LeasedUnit, ...]:
    """Units by code, each once or as often as `times` says of its id."""
    rows = session.execute(
        sa.select(Unit.id, Unit.code, Unit.floor, Unit.area_m2, Unit.opened_date, Unit.closed_date)
        .where(condition)
        .order_by(Unit.code)
    )
    return tuple(LeasedUnit(*row[1:]) for row in rows for _ in range(times[row.id] if times else 1))


def _clauses(
    session: Session, contract_id: int, condition: sa.ColumnElement[bool]
) -> tuple[StoredClause, ...]:
    rows = session.execute(
        sa.select(
            ContractClause.id,
            ContractClause.charge_type,
            ContractClause.pricing_kind,
            ContractClause.parameters,
            ContractClause.valid_from,
            ContractClause.valid_to,
            ContractClause.recorded_at,
            ContractClause.superseded_at,
        )
        .where(ContractClause.contract_id == contract_id, condition)
        .order_by(ContractClause.id)
    )
    found = [
        StoredClause(
            row.id,
            ClauseDraft(
                row.charge_type, row.pricing_kind, row.parameters, row.valid_from, row.valid_to
            ),
            row.recorded_at,
            row.superseded_at,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda one: reading_order(one.clause)))


def _came_later(session: Session, contract_id: int, at: datetime) -> Any:
    """Whether something was handed in after `at`."""
    return session.scalar(
        sa.select(
            sa.exists().where(
                ContractVersion.contract_id == contract_id, ContractVersion.submitted_at > at
            )
        )
    )
