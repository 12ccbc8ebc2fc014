"""A shop's own sales and visitors of a month, by day: charts, table, CSV."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import dropwhile
from typing import Any

from babel.dates import format_date
from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from domain.calendar import Period, month_of
from domain.permissions import Permission
from services.charts.mall_days import footfall_by_day
from services.charts.shop_days import shop_sales_by_day
from services.queries.portal_figures import (
    ShopDay,
    ShopMonthFigures,
    list_own_days,
    list_own_months,
)
from webapp import listing
from webapp.admin import formats, labels
from webapp.downloads import csv_download
from webapp.language import current_locale
from webapp.portal import door

MONTHS_OFFERED = 60


class DataState(StrEnum):
    """What came of a day's data, of the tills and counters that owe any."""

    COMPLETE = "COMPLETE"
    INCOMPLETE = "INCOMPLETE"
    MISSING = "MISSING"
    NOT_EXPECTED = "NOT_EXPECTED"
    UNKNOWN = "UNKNOWN"  # no row: nothing was measured then, or it is not counted yet


WORDS: dict[DataState, Any] = {
    DataState.COMPLETE: _l("complete"),
    DataState.INCOMPLETE: _l("incomplete"),
    DataState.MISSING: _l("missing"),
    DataState.NOT_EXPECTED: _l("not measured"),
    DataState.UNKNOWN: _l("no data"),
}
TONES = {
    DataState.COMPLETE: labels.GOOD,
    DataState.INCOMPLETE: labels.WAITING,
    DataState.MISSING: labels.BAD,
    DataState.NOT_EXPECTED: labels.NEUTRAL,
    DataState.UNKNOWN: labels.NEUTRAL,
}
UNFINISHED = frozenset({DataState.INCOMPLETE, DataState.MISSING, DataState.UNKNOWN})


@dataclass(frozen=True)
class DayRow:
    """A day of the table; `figures` is None for a day of which nothing is known."""

    day: date
    figures: ShopDay | None

    @property
    def state(self) -> DataState:
        return data_state(self.figures)


@dataclass(frozen=True)
class Figures:
    """A month as it is shown. `total` is what the month's mart says, None before it is built."""

    month: Period
    rows: tuple[DayRow, ...]
    total: ShopMonthFigures | None

    @property
    def days(self) -> tuple[ShopDay, ...]:
        return tuple(row.figures for row in self.rows if row.figures is not None)

    @property
    def unfinished(self) -> int:
        """Days whose figures may still grow; those before the first that was measured are none."""
        begun = dropwhile(lambda row: row.figures is None, self.rows)
        return sum(row.state in UNFINISHED for row in begun)


@door.page("/figures/", Permission.OWN_FIGURES_READ)
def figures() -> str:
    months = _months()
    found = _figures(months)
    if found is None:
        return door.show("portal/figures.html", figures=None)
    return door.show(
        "portal/figures.html",
        figures=found,
        months=_offered(months, found.month),
        charts=_charts(found),
        chip=chip,
        weekday=weekday,
        unfinished=found.unfinished,
    )


@door.page("/figures.csv", Permission.OWN_FIGURES_EXPORT)
def figures_csv() -> Response:
    found = _figures(_months())
    rows = found.rows if found else ()
    key = f"{found.month.first:%Y-%m}" if found else "none"
    return csv_download(
        f"figures-{door.shop_on_page().code}-{key}.csv",
        [
            _("Business date"),
            _("Net sales"),
            _("Transactions"),
            _("Visitors"),
            _("Data"),
        ],
        (
            (
                row.day,
                row.figures.net_sales if row.figures else None,
                row.figures.transactions if row.figures else None,
                row.figures.footfall_in if row.figures else None,
                str(WORDS[row.state]),
            )
            for row in rows
        ),
        mall_id=door.shop_on_page().mall_id,
    )


def data_state(day: ShopDay | None) -> DataState:
    if day is None:
        return DataState.UNKNOWN
    owed = [
        (expected, received)
        for expected, received in (
            (day.sales_expected, day.sales_received),
            (day.footfall_expected, day.footfall_received),
        )
        if expected > 0
    ]
    if not owed:
        return DataState.NOT_EXPECTED
    if all(received == 0 for _expected, received in owed):
        return DataState.MISSING
    if all(received == expected for expected, received in owed):
        return DataState.COMPLETE
    return DataState.INCOMPLETE


def chip(state: DataState) -> Any:
    return formats.chip(WORDS[state], TONES[state])


def weekday(day: date) -> str:
    """Tue or 周二."""
    return format_date(day, "EEE", locale=current_locale())


def _months() -> tuple[ShopMonthFigures, ...]:
    return list_own_months(
        door.database().connection(), shop_ids=door.shown_shop_ids(), limit=MONTHS_OFFERED
    )


def _figures(months: tuple[ShopMonthFigures, ...]) -> Figures | None:
    """The asked month, else the newest with figures; None when there is neither."""
    asked = listing.read_month(request.args.get("month", ""))
    if asked is None and not months:
        return None
    month = month_of(asked or months[0].month)
    days = {
        day.business_date: day
        for day in list_own_days(
            door.database().connection(),
            shop_ids=door.shown_shop_ids(),
            start=month.first,
            end=month.last,
        )
    }
    last = min(month.last, door.today() - timedelta(days=1))
    rows = tuple(
        DayRow(day, days.get(day))
        for day in (month.first + timedelta(days=at) for at in range(month.days))
        if day <= last or day in days
    )
    total = next((one for one in months if one.month == month.first), None)
    return Figures(month, rows, total)


def _offered(months: tuple[ShopMonthFigures, ...], shown: Period) -> list[date]:
    """Months to choose from, the newest first, with the one that is shown."""
    return sorted({one.month for one in months} | {shown.first}, reverse=True)


def _charts(found: Figures) -> list[tuple[str, str, dict[str, Any]]]:
    """(name, title, specification) of the figures of which anything was expected."""
    span: dict[str, Any] = {
        "start": found.month.first,
        "end": found.month.last,
        "locale": current_locale(),
    }
    charts = []
    if any(day.sales_expected for day in found.days):
        silent = [d.business_date for d in found.days if d.sales_expected and d.net_sales is None]
        currency = door.shop_on_page().currency
        drawn = shop_sales_by_day(found.days, missing=silent, currency=currency, **span)
        charts.append(("sales", _("Net sales by day"), drawn))
    if any(day.footfall_expected for day in found.days):
        silent = [
            d.business_date for d in found.days if d.footfall_expected and d.footfall_in is None
        ]
        drawn = footfall_by_day(found.days, missing=silent, **span)
        charts.append(("footfall", _("Visitors by day"), drawn))
    return charts
