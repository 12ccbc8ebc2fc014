"""The home page: the mall's figures of a month or week, and what waits for a person."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Response, abort, request
from flask_admin import AdminIndexView, expose
from flask_babel import gettext as _

from domain.malls import BusinessType
from domain.permissions import Permission
from services.charts.collection import collection_by_business_type
from services.charts.mall_days import electricity_by_day, footfall_by_day, sales_by_day
from services.queries.dashboard import (
    BusinessTypeDay,
    Collection,
    MallDay,
    Waiting,
    get_waiting,
    latest_business_date,
    list_business_type_days,
    list_collection,
    list_mall_days,
)
from webapp.admin import access, formats, labels
from webapp.admin.base import StaffView
from webapp.admin.contracts.waiting import waiting_leases
from webapp.admin.period import Span, month_of, parse_span, week_of
from webapp.auth.authorisation import may, require
from webapp.downloads import csv_download
from webapp.language import current_locale

PROOF_LIMIT = timedelta(hours=26)


@dataclass(frozen=True)
class Card:
    """One figure. `change` is relative to the span before, None when there is none to compare."""

    label: str
    value: Any
    change: Decimal | None
    note: str
    completeness: Decimal | None = None
    compares: bool = True


@dataclass(frozen=True)
class Item:
    """Something that waits: a count, or a word about it."""

    label: str
    value: Any
    url: str
    icon: str


@dataclass(frozen=True)
class Panel:
    """One chart with its rows: what is drawn is what the table and the CSV show."""

    name: str
    title: str
    titles: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    specification: dict[str, Any] | None


@dataclass(frozen=True)
class Figures:
    span: Span
    days: tuple[MallDay, ...]
    before: tuple[MallDay, ...]
    types: tuple[BusinessTypeDay, ...]
    collection: tuple[Collection, ...]
    collection_before: tuple[Collection, ...]


class HomeView(StaffView, AdminIndexView):
    permission = Permission.DASHBOARD_READ

    @expose("/")
    def index(self) -> str:
        mall = access.current_mall()
        if mall is None:
            return self.render("admin/home.html", figures=None, waiting=None, span=None)
        figures = self._figures()
        waiting = get_waiting(
            access.database().connection(),
            mall_id=mall.id,
            money=may(Permission.BILLS_READ),
            data=may(Permission.REQUESTS_READ),
            backups=may(Permission.BACKUPS_READ),
        )
        if figures is None:
            return self.render(
                "admin/home.html", figures=None, waiting=self._waiting(waiting), span=None
            )
        return self.render(
            "admin/home.html",
            figures=figures,
            span=figures.span,
            cards=_cards(figures, mall.currency),
            waiting=self._waiting(waiting),
            panels=_panels(figures),
            latest=month_of(self._latest() or figures.span.start),
            months=month_of(figures.span.start),
            weeks=week_of(figures.days[-1].business_date if figures.days else figures.span.start),
        )

    @expose("/charts/<chart>.csv")
    def chart_csv(self, chart: str) -> Response:
        require(Permission.DASHBOARD_EXPORT)
        figures = self._figures()
        panel = (
            next((one for one in _panels(figures) if one.name == chart), None) if figures else None
        )
        if figures is None or panel is None:
            abort(404)
        return csv_download(
            f"{chart}-{figures.span.key}.csv",
            panel.titles,
            panel.rows,
            mall_id=access.current_mall_id(),
        )

    def _latest(self) -> Any:
        return latest_business_date(
            access.database().connection(), mall_id=access.current_mall_id()
        )

    def _figures(self) -> Figures | None:
        """Figures of the asked span, else of the newest month with data; None without any."""
        connection = access.database().connection()
        mall_id = access.current_mall_id()
        latest = self._latest()
        span = parse_span(request.args.get("period", ""))
        if span is None:
            if latest is None:
                return None
            span = month_of(latest)
        before = span.previous
        sees_money = may(Permission.BILLS_READ)

        def collected(within: Span) -> tuple[Collection, ...]:
            if not sees_money:
                return ()
            return list_collection(
                connection,
                mall_id=mall_id,
                start=within.start,
                end=within.end,
                today=formats.today(),
            )

        def days(within: Span) -> tuple[MallDay, ...]:
            return list_mall_days(connection, mall_id=mall_id, start=within.start, end=within.end)

        return Figures(
            span=span,
            days=days(span),
            before=days(before),
            types=list_business_type_days(
                connection, mall_id=mall_id, start=span.start, end=span.end
            ),
            collection=collected(span),
            collection_before=collected(before),
        )

    def _waiting(self, waiting: Waiting) -> list[Item]:
        """What waits for this person, each with its page."""
        items = [Item(*facts) for facts in waiting_leases()]
        if may(Permission.BILLS_READ):
            items.append(
                Item(
                    _("Shops held by a billing gate"),
                    waiting.held_shops,
                    self.get_url("held_bills.index_view"),
                    "bill",
                )
            )
            items.append(
                Item(
                    _("Bills in review"),
                    waiting.bills_in_review,
                    self.get_url("bills.index_view", state="IN_REVIEW"),
                    "bill",
                )
            )
        if may(Permission.REQUESTS_READ):
            items.append(
                Item(
                    _("Requests not yet accepted"),
                    waiting.unaccepted_requests,
                    self.get_url("requests.index_view", state="SUBMITTED"),
                    "request",
                )
            )
            items.append(
                Item(
                    _("Refused rows"),
                    waiting.refused_rows,
                    self.get_url("quarantine.index_view"),
                    "quarantine",
                )
            )
        if may(Permission.BACKUPS_READ):
            proven = waiting.last_proven_backup_at
            now = self.now()
            fresh = proven is not None and now - proven <= PROOF_LIMIT
            items.append(
                Item(
                    _("Last proven backup"),
                    formats.chip(
                        formats.age(proven, now) if proven else _("never"),
                        labels.GOOD if fresh else labels.BAD,
                    ),
                    self.get_url("backups.index_view"),
                    "backup",
                )
            )
        return items


def _cards(figures: Figures, currency: str) -> list[Card]:
    span = figures.span
    note = (
        _("per day, against the week before")
        if span.is_week
        else _("per day, against the month before")
    )
    cards = [
        Card(
            _("Net sales"),
            formats.money(_total(figures.days, "net_sales"), currency),
            _change(figures, "net_sales"),
            note,
            _completeness(figures.days, span, "sales_completeness"),
        ),
        Card(
            _("Footfall"),
            formats.number(_total(figures.days, "footfall_in"), 0),
            _change(figures, "footfall_in"),
            note,
            _completeness(figures.days, span, "footfall_completeness"),
        ),
    ]
    if may(Permission.BILLS_READ):
        share, before = _collected(figures.collection), _collected(figures.collection_before)
        billed = sum((row.billed for row in figures.collection), Decimal(0))
        cards.append(
            Card(
                _("Collected of the period's bills"),
                formats.percent(share),
                None if share is None or before is None else share - before,
                _("of %(amount)s billed", amount=formats.money(billed, currency)),
                compares=False,
            )
        )
    energy = _total(figures.days, "electricity_kwh")
    cards.append(
        Card(
            _("Electricity used"),
            formats.DASH if energy is None else f"{formats.number(energy, 0)} kWh",
            _change(figures, "electricity_kwh"),
            note,
        )
    )
    return cards


def _values(days: Sequence[MallDay], name: str) -> list[Decimal]:
    return [Decimal(value) for day in days if (value := getattr(day, name)) is not None]


def _total(days: Sequence[MallDay], name: str) -> Decimal | None:
    values = _values(days, name)
    return sum(values, Decimal(0)) if values else None


def _change(figures: Figures, name: str) -> Decimal | None:
    """Change of the average day with data against the span before: 0.05 is 5 % more."""
    now, before = _values(figures.days, name), _values(figures.before, name)
    if not now or not before or not sum(before):
        return None
    return (sum(now) / len(now)) / (sum(before) / len(before)) - 1


def _completeness(days: Sequence[MallDay], span: Span, name: str) -> Decimal:
    """Mean over the days of the span; a day without a row counts as nothing received."""
    return sum(_values(days, name), Decimal(0)) / span.days


def _collected(rows: Sequence[Collection]) -> Decimal | None:
    billed = sum((row.billed for row in rows), Decimal(0))
    return sum((row.collected for row in rows), Decimal(0)) / billed if billed else None


def _panels(figures: Figures) -> list[Panel]:
    locale = current_locale()
    span: dict[str, Any] = {
        "start": figures.span.start,
        "end": figures.span.end,
        "locale": locale,
    }

    def panel(
        name: str,
        title: str,
        titles: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
        draw: Callable[[], dict[str, Any]],
    ) -> Panel:
        return Panel(name, title, tuple(titles), tuple(rows), draw() if rows else None)

    date_title, data_title = _("Business date"), _("Complete data")
    panels = [
        panel(
            "sales",
            _("Net sales by business type"),
            (date_title, _("Business type"), _("Net sales")),
            [
                (row.business_date, _type(row.business_type), row.net_sales)
                for row in figures.types
                if row.net_sales is not None
            ],
            lambda: sales_by_day(figures.types, figures.days, **span),
        ),
        panel(
            "footfall",
            _("Visitors by day"),
            (date_title, _("Visitors"), data_title),
            [
                (day.business_date, day.footfall_in, day.has_complete_footfall)
                for day in figures.days
                if day.footfall_in is not None
            ],
            lambda: footfall_by_day(figures.days, **span),
        ),
    ]
    if may(Permission.BILLS_READ):
        panels.append(
            panel(
                "collection",
                _("What became of the period's bills"),
                (_("Business type"), _("Billed"), _("Received"), _("Not yet due"), _("Overdue")),
                [
                    (_type(row.business_type), row.billed, row.collected, row.open, row.overdue)
                    for row in figures.collection
                ],
                lambda: collection_by_business_type(figures.collection, locale=locale),
            )
        )
    panels.append(
        panel(
            "electricity",
            _("Electricity by day"),
            (date_title, _("Electricity (kWh)"), _("Water (m³)")),
            [
                (day.business_date, day.electricity_kwh, day.water_m3)
                for day in figures.days
                if day.electricity_kwh is not None
            ],
            lambda: electricity_by_day(figures.days, **span),
        )
    )
    return panels


def _type(value: str) -> str:
    return str(labels.label_of_value(BusinessType, value))
