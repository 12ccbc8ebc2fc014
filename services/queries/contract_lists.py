"""Leases of a mall as lists show them: searched, sorted, page by page, and by state on a board.

Belongs here: rows and cards. Not here: the days that somebody waits for (critical_dates), one
lease with its terms (contracts), and what a shop sees (portal_contracts).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from domain.contract_changes import OPEN
from domain.contracts import IN_FORCE, ContractState
from domain.renewals import RenewalState
from services.queries.keyset import Page, Place, count_up_to, read_page
from storage.models import (
    Contract,
    ContractChange,
    ContractUnit,
    RenewalRequest,
    Shop,
    Unit,
)

MANY = 1000
CARDS = 8


class ContractOrder(StrEnum):
    NUMBER = "number"
    SHOP = "shop"
    START = "start"
    END = "end"
    DEPOSIT = "deposit"


ORDER_COLUMNS: Mapping[ContractOrder, Any] = {
    ContractOrder.NUMBER: Contract.number,
    ContractOrder.SHOP: Shop.code,
    ContractOrder.START: Contract.start_date,
    ContractOrder.END: Contract.end_date,
    ContractOrder.DEPOSIT: Contract.deposit_amount,
}


@dataclass(frozen=True, slots=True)
class ContractFilter:
    """What is looked for; what is empty does not narrow.

    `search` is part of the contract's number, or of the shop's code or name. `officer` is the
    e-mail address of the account in charge. `ends_from` and `ends_until` are both included.
    """

    search: str = ""
    states: frozenset[ContractState] = frozenset()
    shop_id: int | None = None
    officer: str = ""
    ends_from: date | None = None
    ends_until: date | None = None

    def conditions(self, mall_id: int) -> tuple[sa.ColumnElement[bool], ...]:
        found: list[sa.ColumnElement[bool]] = [Contract.mall_id == mall_id]
        if self.search:
            shops = sa.select(Shop.id).where(
                Shop.mall_id == mall_id,
                sa.or_(
                    Shop.code.icontains(self.search, autoescape=True),
                    Shop.name.icontains(self.search, autoescape=True),
                ),
            )
            found.append(
                sa.or_(
                    Contract.number.icontains(self.search, autoescape=True),
                    Contract.shop_id.in_(shops),
                )
            )
        if self.states:
            found.append(Contract.state.in_(self.states))
        if self.shop_id is not None:
            found.append(Contract.shop_id == self.shop_id)
        if self.officer:
            found.append(Contract.officer == self.officer)
        if self.ends_from is not None:
            found.append(Contract.end_date >= self.ends_from)
        if self.ends_until is not None:
            found.append(Contract.end_date <= self.ends_until)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ListedContract:
    """A lease in a list; both of its days are included, `unit_codes` are in order."""

    id: int
    number: str
    version: int
    state: ContractState
    shop_id: int
    shop_code: str
    shop_name: str
    start_date: date
    end_date: date
    deposit_amount: Decimal
    currency: str
    officer: str
    is_renewal: bool
    unit_codes: tuple[str, ...] = ()

    def days_left(self, today: date) -> int | None:
        """Days from `today` to the last day, both included, of a lease that runs; else None."""
        if self.state is not ContractState.ACTIVE or today > self.end_date:
            return None
        return (self.end_date - max(today, self.start_date)).days + 1

    def days_to_start(self, today: date) -> int | None:
        """Days until the first day of a lease that does not run yet, below 0 once it has gone by;
        None for leases that ran, or never will.
        """
        if self.state in IN_FORCE:
            return None
        return (self.start_date - today).days


@dataclass(frozen=True, slots=True)
class Card:
    """A lease on the board, and what waits about it."""

    contract: ListedContract
    has_renewal_request: bool
    has_open_change: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A state's first cards; `count` is None when there are more than MANY."""

    state: ContractState
    count: int | None
    cards: tuple[Card, ...]


def list_contracts(
    session: Session,
    *,
    mall_id: int,
    wanted: ContractFilter,
    order: ContractOrder = ContractOrder.NUMBER,
    is_descending: bool = False,
    after: Place | None = None,
    before: Place | None = None,
    size: int = 50,
) -> Page[ListedContract]:
    """One page of the mall's leases; `after` and `before` are places in this very order."""
    page = read_page(
        session,
        _rows().where(*wanted.conditions(mall_id)),
        column=ORDER_COLUMNS[order],
        key=Contract.__table__.c.id,
        is_descending=is_descending,
        after=after,
        before=before,
        size=size,
        make=lambda row: row,
    )
    return Page(_with_units(session, page.items), page.has_previous, page.has_next)


def count_contracts(session: Session, *, mall_id: int, wanted: ContractFilter) -> int | None:
    """How many there are; None when they are more than MANY."""
    ids = sa.select(Contract.id).where(*wanted.conditions(mall_id))
    count = count_up_to(session, ids, most=MANY + 1)
    return count if count <= MANY else None


