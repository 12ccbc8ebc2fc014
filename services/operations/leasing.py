"""Leases are drafted and carried through their life, one function per event.

Belongs here: writing a contract with its units and clauses, and every step of
`domain.contracts`: the row is locked, the machine advances, the event is appended, in the
caller's transaction. Not here: what a clause costs (billing) and the paper (documents).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from psycopg.errors import ExclusionViolation
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from domain.charges import ChargeType, PricingKind, Proration
from domain.clauses import ClauseError, parse_clause
from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState, advance
from domain.people import Role
from domain.permissions import ROLE_PERMISSIONS, Permission
from services.operations.malls import AlreadyRegistered, NotRegistered
from storage.models import (
    Contract,
    ContractClause,
    ContractEvent,
    ContractUnit,
    Mall,
    Shop,
    Unit,
)

DRAFTED = "DRAFT"  # the event that opens a contract's history; it comes from no state

# Steps that are not listed belong to the calendar, which acts in no role.
_PERMISSIONS: dict[str, Permission] = {
    DRAFTED: Permission.CONTRACTS_DRAFT,
    Event.SUBMIT: Permission.CONTRACTS_DRAFT,
    Event.SEND: Permission.CONTRACTS_DRAFT,
    Event.REVISE: Permission.CONTRACTS_DRAFT,
    Event.APPROVE: Permission.CONTRACTS_APPROVE,
    Event.REJECT: Permission.CONTRACTS_APPROVE,
    Event.SIGN: Permission.OWN_CONTRACTS_SIGN,
    Event.DECLINE: Permission.OWN_CONTRACTS_SIGN,
}


class ContractNotFound(Exception):
    """No such contract."""


class InvalidContract(Exception):
    """A contract that cannot be: its dates, units or clauses do not fit together."""


class UnitAlreadyLet(Exception):
    """Another contract holds a unit on one of the days; the message names it."""


class MakerIsChecker(Exception):
    """Who drafted or handed in a contract may not decide on it."""


class RoleMayNot(Exception):
    """The role does not carry the permission for this step of a contract."""


class CommentRequired(Exception):
    """A refusal must say why."""


class NotYetStarted(Exception):
    """A contract becomes active on its first day, not before."""


class NotYetEnded(Exception):
    """A contract expires the day after its last day, not before."""


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
    _require_permission(DRAFTED, role)
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


def submit_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = "OPERATION"
) -> ContractState:
    """DRAFT → IN_REVIEW. Raises InvalidContract when it has no clause or no unit."""
    contract = _locked(session, contract_id)
    if not contract.clauses or not contract.contract_units:
        raise InvalidContract(f"{contract.number} needs at least one unit and one clause")
    return _take(session, contract, Event.SUBMIT, actor=actor, role=role, now=now)


def approve_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    role: str = "MANAGEMENT",
    comment: str = "",
) -> ContractState:
    """IN_REVIEW → APPROVED; from now on its units are held.

    Raises MakerIsChecker, UnitAlreadyLet (naming the other contract; nothing is changed then).
    """
    contract = _locked(session, contract_id)
    _require_checker(contract, actor)
    try:
        with session.begin_nested():
            state = _take(
                session, contract, Event.APPROVE, actor=actor, role=role, now=now, comment=comment
            )
            for row in contract.contract_units:
                row.is_held = True
    except IntegrityError as error:
        if not isinstance(error.orig, ExclusionViolation):
            raise
        raise UnitAlreadyLet(_who_holds(session, contract_id)) from None
    return state


def reject_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    comment: str,
    role: str = "MANAGEMENT",
) -> ContractState:
    """IN_REVIEW → REJECTED. Raises MakerIsChecker, CommentRequired."""
    contract = _locked(session, contract_id)
    _require_checker(contract, actor)
    _require_comment(contract, comment)
    return _take(session, contract, Event.REJECT, actor=actor, role=role, now=now, comment=comment)


def revise_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
    comment: str = "",
) -> ContractState:
    """REJECTED, DECLINED or SENT → DRAFT; a new version once the shop had seen it."""
    contract = _locked(session, contract_id)
    was_sent = contract.state in (ContractState.SENT, ContractState.DECLINED)
    state = _take(session, contract, Event.REVISE, actor=actor, role=role, now=now, comment=comment)
    if was_sent:
        contract.version += 1
    _release_units(contract)
    session.flush()
    return state


def send_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = "OPERATION"
) -> ContractState:
    """APPROVED → SENT: to the shop, for its signature."""
    contract = _locked(session, contract_id)
    return _take(session, contract, Event.SEND, actor=actor, role=role, now=now)


def sign_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = "SHOP"
) -> ContractState:
    """SENT → SIGNED."""
    contract = _locked(session, contract_id)
    return _take(session, contract, Event.SIGN, actor=actor, role=role, now=now)


def decline_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    comment: str,
    role: str = "SHOP",
) -> ContractState:
    """SENT → DECLINED; its units are free again. Raises CommentRequired."""
    contract = _locked(session, contract_id)
    _require_comment(contract, comment)
    state = _take(
        session, contract, Event.DECLINE, actor=actor, role=role, now=now, comment=comment
    )
    _release_units(contract)
    session.flush()
    return state


def activate_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = ""
) -> ContractState:
    """SIGNED → ACTIVE, on its start date or later in the mall's zone. Raises NotYetStarted."""
    contract = _locked(session, contract_id)
    if contract.mall.clock.local(now).date() < contract.start_date:
        raise NotYetStarted(f"{contract.number} starts on {contract.start_date}")
    return _take(session, contract, Event.ACTIVATE, actor=actor, role=role, now=now)


