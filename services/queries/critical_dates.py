"""The days of a mall's leases that somebody waits for: beginnings, ends, reminders, rent steps,
changes that are not decided and papers that are not signed.

Belongs here: which days those are, laid out by day or one after the other. Not here: sending a
reminder (services.operations.renewal_reminders) and what a change does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType
from domain.contract_changes import OPEN
from domain.contracts import IN_FORCE, ContractState
from domain.renewals import THRESHOLDS
from domain.signing import PaperState
from services.queries.lease_days import ended_early, is_followed
from storage.models import Contract, ContractChange, ContractClause, ContractPaper, Shop


class DateKind(StrEnum):
    """What a day is; those of one day stand in this order."""

    START = "START"
    END = "END"
    RENT_STEP = "RENT_STEP"
    REMINDER = "REMINDER"  # of the end, so many days before it
    CHANGE = "CHANGE"  # an open one takes effect, once decided and signed
    PAPER = "PAPER"  # an unsigned one should have been signed


_KINDS = tuple(DateKind)
# A lease that is drafted anew, or never will be one, begins on no day.
_BEGINS = frozenset(ContractState) - {ContractState.REJECTED, ContractState.DECLINED}
_BINDS = IN_FORCE | {ContractState.SIGNED}


@dataclass(frozen=True, slots=True)
class CriticalDate:
    """`item` is what the day is about beside the lease: the days before the end of a REMINDER,
    the id of the clause, change or paper, 0 of a START or an END. `end_date` is the lease's.
    """

    day: date
    kind: DateKind
    contract_id: int
    item: int
    contract_number: str
    contract_state: ContractState
    end_date: date
    shop_id: int
    shop_code: str
    shop_name: str

    @property
    def place(self) -> "DatePlace":
        return DatePlace(self.day, self.kind, self.contract_id, self.item)


@dataclass(frozen=True, slots=True)
class DatePlace:
    """A row in the list of days."""

    day: date
    kind: DateKind
    contract_id: int
    item: int


@dataclass(frozen=True, slots=True)
class DateFilter:
    """From `first` to `last`, both included; what is empty does not narrow."""

    first: date
    last: date
    kinds: frozenset[DateKind] = frozenset()
    shop_id: int | None = None
    officer: str = ""


@dataclass(frozen=True, slots=True)
class CriticalDay:
    """`count` dates fall on the day; `dates` are the first of them."""

    count: int
    dates: tuple[CriticalDate, ...]


def read_month(
    session: Session, *, mall_id: int, wanted: DateFilter, per_day: int = 3
) -> Mapping[date, CriticalDay]:
    """The days of the span that have any, each with its first `per_day`."""
    dates = _dates(mall_id, wanted).subquery("dates")
    order = (dates.c.rank, dates.c.contract_id, dates.c.item)
    placed = sa.select(
        dates,
        sa.func.row_number().over(partition_by=dates.c.day, order_by=order).label("place"),
        sa.func.count().over(partition_by=dates.c.day).label("of_day"),
    ).subquery("placed")
    found: dict[date, list[CriticalDate]] = {}
    counts: dict[date, int] = {}
    for row in session.execute(
        _named(placed, placed.c.of_day)
        .where(placed.c.place <= per_day)
        .order_by(placed.c.day, placed.c.place)
    ):
        found.setdefault(row.day, []).append(_made(row))
        counts[row.day] = row.of_day
    return {day: CriticalDay(counts[day], tuple(dates)) for day, dates in found.items()}


def count_kinds(session: Session, *, mall_id: int, wanted: DateFilter) -> Mapping[DateKind, int]:
    """How many dates of each kind the span has, whatever kinds are asked for."""
    span = DateFilter(wanted.first, wanted.last, shop_id=wanted.shop_id, officer=wanted.officer)
    dates = _dates(mall_id, span).subquery("dates")
    rows = session.execute(
        sa.select(dates.c.rank, sa.func.count().label("found")).group_by(dates.c.rank)
    )
    return {_KINDS[row.rank]: row.found for row in rows}


def list_dates(
    session: Session,
    *,
    mall_id: int,
    wanted: DateFilter,
    after: DatePlace | None = None,
    size: int = 100,
) -> tuple[CriticalDate, ...]:
    """At most `size` dates behind `after`, the earliest first."""
    dates = _dates(mall_id, wanted).subquery("dates")
    order = (dates.c.day, dates.c.rank, dates.c.contract_id, dates.c.item)
    statement = _named(dates)
    if after is not None:
        there = (after.day, _KINDS.index(after.kind), after.contract_id, after.item)
        statement = statement.where(sa.tuple_(*order) > sa.tuple_(*there))
    return tuple(_made(row) for row in session.execute(statement.order_by(*order).limit(size)))


def list_overdue(
    session: Session, *, mall_id: int, today: date, limit: int = 10
) -> tuple[CriticalDate, ...]:
    """Changes and papers whose day has come and that nobody decided or signed, the oldest first."""
    wanted = DateFilter(date.min, today, frozenset({DateKind.CHANGE, DateKind.PAPER}))
    return list_dates(session, mall_id=mall_id, wanted=wanted, size=limit)


def _named(dates: sa.Subquery, *more: Any) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            dates.c.day,
            dates.c.rank,
            dates.c.contract_id,
            dates.c.item,
            Contract.number.label("contract_number"),
            Contract.state.label("contract_state"),
            Contract.end_date,
            Contract.shop_id,
            Shop.code.label("shop_code"),
            Shop.name.label("shop_name"),
            *more,
        )
        .join(Contract, Contract.id == dates.c.contract_id)
        .join(Shop, Shop.id == Contract.shop_id)
    )


def _made(row: sa.Row[Any]) -> CriticalDate:
    return CriticalDate(
        row.day,
        _KINDS[row.rank],
        row.contract_id,
        row.item,
        row.contract_number,
        row.contract_state,
        row.end_date,
        row.shop_id,
        row.shop_code,
        row.shop_name,
    )


def _dates(mall_id: int, wanted: DateFilter) -> sa.CompoundSelect[*tuple[Any, ...]]:
    of_mall: list[sa.ColumnElement[bool]] = [Contract.mall_id == mall_id]
    if wanted.shop_id is not None:
        of_mall.append(Contract.shop_id == wanted.shop_id)
    if wanted.officer:
        of_mall.append(Contract.officer == wanted.officer)
    kinds = wanted.kinds or frozenset(DateKind)
    parts = [part for kind, part in _PARTS if kind in kinds]
    return sa.union_all(
        *(select.where(*of_mall) for part in parts for select in part(wanted.first, wanted.last))
    )


def _dated(kind: DateKind, day: Any, item: Any) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        day.label("day"),
        sa.literal(_KINDS.index(kind), sa.Integer).label("rank"),
        Contract.id.label("contract_id"),
        sa.cast(item, sa.BigInteger).label("item"),
    )


def _starts(first: date, last: date) -> Sequence[sa.Select[*tuple[Any, ...]]]:
    return (
        _dated(DateKind.START, Contract.start_date, sa.literal(0)).where(
            Contract.state.in_(_BEGINS), Contract.start_date.between(first, last)
        ),
    )


def _ends(first: date, last: date) -> Sequence[sa.Select[*tuple[Any, ...]]]:
    return (
        _dated(DateKind.END, Contract.end_date, sa.literal(0)).where(
            Contract.state.in_(_BINDS), Contract.end_date.between(first, last)
        ),
    )


def _reminders(first: date, last: date) -> Sequence[sa.Select[*tuple[Any, ...]]]:
    """Of leases that run, that were not ended early and that none follows yet: nobody is reminded
    of what is settled.
    """
    return tuple(
        _dated(
            DateKind.REMINDER, Contract.end_date - sa.literal(days, sa.Integer), sa.literal(days)
        ).where(
            Contract.state == ContractState.ACTIVE,
            Contract.end_date.between(_later(first, days), _later(last, days)),
            ~is_followed(),
            ~ended_early(),
        )
        for days in THRESHOLDS
    )


def _rent_steps(first: date, last: date) -> Sequence[sa.Select[*tuple[Any, ...]]]:
    """Days on which other clauses of the rent begin to hold than on the lease's first."""
    return (
        _dated(
            DateKind.RENT_STEP,
            ContractClause.valid_from,
            sa.func.min(ContractClause.id),
        )
        .join(ContractClause, ContractClause.contract_id == Contract.id)
        .where(
            ContractClause.charge_type == ChargeType.RENT,
            ContractClause.superseded_at.is_(None),
            ContractClause.valid_from.between(first, last),
            ContractClause.valid_from > Contract.start_date,
            ContractClause.valid_from <= Contract.end_date,
            Contract.state.in_(_BINDS),
        )
        .group_by(Contract.id, ContractClause.valid_from),
    )


