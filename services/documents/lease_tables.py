"""The tables of a lease's papers: its units, its clauses in words, its schedule month by month.

Belongs here: what stands in which column. Not here: the amounts (domain.rent_schedule).
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from domain.calendar import month_of
from domain.charges import ChargeType
from domain.lease_terms import ClauseDraft, LeaseTerms
from domain.rent_schedule import Basis, ScheduleCharge, ScheduleMonth, charge_types
from services.documents.clause_texts import clause_terms
from services.documents.labels import CHARGE_NAMES
from services.documents.paper import MUTED, Paper
from services.documents.tables import Cell, Column, Table
from services.language import listed, money, number, translator

Translate = Callable[[str], str]


def units_table(paper: Paper, terms: LeaseTerms, _: Translate) -> None:
    table = Table(
        columns=(
            Column(_("Unit"), 2),
            Column(_("Floor"), 2),
            Column(_("Area (㎡)"), 1.4, "right"),
        ),
        size=9,
    )
    rows = [(unit.code, unit.floor, number(unit.area_m2, 2)) for unit in terms.units]
    totals = [(_("Together"), "", number(terms.area_m2, 2))] if len(rows) > 1 else []
    paper.gap(5)
    table.draw(paper, rows, totals=totals)


def clauses_table(
    paper: Paper,
    clauses: Iterable[ClauseDraft],
    *,
    terms: LeaseTerms,
    numbering: str,
    locale: str,
) -> None:
    """Clauses in words, numbered `numbering` and a count, in the order given."""
    _ = translator(locale, "documents")
    table = Table(
        columns=(
            Column(_("No."), 0.7),
            Column(_("Charge"), 1.3),
            Column(_("Terms"), 4.2),
            Column(_("Applies"), 1.5),
        ),
        size=9,
    )
    comma = "；" if locale == "zh_CN" else "; "
    rows = [
        (
            f"{numbering}{at}",
            Cell(_(CHARGE_NAMES[clause.charge_type]), bold=True),
            comma.join(
                clause_terms(
                    clause.pricing_kind,
                    clause.parameters,
                    currency=terms.currency,
                    locale=locale,
                )
            ),
            f"{clause.valid_from:%Y-%m-%d}\n– {clause.valid_to or terms.end:%Y-%m-%d}",
        )
        for at, clause in enumerate(clauses, 1)
    ]
    paper.gap(5)
    table.draw(paper, rows)


def schedule_table(
    paper: Paper, schedule: Sequence[ScheduleMonth], *, currency: str, locale: str
) -> None:
    """A row for each month. Charges of which no amount is agreed in any month have no column:
    they are named below.
    """
    _ = translator(locale, "documents")
    shown = [
        charge
        for charge in charge_types(schedule)
        if any(_has_figures(entry) for month in schedule for entry in month.charge(charge))
    ]
    size = 8.5 if len(shown) <= 3 else 7.4
    table = Table(
        columns=(
            Column(_("Month"), 1.55),
            *(Column(_(CHARGE_NAMES[charge]), 1.35, "right") for charge in shown),
            Column(_("Tax"), 1.15, "right"),
            Column(_("Total"), 1.4, "right"),
        ),
        size=size,
        padding=3,
    )
    rows: list[tuple[Cell | str, ...]] = [
        (
            _days(month),
            *(_amount(month.charge(charge), currency, _) for charge in shown),
            money(month.tax, currency),
            money(month.total, currency),
        )
        for month in schedule
    ]
    totals: tuple[str, ...] = (
        _("Agreed in all"),
        *(_agreed_in_all(schedule, charge, currency) for charge in shown),
        money(sum((month.tax for month in schedule), Decimal(0)), currency),
        money(sum((month.total for month in schedule), Decimal(0)), currency),
    )
    paper.gap(5)
    table.draw(paper, rows, totals=[totals])
    for sentence in _left_out(schedule, shown, _, locale):
        paper.gap(3)
        paper.paragraph(sentence, size=8, leading=13, colour=MUTED)


def _agreed_in_all(schedule: Sequence[ScheduleMonth], charge: ChargeType, currency: str) -> str:
    agreed = [
        entry.net
        for month in schedule
        for entry in month.charge(charge)
        if entry.basis is Basis.AGREED
    ]
    return money(sum(agreed, Decimal(0)), currency) if agreed else "–"


def _has_figures(entry: ScheduleCharge) -> bool:
    """Whether the entry says more than that something is measured."""
    return entry.basis is Basis.AGREED or any(
        one.minimum is not None or one.maximum is not None for one in entry.settled
    )


def _days(month: ScheduleMonth) -> Cell:
    """`2026-04`, and its days where they are not the whole month."""
    days = month.days
    is_whole = days == month_of(days.first)
    note = "" if is_whole else f"{days.first:%m-%d} – {days.last:%m-%d}"
    return Cell(f"{days.first:%Y-%m}", note)


def _amount(entries: Sequence[ScheduleCharge], currency: str, _: Translate) -> Cell:
    """What is agreed, and below it what else decides."""
    agreed = [entry for entry in entries if entry.basis is Basis.AGREED]
    text = money(sum((entry.net for entry in agreed), Decimal(0)), currency) if agreed else ""
    notes = []
    free = sum(entry.free_days for entry in agreed)
    if free:
        notes.append(_("{days} days free").format(days=free))
    for entry in entries:
        for one in entry.settled:
            if one.minimum is not None:
                notes.append(_("at least {bound}").format(bound=money(one.minimum, currency)))
            if one.maximum is not None:
                notes.append(_("at most {bound}").format(bound=money(one.maximum, currency)))
    if any(entry.basis is Basis.SALES for entry in entries) and not agreed:
        text = _("by sales")
    if any(entry.basis is Basis.METER for entry in entries) and not agreed:
        text = _("by meter")
    return Cell(text or "–", "\n".join(notes))


def _left_out(
    schedule: Sequence[ScheduleMonth], shown: Sequence[ChargeType], _: Translate, locale: str
) -> list[str]:
    """A sentence for what is charged by sales and one for what is charged by meter."""
    said = []
    for basis, text in (
        (Basis.SALES, _("By sales, so not in the table: {charges}.")),
        (Basis.METER, _("By meter, so not in the table: {charges}.")),
    ):
        found = [
            charge
            for charge in charge_types(schedule)
            if charge not in shown
            and any(e.basis is basis for month in schedule for e in month.charge(charge))
        ]
        if found:
            names = listed((_(CHARGE_NAMES[charge]) for charge in found), locale)
            said.append(text.format(charges=names))
    return said