def list_officers_in_charge(session: Session, *, mall_id: int) -> tuple[str, ...]:
    """E-mail addresses of the accounts in charge of some lease of the mall, in order."""
    return tuple(
        session.scalars(
            sa.select(Contract.officer)
            .where(Contract.mall_id == mall_id, Contract.officer != "")
            .distinct()
            .order_by(Contract.officer)
        )
    )


# What presses first: a lease not in force by its first day, one that runs by its last.
_BY_START = tuple(state for state in ContractState if state not in IN_FORCE)
_RUNNING = (ContractState.ACTIVE,)
_OVER = tuple(state for state in ContractState if state in IN_FORCE - {ContractState.ACTIVE})


def read_board(
    session: Session, *, mall_id: int, wanted: ContractFilter, cards: int = CARDS
) -> tuple[Column, ...]:
    """A column for each state, in the order of a lease's life, with its most pressing leases.

    Reads `cards` rows of a state and counts no further than MANY, however many leases there are.
    """
    conditions = wanted.conditions(mall_id)
    counts = _counts(session, conditions)
    found = _with_units(
        session,
        [
            row
            for states, order in (
                (_BY_START, (Contract.start_date, Contract.id)),
                (_RUNNING, (Contract.end_date, Contract.id)),
                (_OVER, (Contract.end_date.desc(), Contract.id.desc())),
            )
            for row in _first_of_each(session, states, conditions, order, cards)
        ],
    )
    ids = [one.id for one in found]
    asked = _among(
        session, RenewalRequest.contract_id, RenewalRequest.state == RenewalState.OPEN, ids
    )
    changing = _among(session, ContractChange.contract_id, ContractChange.state.in_(OPEN), ids)
    columns: dict[ContractState, list[Card]] = {state: [] for state in ContractState}
    for one in found:
        columns[one.state].append(Card(one, one.id in asked, one.id in changing))
    return tuple(
        Column(
            state,
            counts[state] if counts[state] <= MANY else None,
            tuple(columns[state]),
        )
        for state in ContractState
    )


def _rows() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        Contract.id,
        Contract.number,
        Contract.version,
        Contract.state,
        Contract.shop_id,
        Shop.code.label("shop_code"),
        Shop.name.label("shop_name"),
        Contract.start_date,
        Contract.end_date,
        Contract.deposit_amount,
        Contract.currency,
        Contract.officer,
        Contract.predecessor_id.is_not(None).label("is_renewal"),
    ).join(Shop, Shop.id == Contract.shop_id)


def _each_state(states: Collection[ContractState]) -> sa.TableValuedAlias:
    """The states as rows; a statement with an array is prepared once, whatever stands in it."""
    column = sa.column("state", Contract.__table__.c.state.type)
    values = sa.literal([state.value for state in states], ARRAY(sa.String))
    return sa.func.unnest(values).table_valued(column).render_derived(name="each_state")


def _counts(
    session: Session, conditions: Sequence[sa.ColumnElement[bool]]
) -> dict[ContractState, int]:
    """Leases of each state, counted to one more than MANY."""
    each = _each_state(ContractState)
    some = (
        sa.select(Contract.id)
        .where(Contract.state == each.c.state, *conditions)
        .limit(MANY + 1)
        .correlate(each)
        .lateral("some")
    )
    rows = session.execute(
        sa.select(each.c.state, sa.func.count(some.c.id))
        .select_from(each.outerjoin(some, sa.true()))
        .group_by(each.c.state)
    )
    return {row[0]: row[1] for row in rows}


def _first_of_each(
    session: Session,
    states: Collection[ContractState],
    conditions: Sequence[sa.ColumnElement[bool]],
    order: Sequence[Any],
    size: int,
) -> list[sa.Row[Any]]:
    each = _each_state(states)
    first = (
        _rows()
        .where(Contract.state == each.c.state, *conditions)
        .order_by(*order)
        .limit(size)
        .correlate(each)
        .lateral("first")
    )
    return list(session.execute(sa.select(*first.c).select_from(each.join(first, sa.true()))))


def _with_units(session: Session, rows: Sequence[sa.Row[Any]]) -> tuple[ListedContract, ...]:
    codes: dict[int, tuple[str, ...]] = {}
    ids = sa.literal([row.id for row in rows], ARRAY(sa.BigInteger))
    for contract_id, code in session.execute(
        sa.select(ContractUnit.contract_id, Unit.code)
        .join(Unit, Unit.id == ContractUnit.unit_id)
        .where(ContractUnit.contract_id == sa.any_(ids))
        .order_by(Unit.code)
    ):
        codes[contract_id] = (*codes.get(contract_id, ()), code)
    return tuple(ListedContract(**row._mapping, unit_codes=codes.get(row.id, ())) for row in rows)


def _among(
    session: Session, column: Any, condition: sa.ColumnElement[bool], ids: Collection[int]
) -> frozenset[int]:
    return frozenset(session.scalars(sa.select(column).where(column.in_(ids), condition)))
