"""The register of leases: their list, and the page of one."""

from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from domain.contracts import ContractEvent, ContractState
from domain.permissions import Permission
from services.operations.leasing import DRAFTED
from storage.models import Bill, Contract
from webapp.admin import access, filters, formats, labels
from webapp.admin.base import RecordView
from webapp.auth.authorisation import may
from webapp.words.terms import terms


class ContractView(RecordView):
    permission = Permission.CONTRACTS_READ
    export_permission = Permission.CONTRACTS_EXPORT
    details_template = "admin/contract.html"
    singular = _l("contract")
    empty_title = _l("No contract yet")
    empty_advice = _l("A contract is drafted for a shop and its units; register both first.")
    column_list = ("number", "shop", "state", "start_date", "end_date", "deposit_amount")
    column_details_list = (
        "number",
        "shop",
        "state",
        "version",
        "start_date",
        "end_date",
        "deposit_amount",
        "proration",
        "payment_term_days",
    )
    column_labels = {
        "number": _l("Number"),
        "shop": _l("Shop"),
        "state": _l("State"),
        "version": _l("Version"),
        "start_date": _l("First day"),
        "end_date": _l("Last day"),
        "deposit_amount": _l("Deposit"),
        "proration": _l("Proration"),
        "payment_term_days": _l("Days to pay"),
    }
    column_formatters = {
        "shop": lambda view, context, model, name: formats.record("shops", model.shop),
    }
    money_columns = frozenset({"deposit_amount"})
    numeric_columns = frozenset({"version", "payment_term_days"})
    column_searchable_list = ("number", "shop.name", "shop.code")
    column_sortable_list = ("number", "state", "start_date", "end_date", "deposit_amount")
    column_default_sort = "number"
    list_filters = (
        filters.by_enum("state", _l("State"), Contract.state, ContractState),
        filters.by_shop(Contract.shop_id),
        filters.by_date("ends_from", _l("Ends from"), Contract.end_date),
        filters.by_date("ends_until", _l("Ends until"), Contract.end_date, until=True),
    )

    def terms(self, clause: Any) -> tuple[str, ...]:
        return terms(clause.pricing_kind, clause.parameters, clause.contract.currency)

    def event_label(self, event: str) -> Any:
        if event == DRAFTED:
            return _l("Drafted")
        return labels.label_of_value(ContractEvent, event)

    def bills(self, contract: Contract) -> Any:
        if not may(Permission.BILLS_READ):
            return ()
        return (
            access.database()
            .scalars(
                sa.select(Bill)
                .where(Bill.contract_id == contract.id)
                .order_by(Bill.period_start.desc())
                .limit(12)
            )
            .all()
        )