def _changes(first: date, last: date) -> Sequence[sa.Select[*tuple[Any, ...]]]:
    return (
        _dated(DateKind.CHANGE, ContractChange.effective_date, ContractChange.id)
        .join(ContractChange, ContractChange.contract_id == Contract.id)
        .where(ContractChange.state.in_(OPEN), ContractChange.effective_date.between(first, last)),
    )


def _papers(first: date, last: date) -> Sequence[sa.Select[*tuple[Any, ...]]]:
    """Sealed papers by the day from which they are to hold."""
    needed = sa.func.coalesce(ContractChange.effective_date, Contract.start_date)
    return (
        _dated(DateKind.PAPER, needed, ContractPaper.id)
        .join(ContractPaper, ContractPaper.contract_id == Contract.id)
        .outerjoin(ContractChange, ContractChange.id == ContractPaper.change_id)
        .where(ContractPaper.state == PaperState.SEALED, needed.between(first, last)),
    )


_PARTS = (
    (DateKind.START, _starts),
    (DateKind.END, _ends),
    (DateKind.RENT_STEP, _rent_steps),
    (DateKind.REMINDER, _reminders),
    (DateKind.CHANGE, _changes),
    (DateKind.PAPER, _papers),
)


def _later(day: date, days: int) -> date:
    """The last day that there is stays itself."""
    return day + timedelta(days=min(days, (date.max - day).days))
