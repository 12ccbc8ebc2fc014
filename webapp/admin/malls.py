"""Malls: their names, hours and zones."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import StringField, TimeField
from wtforms.validators import DataRequired, InputRequired, Length

from domain.permissions import Permission
from storage.models import Mall
from webapp.admin import access
from webapp.admin.base import Form, RecordView


class MallForm(Form):
    name = StringField(_l("Name"), [DataRequired(), Length(max=120)])
    address = StringField(_l("Address"), [Length(max=300)])
    opens_at = TimeField(_l("Opens at"), [InputRequired()])
    closes_at = TimeField(_l("Closes at"), [InputRequired()])


class MallView(RecordView):
    permission = Permission.MALLS_READ
    export_permission = Permission.MALLS_EXPORT
    edit_permission = Permission.MALLS_EDIT
    editable = True
    mall_column = None
    form_class = MallForm
    singular = _l("mall")
    empty_title = _l("No mall yet")
    empty_advice = _l("A mall comes with its first data: run `make run`, or register one.")
    column_list = ("code", "name", "time_zone", "business_day_cutoff_hour", "currency")
    column_details_list = (
        "code",
        "name",
        "address",
        "time_zone",
        "business_day_cutoff_hour",
        "opens_at",
        "closes_at",
        "currency",
    )
    column_labels = {
        "code": _l("Code"),
        "name": _l("Name"),
        "time_zone": _l("Time zone"),
        "business_day_cutoff_hour": _l("Business day begins at (hour)"),
        "currency": _l("Currency"),
        "address": _l("Address"),
        "opens_at": _l("Opens at"),
        "closes_at": _l("Closes at"),
    }
    numeric_columns = frozenset({"business_day_cutoff_hour"})
    column_default_sort = "code"

    def scoped_query(self) -> Any:
        return access.database().query(Mall).filter(Mall.id.in_([m.id for m in access.malls()]))

    def title_of(self, model: Any) -> str:
        return str(model.name)
