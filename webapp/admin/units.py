"""Units: the lettable spaces, who has them, and what became of them."""

from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from wtforms import DecimalField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from domain.permissions import Permission
from services.operations.malls import register_unit
from services.queries.units import UnitHistory, get_unit_history
from storage.models import ContractUnit, Unit
from webapp.admin import access, filters
from webapp.admin.base import DayField, Form
from webapp.admin.unit_changes import UnitChangePages


class UnitForm(Form):
    """The area is given once: merging and splitting close a unit and open others."""

    code = StringField(
        _l("Code"), [DataRequired(), Length(max=20)], description=_l("Unique in the mall: 2-105")
    )
    floor = StringField(_l("Floor"), [DataRequired(), Length(max=20)])
    zone = StringField(_l("Zone"), [Length(max=40)])
    area_m2 = DecimalField(
        _l("Area (m²)"),
        [InputRequired(), NumberRange(min=0.01)],
        places=2,
        description=_l("It cannot be changed later: close this unit and open another."),
    )
    opened_date = DayField(_l("Lettable from"), [InputRequired()])
    closed_date = DayField(_l("Lettable until"), [Optional()])


class UnitEditForm(Form):
    code = StringField(_l("Code"), [DataRequired(), Length(max=20)])
    floor = StringField(_l("Floor"), [DataRequired(), Length(max=20)])
    zone = StringField(_l("Zone"), [Length(max=40)])
    closed_date = DayField(_l("Lettable until"), [Optional()])


def _distinct(column: Any) -> list[tuple[str, str]]:
    rows = access.database().execute(
        sa.select(column)
        .where(Unit.mall_id == access.current_mall_id(), column != "")
        .distinct()
        .order_by(column)
    )
    return [(value, value) for (value,) in rows]


def _floors() -> list[tuple[str, str]]:
    return _distinct(Unit.floor)


def _zones() -> list[tuple[str, str]]:
    return _distinct(Unit.zone)


class UnitView(UnitChangePages):
    permission = Permission.UNITS_READ
    export_permission = Permission.UNITS_EXPORT
    edit_permission = Permission.UNITS_EDIT
    editable = creatable = True
    form_class = UnitForm
    register = staticmethod(register_unit)
    edit_form_class = UnitEditForm
    details_template = "admin/unit.html"
    list_template = "admin/import_list.html"
    singular = _l("unit")
    empty_title = _l("No unit yet")
    empty_advice = _l("Register the lettable spaces first; shops and contracts refer to them.")
    column_list = ("code", "floor", "zone", "area_m2", "opened_date", "closed_date")
    column_details_list = column_list
    column_labels = {
        "code": _l("Code"),
        "floor": _l("Floor"),
        "zone": _l("Zone"),
        "area_m2": _l("Area (m²)"),
        "opened_date": _l("Lettable from"),
        "closed_date": _l("Lettable until"),
    }
    column_searchable_list = ("code", "zone")
    numeric_columns = frozenset({"area_m2"})
    column_default_sort = "code"
    list_filters = (
        filters.by_values("floor", _l("Floor"), Unit.floor, _floors),
        filters.by_values("zone", _l("Zone"), Unit.zone, _zones),
    )

    def lettings(self, unit: Unit) -> Any:
        return (
            access.database()
            .scalars(
                sa.select(ContractUnit)
                .where(ContractUnit.unit_id == unit.id)
                .order_by(ContractUnit.id.desc())
            )
            .all()
        )

    def history(self, unit: Unit) -> UnitHistory | None:
        """The merges and splits before and after the unit."""
        return get_unit_history(access.database()(), unit.id)
