"""What paged lists share: a place in a list as an address writes it.

A place that cannot be read is ignored: the list then begins at its beginning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import request, url_for

from services.queries.keyset import Page, Place

LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Pager:
    """Addresses of the pages before and after; empty where there is none."""

    previous: str
    next: str


def asked_place(name: str, read: Callable[[str], Any]) -> Place | None:
    """The place in the address under `name`, its value read by `read`; None without one."""
    value, _, row = request.args.get(name, "").rpartition("~")
    if not value or not row.isdecimal() or int(row) > LARGEST_ID:
        return None
    try:
        return Place(read(value), int(row))
    except (ValueError, InvalidOperation):
        return None


def pager(page: Page[Any], place_of: Callable[[Any], Place]) -> Pager:
    """Links that keep what else stands in the address."""
    endpoint = request.endpoint or ""
    kept = {
        name: value
        for name, value in request.args.items()
        if name not in ("after", "before") and value
    }

    def link(name: str, item: Any) -> str:
        place = place_of(item)
        return url_for(endpoint, **kept, **{name: f"{write(place.value)}~{place.id}"})

    return Pager(
        link("before", page.items[0]) if page.items and page.has_previous else "",
        link("after", page.items[-1]) if page.items and page.has_next else "",
    )


def write(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def read_amount(text: str) -> Decimal:
    """Raises ValueError for what is no number, infinities among them."""
    amount = Decimal(text)
    if not amount.is_finite():
        raise ValueError(text)
    return amount


def read_instant(text: str) -> datetime:
    """Raises ValueError for what is no instant with a zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant


def read_month(text: str) -> date | None:
    """`2026-03` as its first day; None for anything else."""
    try:
        return date.fromisoformat(f"{text}-01") if len(text) == 7 else None
    except ValueError:
        return None
