"""A lease is drafted with its units and clauses.

Belongs here: writing a draft and checking that it can be. Not here: what becomes of it (review).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind, Proration
from domain.clauses import ClauseError, parse_clause
from domain.contracts import ContractState
from services.operations.leasing.errors import InvalidContract
from services.operations.leasing.machine import DRAFTED, require_permission
from services.operations.malls import AlreadyRegistered, NotRegistered
from storage.models import Contract, ContractClause, ContractEvent, ContractUnit, Mall, Shop, Unit


@dataclass(frozen=True, slots=True)
class ClauseDraft:
    """A term as drafted. `parameters` hold decimals as strings, shaped as `domain.clauses` says;
    `valid_from` and `valid_to` are both included, no end means the end of the lease.
    """

    charge_type: ChargeType
    pricing_kind: PricingKind
    parameters: dict[str, Any]
    valid_from: date
    valid_to: date | None = None


def draft_contract(
    session: Session,
    *,
    mall_id: int,
    shop_id: int,
    number: str,
    unit_ids: Collection[int],
    start_date: date,
    end_date: date,
    clauses: Iterable[ClauseDraft],
    actor: str,
    now: datetime,
    role: str = "OPERATION",
    deposit_amount: Decimal = Decimal(0),
    proration: Proration = Proration.ACTUAL,
    payment_term_days: int = 10,
    predecessor_id: int | None = None,
) -> int:
    """A new contract in DRAFT with its units (not held yet) and clauses; returns its id.

    Raises NotRegistered (mall, shop, unit), AlreadyRegistered (number), InvalidContract,
    RoleMayNot.
    """
    require_permission(DRAFTED, role)
    mall = session.get(Mall, mall_id)
    if mall is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    shop = session.get(Shop, shop_id)
    if shop is None or shop.mall_id != mall_id:
        raise NotRegistered(f"there is no shop {shop_id} in the mall {mall.code}")
    known = sa.select(Contract.id).where(Contract.mall_id == mall_id, Contract.number == number)
    if session.scalar(known) is not None:
        raise AlreadyRegistered(f"the contract {number} is registered already")
    if end_date < start_date:
        raise InvalidContract(f"{number} would end ({end_date}) before it starts ({start_date})")
    _require_units(session, mall, number, unit_ids, start_date, end_date)
    contract = Contract(
        mall_id=mall_id,
        shop_id=shop_id,
        number=number,
        state=ContractState.DRAFT,
        start_date=start_date,
        end_date=end_date,
        deposit_amount=deposit_amount,
        currency=mall.currency,
        proration=proration,
        payment_term_days=payment_term_days,
        predecessor_id=predecessor_id,
    )
    # Half-open, as Postgres keeps day ranges: the end day belongs to the lease.
    period = Range(start_date, end_date + timedelta(days=1), bounds="[)")
    contract.contract_units = [
        ContractUnit(unit_id=unit_id, period=period, is_held=False) for unit_id in unit_ids
    ]
    for at, clause in enumerate(clauses, start=1):
        _require_dates(number, clause, start_date, end_date)
        _require_parameters(number, at, clause)
        contract.clauses.append(
            ContractClause(
                charge_type=clause.charge_type,
                pricing_kind=clause.pricing_kind,
                parameters=clause.parameters,
                valid_from=clause.valid_from,
                valid_to=clause.valid_to,
                recorded_at=now,
            )
        )
    contract.events = [
        ContractEvent(
            event=DRAFTED,
            from_state=ContractState.DRAFT,
            to_state=ContractState.DRAFT,
            actor=actor,
            role=role,
            occurred_at=now,
        )
    ]
    session.add(contract)
    session.flush()
    return contract.id


def _require_units(
    session: Session,
    mall: Mall,
    number: str,
    unit_ids: Collection[int],
    start_date: date,
    end_date: date,
) -> None:
    if len(set(unit_ids)) != len(unit_ids):
        raise InvalidContract(f"{number} names a unit twice")
    units = list(session.scalars(sa.select(Unit).where(Unit.id.in_(unit_ids))))
    foreign = set(unit_ids) - {unit.id for unit in units if unit.mall_id == mall.id}
    if foreign:
        names = ", ".join(str(unit_id) for unit_id in sorted(foreign))
        raise NotRegistered(f"{number}: the mall {mall.code} has no unit {names}")
    for unit in units:
        closes = unit.closed_date or date.max
        if start_date < unit.opened_date or end_date > closes:
            raise InvalidContract(
                f"{number}: the unit {unit.code} exists from {unit.opened_date} "
                f"to {unit.closed_date or 'open end'}, not over the whole lease"
            )


def _require_dates(number: str, clause: ClauseDraft, start_date: date, end_date: date) -> None:
    last = clause.valid_to or end_date
    if not start_date <= clause.valid_from <= last <= end_date:
        raise InvalidContract(
            f"{number}: the clause {clause.charge_type} from {clause.valid_from} to {last} "
            f"is not inside the lease, {start_date} to {end_date}"
        )


def _require_parameters(number: str, at: int, clause: ClauseDraft) -> None:
    try:
        parse_clause(
            clause_id=at,
            charge_type=clause.charge_type,
            pricing_kind=clause.pricing_kind,
            parameters=clause.parameters,
            valid_from=clause.valid_from,
            valid_to=clause.valid_to,
        )
    except ClauseError as error:
        raise InvalidContract(f"{number}: {error}") from None
