"""A shop's bills: the list, its export, one bill with its reasons, and the bill's papers."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from flask import abort, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from domain.permissions import Permission
from services.queries.bills import BillSummary
from services.queries.keyset import Place
from services.queries.portal_bills import (
    MANY,
    BillFilter,
    BillOrder,
    BillStanding,
    count_own_bills,
    find_own_bill,
    list_own_bill_months,
    list_own_bills,
)
from services.queries.portal_contracts import list_own_contracts
from webapp import listing
from webapp.admin import formats, labels
from webapp.downloads import csv_download
from webapp.language import current_locale
from webapp.portal import door
from webapp.runtime import runtime
from webapp.words.derivations import Reasons, reasons
from webapp.words.terms import terms

EXPORT_ROWS = 100_000
SEARCH_LENGTH = 60
STANDINGS: Mapping[BillStanding, Any] = {
    BillStanding.OPEN: _l("To pay"),
    BillStanding.OVERDUE: _l("Overdue"),
    BillStanding.PAID: _l("Paid"),
    BillStanding.VOID: _l("Void"),
}
COLUMNS: Mapping[BillOrder, Any] = {
    BillOrder.NUMBER: _l("Number"),
    BillOrder.PERIOD: _l("Billing month"),
    BillOrder.DUE: _l("Due"),
    BillOrder.TOTAL: _l("Total"),
}
READ: Mapping[BillOrder, Callable[[str], Any]] = {
    BillOrder.NUMBER: str,
    BillOrder.PERIOD: date.fromisoformat,
    BillOrder.DUE: date.fromisoformat,
    BillOrder.TOTAL: listing.read_amount,
}
VALUE: Mapping[BillOrder, Callable[[BillSummary], Any]] = {
    BillOrder.NUMBER: lambda bill: bill.number,
    BillOrder.PERIOD: lambda bill: bill.period_start,
    BillOrder.DUE: lambda bill: bill.due_date,
    BillOrder.TOTAL: lambda bill: bill.total_amount,
}


@door.page("/bills/", Permission.OWN_BILLS_READ)
def bills() -> str:
    wanted, order, is_descending = _asked()
    shop_ids = door.shown_shop_ids()
    found = list_own_bills(
        door.database(),
        shop_ids=shop_ids,
        wanted=wanted,
        order=order,
        is_descending=is_descending,
        after=listing.asked_place("after", READ[order]),
        before=listing.asked_place("before", READ[order]),
    )
    is_filtered = any(
        request.args.get(name) for name in ("search", "state", "month", "after", "before")
    )
    return door.show(
        "portal/bills.html",
        bills=found.items,
        pager=listing.pager(found, lambda bill: Place(VALUE[order](bill), bill.bill_id)),
        count=count_own_bills(door.database(), shop_ids=shop_ids, wanted=wanted),
        many=MANY,
        wanted=wanted,
        standings=STANDINGS,
        months=list_own_bill_months(door.database(), shop_ids=shop_ids),
        columns=COLUMNS,
        orders=BillOrder,
        order=order,
        is_descending=is_descending,
        sort_url=_sort_url,
        is_filtered=is_filtered,
        first_bill=None if found.items or is_filtered else _first_bill(),
        chip=chip,
    )


@door.page("/bills.csv", Permission.OWN_BILLS_EXPORT)
def bills_csv() -> Response:
    wanted, order, is_descending = _asked()
    found = list_own_bills(
        door.database(),
        shop_ids=door.shown_shop_ids(),
        wanted=wanted,
        order=order,
        is_descending=is_descending,
        size=EXPORT_ROWS,
    )
    titles = [
        _("Number"),
        _("Period from"),
        _("Period to"),
        _("State"),
        _("Due"),
        _("Net"),
        _("Tax"),
        _("Total"),
        _("Received"),
        _("Open"),
        _("Currency"),
    ]
    return csv_download(
        f"bills-{door.shop_on_page().code}-{runtime().now():%Y%m%d-%H%M}.csv",
        titles,
        (
            (
                bill.number,
                bill.period_start,
                bill.period_end,
                str(_standing_word(bill)),
                bill.due_date,
                bill.net_amount,
                bill.tax_amount,
                bill.total_amount,
                bill.paid_amount,
                bill.open_amount,
                bill.currency,
            )
            for bill in found.items
        ),
        mall_id=door.shop_on_page().mall_id,
    )


@door.page(f"/bills/<{door.ID}:bill_id>", Permission.OWN_BILLS_READ)
def bill(bill_id: int) -> str:
    found = find_own_bill(door.database(), shop_ids=door.own_shop_ids(), bill_id=bill_id)
    if found is None:
        abort(404)
    currency = found.summary.currency

    def line_reasons(line: Any) -> Reasons:
        return reasons(line.derivation, locale=current_locale(), currency=currency)

    def clause_terms(clause: Any) -> tuple[str, ...]:
        return terms(clause.pricing_kind, clause.parameters, currency)

    contract = url_for("portal.contract", contract_id=found.summary.contract_id)

    def clause_link(clause_id: int) -> str:
        return f"{contract}#clause-{clause_id}"

    def meter_link(device_id: int) -> str:
        """A shop has no page for readings: the line says what the meter showed."""
        return ""

    return door.show(
        "portal/bill.html",
        bill=found.summary,
        lines=found.lines,
        clauses=found.clauses,
        payments=found.payments,
        papers=sorted(found.papers, key=lambda paper: paper.locale != current_locale()),
        reasons=line_reasons,
        clause_terms=clause_terms,
        clause_link=clause_link,
        meter_link=meter_link,
        today=door.today(),
        chip=chip,
        due_in=due_in,
    )


def chip(bill: BillSummary) -> Any:
    """OVERDUE is shown, never stored: it follows from the due date."""
    if bill.is_overdue(door.today()):
        return formats.chip(_l("Overdue"), labels.BAD)
    return formats.enum(bill.state)


def due_in(bill: BillSummary) -> str:
    """How far the due date is, in words; empty when nothing is open."""
    if not bill.open_amount:
        return ""
    days = (bill.due_date - door.today()).days
    if days == 0:
        return _("due today")
    if days > 0:
        return _("due in %(count)s days", count=days) if days > 1 else _("due tomorrow")
    return str(ngettext("%(num)s day overdue", "%(num)s days overdue", -days))


def _standing_word(bill: BillSummary) -> Any:
    return _("Overdue") if bill.is_overdue(door.today()) else labels.label(bill.state)


def _asked() -> tuple[BillFilter, BillOrder, bool]:
    """Filter and order as they stand in the address; what cannot be is ignored."""
    standing, order = request.args.get("state", ""), request.args.get("sort", "")
    wanted = BillFilter(
        today=door.today(),
        search=request.args.get("search", "").strip()[:SEARCH_LENGTH],
        standing=BillStanding(standing) if standing in set(BillStanding) else None,
        month=listing.read_month(request.args.get("month", "")),
    )
    if order not in set(BillOrder):
        return wanted, BillOrder.PERIOD, True
    return wanted, BillOrder(order), bool(request.args.get("desc"))


def _sort_url(column: BillOrder, order: BillOrder, is_descending: bool) -> str:
    """The list sorted by a column; a second choice of the same column turns it round."""
    kept = {name: request.args.get(name) for name in ("search", "state", "month")}
    turned = not is_descending if column is order else column is not BillOrder.NUMBER
    return url_for(
        "portal.bills",
        **{name: value for name, value in kept.items() if value},
        sort=column.value,
        **({"desc": "1"} if turned else {}),
    )


def _first_bill() -> date | None:
    """When the first bill comes: on the first of the month after the lease began."""
    contracts = list_own_contracts(door.database(), shop_ids=door.shown_shop_ids())
    if not contracts:
        return None
    begins = min(contract.start_date for contract in contracts)
    return max(_month_after(begins), _month_after(door.today()))


def _month_after(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
