"""Two versions of terms side by side, in words."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.lease_terms import ClauseDraft
from domain.term_differences import TermDifferences, TermField
from webapp.admin import formats, labels
from webapp.words.leasing import TERM_FIELDS
from webapp.words.terms import terms as clause_terms


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """`before` and `after` are lines of words; empty where there was, or is, nothing."""

    name: Any
    before: tuple[str, ...]
    after: tuple[str, ...]
    is_same: bool


@dataclass(frozen=True, slots=True)
class DifferencesTable:
    fields: tuple[DifferenceRow, ...]
    clauses: tuple[DifferenceRow, ...]

    @property
    def changed(self) -> int:
        return sum(not row.is_same for row in (*self.fields, *self.clauses))


def differences_table(found: TermDifferences, currency: str) -> DifferencesTable:
    return DifferencesTable(
        tuple(
            DifferenceRow(
                TERM_FIELDS[row.field],
                _value(row.field, row.before, currency),
                _value(row.field, row.after, currency),
                row.is_same,
            )
            for row in found.fields
        ),
        tuple(
            DifferenceRow(
                labels.label(row.clause.charge_type),
                _clause(row.before, currency),
                _clause(row.after, currency),
                row.is_same,
            )
            for row in found.clauses
        ),
    )


def _value(field: TermField, value: Any, currency: str) -> tuple[str, ...]:
    match field, value:
        case TermField.UNITS, tuple():
            return tuple(f"{code} · {formats.number(area, 2)} m²" for code, area in value)
        case TermField.SHOP, (code, name):
            return (f"{code} {name}",)
        case _, Decimal():
            return (str(formats.money(value, currency)),)
        case _, date():
            return (value.isoformat(),)
        case _, StrEnum():
            return (str(labels.label(value)),)
        case _:
            return (str(value),)


def _clause(clause: ClauseDraft | None, currency: str) -> tuple[str, ...]:
    if clause is None:
        return ()
    said = clause_terms(clause.pricing_kind, clause.parameters, currency)
    return (
        str(labels.label(clause.pricing_kind)),
        " · ".join(said),
        formats.days(clause.valid_from, clause.valid_to),
    )
