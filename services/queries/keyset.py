"""Pages of a list by the place where one ends, not by counting rows over.

Belongs here: the bounds and the order of one page, and a count that stops. Not here: what is
listed, and how a place is written in an address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Place:
    """A row in a sorted list: its value in the sorted column, and its id where values are equal."""

    value: Any
    id: int


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Rows of one page, and whether there are rows before and after it."""

    items: tuple[Item, ...]
    has_previous: bool
    has_next: bool


def read_page(
    session: Session,
    statement: sa.Select[*tuple[Any, ...]],
    *,
    column: sa.ColumnElement[Any],
    key: sa.ColumnElement[int],
    is_descending: bool,
    after: Place | None = None,
    before: Place | None = None,
    size: int,
    make: Callable[[sa.Row[Any]], Item],
) -> Page[Item]:
    """`size` rows after or before a place, else the first; sorted by `column`, then by `key`.

    `column` is never null and `key` unique, so that no row is shown twice or left out.
    """
    is_backward = after is None and before is not None
    falls = is_descending != is_backward
    place = before if is_backward else after
    if place is not None:
        here, there = sa.tuple_(column, key), sa.tuple_(sa.literal(place.value), place.id)
        statement = statement.where(here < there if falls else here > there)
    order = (column.desc(), key.desc()) if falls else (column.asc(), key.asc())
    rows = list(session.execute(statement.order_by(*order).limit(size + 1)))
    is_more = len(rows) > size
    rows = rows[:size]
    if is_backward:
        rows.reverse()
    return Page(
        tuple(make(row) for row in rows),
        has_previous=is_more if is_backward else after is not None,
        has_next=True if is_backward else is_more,
    )


def count_up_to(session: Session, ids: sa.Select[*tuple[Any, ...]], *, most: int) -> int:
    """How many rows there are, counted no further than `most`."""
    some = ids.limit(most).subquery()
    return session.scalar(sa.select(sa.func.count()).select_from(some)) or 0
