"""The rent schedule as a table: a row a month, a column a charge.

Belongs here: what a page shows of `domain.rent_schedule`. Not here: its amounts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from domain.calendar import month_of
from domain.charges import ChargeType
from domain.lease_terms import LeaseTerms
from domain.money import ZERO
from domain.rent_schedule import Basis, ScheduleCharge, ScheduleMonth, charge_types, rent_schedule
from domain.term_checks import check_terms, without
from webapp.admin import formats, labels


@dataclass(frozen=True, slots=True)
class Cell:
    """A charge of a month: its net amount, where it is agreed, and what else is to be said."""

    net: Decimal | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A month, or the sum of a calendar year where `is_sum`."""

    name: str
    days: str
    cells: tuple[Cell, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleTable:
    """`is_partial`: clauses that cannot be priced yet are left out. `has_measured`: something
    depends on sales or a meter, so that the sums are not all that will be paid.
    """

    currency: str
    charges: tuple[ChargeType, ...]
    rows: tuple[Row, ...]
    total: Row | None
    is_partial: bool
    has_measured: bool

    def title(self, charge: ChargeType) -> Any:
        return labels.label(charge)


def schedule_table(terms: LeaseTerms) -> ScheduleTable:
    """What the terms come to, as far as they can be priced."""
    problems = check_terms(terms)
    if any(p.clause is None and not p.is_warning for p in problems) and terms.end < terms.start:
        return ScheduleTable(terms.currency, (), (), None, True, False)
    priced = without(terms, problems)
    try:
        months = rent_schedule(priced)
    except ValueError:  # days that no calendar reaches: the checks have said so
        return ScheduleTable(terms.currency, (), (), None, True, False)
    charges = charge_types(months)
    return ScheduleTable(
        terms.currency,
        charges,
        tuple(_rows(months, charges, terms.currency)),
        _sum(_("Whole lease"), months, charges) if months else None,
        len(priced.clauses) < len(terms.clauses),
        any(c.basis is not Basis.AGREED for month in months for c in month.charges),
    )


def _rows(
    months: Sequence[ScheduleMonth], charges: Sequence[ChargeType], currency: str
) -> Iterator[Row]:
    years = sorted({month.days.first.year for month in months})
    for year in years:
        of_year = [month for month in months if month.days.first.year == year]
        for month in of_year:
            yield Row(
                f"{month.days.first:%Y-%m}",
                _part(month),
                tuple(_cell(month.charge(charge), currency) for charge in charges),
                month.net,
                month.tax,
                month.total,
            )
        if len(years) > 1:
            yield _sum(str(year), of_year, charges)


def _sum(name: str, months: Sequence[ScheduleMonth], charges: Sequence[ChargeType]) -> Row:
    cells = []
    for charge in charges:
        agreed = [
            one.net for month in months for one in month.charge(charge) if one.basis is Basis.AGREED
        ]
        cells.append(Cell(sum(agreed, ZERO) if agreed else None))
    return Row(
        name,
        "",
        tuple(cells),
        sum((month.net for month in months), ZERO),
        sum((month.tax for month in months), ZERO),
        sum((month.total for month in months), ZERO),
        is_sum=True,
    )


def _part(month: ScheduleMonth) -> str:
    """The days of a month of which the lease has a part."""
    return (
        ""
        if month.days == month_of(month.days.first)
        else f"{month.days.first:%d}–{month.days.last:%d}"
    )


def _cell(found: Sequence[ScheduleCharge], currency: str) -> Cell:
    net: Decimal | None = None
    notes: list[str] = []
    for charge in found:
        match charge.basis:
            case Basis.AGREED:
                net = charge.net
                if charge.free_days:
                    notes.append(
                        ngettext("%(num)s day free", "%(num)s days free", charge.free_days)
                    )
            case Basis.METER:
                notes.append(_("by meter"))
            case Basis.SALES:
                notes.append(_("by sales"))
                for settled in charge.settled:
                    if settled.minimum is not None:
                        least = formats.money(settled.minimum, currency)
                        notes.append(_("at least %(bound)s", bound=least))
                    if settled.maximum is not None:
                        most = formats.money(settled.maximum, currency)
                        notes.append(_("at most %(bound)s", bound=most))
    return Cell(net, tuple(notes))
