"""Bills that a gate holds back: which shop, which month, and what is missing.

Belongs here: showing them. Not here: the gates (domain.gates) and overriding one.
"""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.gates import Gate
from domain.permissions import Permission
from storage.models import BillingGate
from webapp.admin import filters, formats, labels
from webapp.admin.base import RecordView


class HeldBillPages(RecordView):
    permission = Permission.HELD_BILLS_READ
    export_permission = Permission.HELD_BILLS_EXPORT
    singular = _l("held bill")
    empty_title = _l("No bill is held back")
    empty_advice = _l("A bill waits here while its shop's data is not good enough to bill.")
    column_list = ("shop", "month", "gate", "detail", "checked_at")
    column_details_list = column_list
    column_labels = {
        "shop": _l("Shop"),
        "month": _l("Month"),
        "gate": _l("What is wrong"),
        "detail": _l("In detail"),
        "checked_at": _l("Checked at"),
    }
    column_formatters = {
        "shop": lambda view, context, model, name: formats.record("shops", model.shop),
        "month": lambda view, context, model, name: formats.month_name(model.month),
        "gate": lambda view, context, model, name: labels.label_of_value(Gate, model.gate),
        "detail": lambda view, context, model, name: formats.code(_plain(model.detail)),
    }
    prose_columns = frozenset({"gate", "detail"})
    column_default_sort = ("id", True)
    list_filters = (filters.by_enum("gate", _l("What is wrong"), BillingGate.gate, Gate),)

    def scoped_query(self) -> Any:
        return (
            super()
            .scoped_query()
            .filter(BillingGate.is_passed.is_(False), BillingGate.overridden_at.is_(None))
        )

    def title_of(self, model: Any) -> str:
        return _("Held bill of %(shop)s", shop=model.shop.code)


def _plain(value: Any) -> str:
    """The figures and codes of a gate's detail, without its keys, which are no reader's words."""
    if isinstance(value, list):
        return "; ".join(_plain(one) for one in value)
    if not isinstance(value, dict):
        return str(value)
    rest = dict(value)
    parts = []
    if {"first", "last"} <= rest.keys():
        parts.append(f"{rest.pop('first')} – {rest.pop('last')}")
    if {"days_complete", "days_expected"} <= rest.keys():
        parts.append(f"{rest.pop('days_complete')} / {rest.pop('days_expected')}")
    return " · ".join([*parts, *(_plain(one) for one in rest.values())])
