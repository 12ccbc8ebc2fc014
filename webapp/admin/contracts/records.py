"""The register of leases: their list, and the page of one."""

from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from domain.contracts import ContractEvent
from domain.permissions import Permission
from services.operations.leasing import DRAFTED
from storage.models import Bill, Contract
from webapp.admin import access, formats, labels
from webapp.admin.contracts.board import ContractBoard
from webapp.admin.contracts.calendar import ContractCalendar
from webapp.admin.contracts.listing import ContractList
from webapp.auth.authorisation import may
from webapp.words.terms import terms


class ContractView(ContractList, ContractBoard, ContractCalendar):
    details_template = "admin/contract.html"
    singular = _l("contract")
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
