"""Repairs and events that shops ask for: read, and their text corrected."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from domain.permissions import Permission
from domain.requests import RequestCategory, RequestKind, RequestPriority, RequestState
from storage.models import ServiceRequest
from webapp.admin import filters, formats
from webapp.admin.base import Form, RecordView


class RequestForm(Form):
    title = StringField(_l("Title"), [DataRequired(), Length(max=200)])
    description = TextAreaField(_l("Description"), [Length(max=4000)], render_kw={"rows": 6})


class RequestView(RecordView):
    permission = Permission.REQUESTS_READ
    export_permission = Permission.REQUESTS_EXPORT
    edit_permission = Permission.REQUESTS_EDIT
    editable = True
    form_class = RequestForm
    singular = _l("request")
    empty_title = _l("No request yet")
    empty_advice = _l("Shops report repairs and apply for events; what they send appears here.")
    column_list = ("number", "title", "shop", "kind", "priority", "state", "submitted_at")
    column_details_list = (
        "number",
        "shop",
        "unit",
        "kind",
        "category",
        "priority",
        "state",
        "submitted_at",
        "completed_at",
        "description",
    )
    column_labels = {
        "number": _l("Number"),
        "title": _l("Title"),
        "shop": _l("Shop"),
        "unit": _l("Unit"),
        "kind": _l("Kind"),
        "category": _l("Category"),
        "priority": _l("Priority"),
        "state": _l("State"),
        "submitted_at": _l("Submitted"),
        "completed_at": _l("Completed"),
        "description": _l("Description"),
    }
    column_formatters = {
        "shop": lambda view, context, model, name: formats.record("shops", model.shop),
        "unit": lambda view, context, model, name: formats.record("units", model.unit),
    }
    prose_columns = frozenset({"title"})
    column_searchable_list = ("number", "title", "shop.name")
    column_sortable_list = ("number", "title", "kind", "priority", "state", "submitted_at")
    column_default_sort = ("submitted_at", True)
    list_filters = (
        filters.by_enum("state", _l("State"), ServiceRequest.state, RequestState),
        filters.by_enum("priority", _l("Priority"), ServiceRequest.priority, RequestPriority),
        filters.by_enum("kind", _l("Kind"), ServiceRequest.kind, RequestKind),
        filters.by_enum("category", _l("Category"), ServiceRequest.category, RequestCategory),
        filters.by_shop(ServiceRequest.shop_id),
    )

    def title_of(self, model: Any) -> str:
        return str(model.title)
