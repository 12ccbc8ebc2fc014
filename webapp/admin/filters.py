"""Filters of lists: plain query arguments, so that an address is a saved view.

Belongs here: how a filter is shown and what it adds to a query. A value that cannot be is
ignored: the list then shows everything, and the control shows nothing chosen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l

from storage.models import Shop
from webapp.admin import access, labels

Options = Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class Filter:
    """One control. `kind` is `select`, `date`, or `hidden` for what only links set; `options` are
    (value, word).
    """

    name: str
    label: Any
    kind: str
    add: Callable[[Any, str], Any]
    choices: Callable[[], Options] = tuple

    @property
    def value(self) -> str:
        return request.args.get(self.name, "").strip()

    def apply(self, query: Any) -> Any:
        if not self.value:
            return query
        try:
            return self.add(query, self.value)
        except ValueError:
            return query


def by_enum(name: str, label: Any, column: Any, kind: type[StrEnum]) -> Filter:
    return Filter(
        name,
        label,
        "select",
        lambda query, value: query.filter(column == kind(value)),
        lambda: labels.labels_of(kind),
    )


def by_shop(column: Any, name: str = "shop") -> Filter:
    return Filter(
        name,
        _l("Shop"),
        "select",
        lambda query, value: query.filter(column == row_id(value)),
        shop_options,
    )


def row_id(text: Any) -> int:
    """A row's id as an address has it. Raises ValueError for what Postgres' bigint cannot hold."""
    found = int(text or 0)
    if not 0 < found < 2**63:
        raise ValueError(f"{found} is no row's id")
    return found


def by_values(name: str, label: Any, column: Any, choices: Callable[[], Options]) -> Filter:
    """A text column whose known values are counted on to be few."""

    def add(query: Any, value: str) -> Any:
        return query.filter(column == value)

    return Filter(name, label, "select", add, choices)


def by_date(name: str, label: Any, column: Any, *, until: bool = False) -> Filter:
    """From a date on, or until it (included)."""

    def add(query: Any, value: str) -> Any:
        day = date.fromisoformat(value)
        return query.filter(column <= day if until else column >= day)

    return Filter(name, label, "date", add)


def shop_options() -> Options:
    rows = (
        access.database()
        .query(Shop.id, Shop.code, Shop.name)
        .filter(Shop.mall_id == access.current_mall_id())
        .order_by(Shop.code)
    )
    return [(str(row.id), f"{row.code} {row.name}") for row in rows]