def expire_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = ""
) -> ContractState:
    """ACTIVE → EXPIRED, the day after its end date or later. Raises NotYetEnded."""
    contract = _locked(session, contract_id)
    if contract.mall.clock.local(now).date() <= contract.end_date:
        raise NotYetEnded(f"{contract.number} runs until {contract.end_date}")
    return _take(session, contract, Event.EXPIRE, actor=actor, role=role, now=now)


def _locked(session: Session, contract_id: int) -> Contract:
    contract = session.get(Contract, contract_id, with_for_update=True, populate_existing=True)
    if contract is None:
        raise ContractNotFound(f"there is no contract {contract_id}")
    return contract


def _take(
    session: Session,
    contract: Contract,
    event: Event,
    *,
    actor: str,
    role: str,
    now: datetime,
    comment: str = "",
) -> ContractState:
    """Advance a locked contract and append the event. Raises IllegalTransition, RoleMayNot."""
    _require_permission(event, role)
    before = contract.state
    contract.state = advance(before, event)
    contract.events.append(
        ContractEvent(
            event=event.value,
            from_state=before,
            to_state=contract.state,
            actor=actor,
            role=role,
            comment=comment.strip(),
            occurred_at=now,
        )
    )
    session.flush()
    return contract.state


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


def _require_permission(event: str, role: str) -> None:
    needed = _PERMISSIONS.get(event)
    if needed is None:
        if role:
            raise RoleMayNot(f"{event} of a contract comes with its day; {role} does not take it")
    elif role not in Role.__members__ or needed not in ROLE_PERMISSIONS[Role(role)]:
        raise RoleMayNot(f"{role or 'no role'} may not take the step {event} of a contract")


def _require_checker(contract: Contract, actor: str) -> None:
    makers = {
        event.actor for event in contract.events if event.event in (DRAFTED, Event.SUBMIT.value)
    }
    if actor in makers:
        raise MakerIsChecker(f"{actor} drafted {contract.number} and may not decide on it")


def _require_comment(contract: Contract, comment: str) -> None:
    if not comment.strip():
        raise CommentRequired(f"say why {contract.number} is refused")


def _release_units(contract: Contract) -> None:
    for row in contract.contract_units:
        row.is_held = False


def _who_holds(session: Session, contract_id: int) -> str:
    wanted = aliased(ContractUnit)
    row = session.execute(
        sa.select(Unit.code, Contract.number, Contract.start_date, Contract.end_date)
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
    if row is None:  # it was let go between the refusal and this look
        return "another contract held a unit on one of these days; try again"
    return f"the unit {row[0]} is let by the contract {row[1]} from {row[2]} to {row[3]}"
