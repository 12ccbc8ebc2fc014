"""How two versions of a lease's terms differ, side by side.

Belongs here: what is compared with what. Not here: the words (webapp, papers).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.lease_terms import ClauseDraft, LeaseTerms, in_reading_order, reading_order


class TermField(StrEnum):
    NUMBER = "NUMBER"
    SHOP = "SHOP"
    UNITS = "UNITS"
    START = "START"
    END = "END"
    DEPOSIT = "DEPOSIT"
    PRORATION = "PRORATION"
    PAYMENT_TERM = "PAYMENT_TERM"


@dataclass(frozen=True, slots=True)
class FieldRow:
    """`before` and `after` are values of LeaseTerms: text, dates, Decimal, tuples of units."""

    field: TermField
    before: Any
    after: Any

    @property
    def is_same(self) -> bool:
        return bool(self.before == self.after)


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """A clause beside what became of it: None before where it is new, None after where it went."""

    before: ClauseDraft | None
    after: ClauseDraft | None

    @property
    def clause(self) -> ClauseDraft:
        """As it is, or as it was."""
        clause = self.after or self.before
        assert clause is not None
        return clause

    @property
    def is_same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class TermDifferences:
    """All fields and all clauses, the same ones too, in the order of the newer terms."""

    fields: tuple[FieldRow, ...]
    clauses: tuple[ClauseRow, ...]

    @property
    def is_same(self) -> bool:
        return all(row.is_same for row in self.fields) and all(row.is_same for row in self.clauses)


_VALUES: dict[TermField, Callable[[LeaseTerms], Any]] = {
    TermField.NUMBER: lambda terms: terms.number,
    TermField.SHOP: lambda terms: (terms.shop_code, terms.shop_name),
    TermField.UNITS: lambda terms: tuple((unit.code, unit.area_m2) for unit in terms.units),
    TermField.START: lambda terms: terms.start,
    TermField.END: lambda terms: terms.end,
    TermField.DEPOSIT: lambda terms: terms.deposit,
    TermField.PRORATION: lambda terms: terms.proration,
    TermField.PAYMENT_TERM: lambda terms: terms.payment_term_days,
}


def compare_terms(before: LeaseTerms, after: LeaseTerms) -> TermDifferences:
    """Row by row what was and what is."""
    return TermDifferences(
        tuple(FieldRow(field, value(before), value(after)) for field, value in _VALUES.items()),
        _clauses(in_reading_order(before.clauses), in_reading_order(after.clauses)),
    )


def _clauses(before: Sequence[ClauseDraft], after: Sequence[ClauseDraft]) -> tuple[ClauseRow, ...]:
    """Clauses that are the same find each other first; then those of one charge that begin on
    one day; then those of one charge in their order. What is left over came or went.
    """
    partner: dict[int, int] = {}  # place in `after`: place in `before`
    left = dict(enumerate(before))
    for is_alike in _ALIKE:
        for at, clause in enumerate(after):
            if at in partner:
                continue
            found = next((was for was, other in left.items() if is_alike(clause, other)), None)
            if found is not None:
                partner[at] = found
                del left[found]
    rows = [
        ClauseRow(before[partner[at]] if at in partner else None, clause)
        for at, clause in enumerate(after)
    ]
    rows += [ClauseRow(clause, None) for clause in left.values()]
    return tuple(sorted(rows, key=lambda row: reading_order(row.clause)))


_ALIKE: tuple[Callable[[ClauseDraft, ClauseDraft], bool], ...] = (
    lambda one, other: one == other,
    lambda one, other: one.charge_type is other.charge_type and one.valid_from == other.valid_from,
    lambda one, other: (
        one.charge_type is other.charge_type and one.pricing_kind is other.pricing_kind
    ),
    lambda one, other: one.charge_type is other.charge_type,
)
