"""A lease is drafted and changed while it is a draft: its dates, units and clauses.

Belongs here: writing a draft, and what a draft may not be. Not here: whether it can be handed in
and what becomes of it (review), edits of clauses as such (`domain.clause_edits`).
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from psycopg.errors import UniqueViolation
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from domain.calendar import ONE_DAY
from domain.charges import Proration
from domain.contract_changes import RecordedEvent
from domain.contracts import ContractState
from domain.lease_terms import ClauseDraft
from domain.term_checks import UNFIT_FOR_A_DRAFT, TermFault, check_terms
from services.operations.leasing.errors import (
    DraftChanged,
    InvalidContract,
    NotADraft,
    NotFollowing,
)
from services.operations.leasing.machine import DRAFTED, locked, record, require_permission
from services.operations.malls import AlreadyRegistered, NotRegistered
from services.queries.contracts import build_terms
from storage.models import Contract, ContractClause, ContractEvent, ContractUnit, Mall, Shop, Unit


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
    officer: str | None = None,
) -> int:
    """A new contract in DRAFT with its units (not held yet) and clauses; returns its id.

    `officer` is the e-mail address of the account in charge, by default the actor. Units and
    clauses may be missing still; what is there must be storable and lie within the lease.
    Raises NotRegistered (mall, shop, unit), AlreadyRegistered (number), NotFollowing,
    InvalidContract, RoleMayNot.
    """
    require_permission(DRAFTED, role)
    mall = session.get(Mall, mall_id)
    if mall is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    drafts = tuple(clauses)
    head = _Head(
        shop_id=shop_id,
        number=number,
        unit_ids=tuple(unit_ids),
        start_date=start_date,
        end_date=end_date,
        deposit_amount=deposit_amount,
        proration=proration,
        payment_term_days=payment_term_days,
        officer=actor if officer is None else officer,
    )
    _require_register(session, head, mall_id)
    require_following(session, predecessor_id, number, shop_id, start_date)
    _require_fit(session, head, mall.currency, drafts, but=frozenset())
    contract = Contract(
        mall_id=mall_id,
        state=ContractState.DRAFT,
        currency=mall.currency,
        predecessor_id=predecessor_id,
        **head.columns(),
    )
    contract.contract_units = _unit_rows(contract, head.unit_ids)
    contract.clauses = [_row(clause, now) for clause in drafts]
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
    _write(session, contract)
    return contract.id


def change_draft(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
    shop_id: int | None = None,
    number: str | None = None,
    unit_ids: Collection[int] | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    deposit_amount: Decimal | None = None,
    proration: Proration | None = None,
    payment_term_days: int | None = None,
    officer: str | None = None,
    seen: str | None = None,
) -> None:
    """Change what is given of a draft; None leaves a thing as it is.

    `seen` is the `facts_digest` of what the editor began with: when other facts stand by now,
    DraftChanged is raised and nothing is written.
    Clauses stay as they are, even where the lease no longer covers their days: put_clauses in
    the same transaction mends them, and nothing is handed in with them.
    Raises ContractNotFound, NotADraft, DraftChanged, NotRegistered (shop, unit),
    AlreadyRegistered (number), NotFollowing, InvalidContract, RoleMayNot.
    """
    contract = _draft(session, contract_id, role)
    if seen is not None and seen != facts_digest(contract):
        raise DraftChanged(contract.number, _last_editor(contract))
    given = {
        "shop_id": shop_id,
        "number": number,
        "unit_ids": None if unit_ids is None else tuple(unit_ids),
        "start_date": start_date,
        "end_date": end_date,
        "deposit_amount": deposit_amount,
        "proration": proration,
        "payment_term_days": payment_term_days,
        "officer": officer,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    head = replace(_head_of(contract), **changed)  # type: ignore[arg-type]
    _require_register(session, head, contract.mall_id, contract_id)
    require_following(session, contract.predecessor_id, head.number, head.shop_id, head.start_date)
    clauses = [_draft_of(row) for row in _standing(contract)]
    _require_fit(session, head, contract.currency, clauses, but=_CLAUSE_DAYS)
    for name, value in head.columns().items():
        setattr(contract, name, value)
    _put_units(session, contract, head.unit_ids)
    _write(session, contract)
    _record_edit(session, contract, actor=actor, role=role, now=now)


def facts_digest(contract: Contract) -> str:
    """What a draft says beside its clauses, in short: two are alike when their facts are."""
    head = _head_of(contract)
    facts = replace(head, unit_ids=tuple(sorted(head.unit_ids)))
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def put_clauses(
    session: Session,
    *,
    contract_id: int,
    clauses: Sequence[ClauseDraft],
    actor: str,
    now: datetime,
    role: str = "OPERATION",
    base_ids: Collection[int] | None = None,
) -> None:
    """Make these the draft's clauses. A clause that is unchanged keeps its record; the others'
    records are superseded, never deleted.

    `base_ids` are the ids of the clauses that the editor began with: when others stand by now,
    DraftChanged is raised and nothing is written, so that nobody's work is lost unseen.
    Raises ContractNotFound, NotADraft, DraftChanged, InvalidContract, RoleMayNot.
    """
    contract = _draft(session, contract_id, role)
    standing = _standing(contract)
    if base_ids is not None and set(base_ids) != {row.id for row in standing}:
        raise DraftChanged(contract.number, _last_editor(contract))
    _require_fit(session, _head_of(contract), contract.currency, clauses, but=_LEASE_ITSELF)
    wanted = list(clauses)
    for row in standing:
        same = _draft_of(row)
        if same in wanted:
            wanted.remove(same)
        else:
            row.superseded_at = now
    contract.clauses += [_row(clause, now) for clause in wanted]
    session.flush()
    _record_edit(session, contract, actor=actor, role=role, now=now)


def require_following(
    session: Session, predecessor_id: int | None, number: str, shop_id: int, start_date: date
) -> None:
    """A renewal takes over its predecessor's deposit: it is of the same shop and begins the day
    after. Raises NotFollowing.
    """
    if predecessor_id is None:
        return
    before = session.get_one(Contract, predecessor_id)
    first = before.end_date + ONE_DAY
    if (shop_id, start_date) != (before.shop_id, first):
        raise NotFollowing(number, before.number, before.shop.code, first)


@dataclass(frozen=True, slots=True)
class _Head:
    """What a draft says beside its clauses."""

    shop_id: int
    number: str
    unit_ids: tuple[int, ...]
    start_date: date
    end_date: date
    deposit_amount: Decimal
    proration: Proration
    payment_term_days: int
    officer: str

    def columns(self) -> dict[str, Any]:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        del values["unit_ids"]
        return values


def _head_of(contract: Contract) -> _Head:
    values = {
        one.name: getattr(contract, one.name) for one in fields(_Head) if one.name != "unit_ids"
    }
    return _Head(unit_ids=tuple(row.unit_id for row in contract.contract_units), **values)


# Left to put_clauses, and to whoever hands the contract in.
_CLAUSE_DAYS = frozenset({TermFault.CLAUSE_OUTSIDE_LEASE})
# Left to change_draft: with the lease's own faults its clauses can still be written.
_LEASE_ITSELF = frozenset({TermFault.UNIT_NOT_THERE})


def _draft(session: Session, contract_id: int, role: str) -> Contract:
    contract = locked(session, contract_id)
    require_permission(RecordedEvent.DRAFT_EDITED, role)
    if contract.state is not ContractState.DRAFT:
        raise NotADraft(contract.number, contract.state)
    return contract


def _require_register(
    session: Session, head: _Head, mall_id: int, contract_id: int | None = None
) -> None:
    """Shop and units are those of the mall, and the number is no other contract's."""
    shop = session.get(Shop, head.shop_id)
    if shop is None or shop.mall_id != mall_id:
        raise NotRegistered(f"there is no shop {head.shop_id} in the mall {mall_id}")
    known = session.scalars(
        sa.select(Unit.id).where(Unit.id.in_(head.unit_ids), Unit.mall_id == mall_id)
    )
    if foreign := set(head.unit_ids) - set(known):
        names = ", ".join(str(unit_id) for unit_id in sorted(foreign))
        raise NotRegistered(f"{head.number}: the mall {mall_id} has no unit {names}")
    same = sa.select(Contract.id).where(
        Contract.mall_id == mall_id,
        Contract.number == head.number,
        Contract.id.is_distinct_from(contract_id),
    )
    if session.scalar(same) is not None:
        raise AlreadyRegistered(f"the contract {head.number} is registered already")


