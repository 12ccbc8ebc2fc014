"""What a report states, before it is drawn: one snapshot that every file format shows.

Belongs here: the shapes and the arithmetic of totals. Not here: which rows a report has (its own
module) or how a value looks (`words`, `xlsx`, `csv_text`, `pdf`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

# None is "not known": it shows as a dash and counts for nothing, unlike zero.
Value = str | int | Decimal | date | None


class Kind(StrEnum):
    """How a value is written. WORD is a msgid of the domain `reports`, translated when drawn."""

    TEXT = "TEXT"
    WORD = "WORD"
    INTEGER = "INTEGER"
    MONEY = "MONEY"
    DECIMAL = "DECIMAL"  # two places
    SHARE = "SHARE"  # 0.987 is 98.7 %
    DATE = "DATE"


@dataclass(frozen=True)
class Column:
    """`title` is a msgid; `width` a share of a line on paper. Summed columns have a total."""

    title: str
    kind: Kind
    width: float
    is_summed: bool = False


@dataclass(frozen=True)
class Fact:
    """A figure over the whole report. `label` and `note` are msgids, `note` with `operands`."""

    label: str
    kind: Kind
    value: Value
    note: str = ""
    operands: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Remark:
    """What is left out or incomplete: a msgid and the names it speaks of."""

    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What a report's own module finds for a mall and a period."""

    rows: tuple[tuple[Value, ...], ...]
    totals: tuple[Value, ...]
    facts: tuple[Fact, ...]
    remarks: tuple[Remark, ...]
    completeness: Decimal


@dataclass(frozen=True)
class Scope:
    """The mall and the days, first and last included, that a report is about."""

    mall_id: int
    mall_code: str
    mall_name: str
    time_zone: str
    currency: str
    start: date
    end: date
    as_of: datetime


@dataclass(frozen=True)
class Report:
    """A report as data. `control` is the column whose total proves two files equal."""

    code: str
    title: str
    subject: str
    basis: tuple[str, ...]
    columns: tuple[Column, ...]
    control: int
    load: Callable[[Session, Scope], Contents]


@dataclass(frozen=True)
class Snapshot:
    """A report's contents at an instant; every format is drawn from it alone.

    `control_total` is the total of the control column, `completeness` received ÷ expected of
    the data it stands on, 0 to 1.
    """

    report: Report
    scope: Scope
    contents: Contents

    @property
    def row_count(self) -> int:
        return len(self.contents.rows)

    @property
    def control_total(self) -> Decimal:
        total = self.contents.totals[self.report.control]
        return total if isinstance(total, Decimal) else Decimal(0)

    @property
    def digest(self) -> str:
        """sha256 of everything stated but the instant: the same contents later are no news."""
        scope = replace(self.scope, as_of=datetime.min.replace(tzinfo=UTC))
        stated = repr((self.report.code, self.report.columns, scope, self.contents))
        return hashlib.sha256(stated.encode()).hexdigest()


def totals_of(columns: Sequence[Column], rows: Sequence[tuple[Value, ...]]) -> tuple[Value, ...]:
    """The sum of each summed column over the values that are known; None where there is none."""
    totals: list[Value] = []
    for at, column in enumerate(columns):
        known: list[Any] = [row[at] for row in rows if row[at] is not None]
        if not column.is_summed or (rows and not known):
            totals.append(None)
        elif column.kind is Kind.INTEGER:
            totals.append(sum(known))
        else:
            totals.append(sum(known, Decimal("0.00")))
    return tuple(totals)


def ratio(part: Decimal | int | None, whole: Decimal | int | None) -> Decimal | None:
    """part ÷ whole, or None when either is unknown or there is nothing to divide by."""
    if part is None or not whole:
        return None
    return Decimal(part) / Decimal(whole)
