"""Bills: each line opens into its reasons; papers, payments and history beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import lazy_gettext as _l

from domain.bills import BillEvent, BillState
from domain.permissions import Permission
from storage.models import Allocation, Bill, ContractClause, Document
from webapp.admin import access, filters, formats, labels
from webapp.admin.base import RecordView
from webapp.admin.navigation import can_open
from webapp.language import current_locale
from webapp.words.derivations import Reasons, reasons


@dataclass(frozen=True)
class Balance:
    paid: Decimal
    open: Decimal
    is_overdue: bool


class BillPages(RecordView):
    permission = Permission.BILLS_READ
    export_permission = Permission.BILLS_EXPORT
    details_template = "admin/bill.html"
    singular = _l("bill")
    empty_title = _l("No bill yet")
    empty_advice = _l("The monthly bill run makes them from contracts, meters and sales.")
    column_list = (
        "number",
        "shop",
        "period_start",
        "state",
        "due_date",
        "net_amount",
        "tax_amount",
        "total_amount",
    )
    column_details_list = (
        "number",
        "shop",
        "contract",
        "state",
        "period_start",
        "period_end",
        "issued_at",
        "due_date",
    )
    column_labels = {
        "number": _l("Number"),
        "shop": _l("Shop"),
        "contract": _l("Contract"),
        "state": _l("State"),
        "period_start": _l("Period from"),
        "period_end": _l("Period to"),
        "issued_at": _l("Issued at"),
        "due_date": _l("Due"),
        "net_amount": _l("Net"),
        "tax_amount": _l("Tax"),
        "total_amount": _l("Total"),
    }
    column_formatters = {
        "shop": lambda view, context, model, name: formats.record("shops", model.shop),
        "contract": lambda view, context, model, name: formats.record("contracts", model.contract),
        "state": lambda view, context, model, name: view.state_chip(model),
    }
    money_columns = frozenset({"net_amount", "tax_amount", "total_amount"})
    column_searchable_list = ("number", "shop.name", "shop.code")
    column_sortable_list = ("number", "period_start", "state", "due_date", "total_amount")
    column_default_sort = ("number", True)
    list_filters = (
        filters.by_enum("state", _l("State"), Bill.state, BillState),
        filters.by_shop(Bill.shop_id),
        filters.by_date("from", _l("Period from"), Bill.period_start),
        filters.by_date("until", _l("Period to"), Bill.period_start, until=True),
    )

    def is_overdue(self, bill: Bill) -> bool:
        owed = bill.state in (BillState.ISSUED, BillState.PARTIALLY_PAID)
        return owed and bill.due_date < formats.today()

    def state_chip(self, bill: Bill) -> Any:
        """OVERDUE is shown, never stored: it follows from the due date."""
        if self.is_overdue(bill):
            return formats.chip(_l("Overdue"), labels.BAD)
        return formats.enum(bill.state)

    def balance(self, bill: Bill) -> Balance:
        paid = access.database().scalar(
            sa.select(sa.func.coalesce(sa.func.sum(Allocation.amount), 0)).where(
                Allocation.bill_id == bill.id
            )
        )
        return Balance(Decimal(paid), bill.total_amount - Decimal(paid), self.is_overdue(bill))

    def allocations(self, bill: Bill) -> Any:
        return (
            access.database()
            .scalars(
                sa.select(Allocation).where(Allocation.bill_id == bill.id).order_by(Allocation.id)
            )
            .all()
        )

    def documents(self, bill: Bill) -> Any:
        return (
            access.database()
            .scalars(
                sa.select(Document).where(Document.bill_id == bill.id).order_by(Document.locale)
            )
            .all()
        )

    def clauses(self, bill: Bill) -> dict[int, ContractClause]:
        """The clauses that the bill's lines name, by id."""
        named = [line.clause_id for line in bill.lines if line.clause_id is not None]
        found = access.database().scalars(
            sa.select(ContractClause).where(ContractClause.id.in_(named))
        )
        return {clause.id: clause for clause in found}

    def line_reasons(self, bill: Bill) -> Callable[[Any], Reasons]:
        locale = current_locale()
        return lambda line: reasons(line.derivation, locale=locale, currency=bill.currency)

    def clause_link(self, bill: Bill) -> Callable[[int], str]:
        page = url_for("contracts.details_view", id=bill.contract_id)
        return lambda clause_id: f"{page}#clause-{clause_id}"

    def meter_link(self, device_id: int) -> str:
        """The meter's readings, for those who may look at them."""
        may_look = can_open("readings")
        return url_for("readings.index", device=device_id) if may_look else ""

    def event_label(self, event: str) -> Any:
        return labels.label_of_value(BillEvent, event)