def _require_fit(
    session: Session,
    head: _Head,
    currency: str,
    clauses: Sequence[ClauseDraft],
    *,
    but: Collection[TermFault],
) -> None:
    """What even a draft may not be. Raises InvalidContract."""
    terms = build_terms(
        session,
        shop_id=head.shop_id,
        unit_ids=head.unit_ids,
        number=head.number,
        start=head.start_date,
        end=head.end_date,
        deposit=head.deposit_amount,
        currency=currency,
        proration=head.proration,
        payment_term_days=head.payment_term_days,
        clauses=clauses,
    )
    problems = [
        problem
        for problem in check_terms(terms)
        if problem.fault in UNFIT_FOR_A_DRAFT and problem.fault not in but
    ]
    if problems:
        raise InvalidContract(head.number, problems)


def _period(contract: Contract) -> Range[date]:
    # Half-open, as Postgres keeps day ranges: the end day belongs to the lease.
    return Range(contract.start_date, contract.end_date + timedelta(days=1), bounds="[)")


def _unit_rows(contract: Contract, unit_ids: Collection[int]) -> list[ContractUnit]:
    return [
        ContractUnit(unit_id=unit_id, period=_period(contract), is_held=False)
        for unit_id in unit_ids
    ]


def _put_units(session: Session, contract: Contract, unit_ids: Collection[int]) -> None:
    kept = []
    for row in list(contract.contract_units):
        if row.unit_id in unit_ids:
            row.period = _period(contract)
            kept.append(row.unit_id)
        else:
            contract.contract_units.remove(row)
            session.delete(row)
    new = [unit_id for unit_id in unit_ids if unit_id not in kept]
    contract.contract_units += _unit_rows(contract, new)


def _row(clause: ClauseDraft, now: datetime) -> ContractClause:
    return ContractClause(
        charge_type=clause.charge_type,
        pricing_kind=clause.pricing_kind,
        parameters=clause.parameters,
        valid_from=clause.valid_from,
        valid_to=clause.valid_to,
        recorded_at=now,
    )


def _draft_of(row: ContractClause) -> ClauseDraft:
    return ClauseDraft(
        row.charge_type, row.pricing_kind, row.parameters, row.valid_from, row.valid_to
    )


def _standing(contract: Contract) -> list[ContractClause]:
    return [row for row in contract.clauses if row.superseded_at is None]


def _last_editor(contract: Contract) -> str:
    return contract.events[-1].actor if contract.events else ""


def _record_edit(
    session: Session, contract: Contract, *, actor: str, role: str, now: datetime
) -> None:
    """Once for a row of edits by one person: what was edited stands in the audit."""
    session.expire(contract, ["events"])
    last = contract.events[-1] if contract.events else None
    if last and last.actor == actor and last.event in (DRAFTED, RecordedEvent.DRAFT_EDITED):
        return
    record(session, contract, RecordedEvent.DRAFT_EDITED, actor=actor, role=role, now=now)
    session.flush()


def _write(session: Session, contract: Contract) -> None:
    """Two officers may choose one number at the same moment. Raises AlreadyRegistered."""
    number = contract.number
    try:
        with session.begin_nested():
            session.add(contract)
            session.flush()
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise AlreadyRegistered(f"the contract {number} is registered already") from None
