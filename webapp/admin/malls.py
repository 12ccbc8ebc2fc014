"""Malls, units and shops: what leases are written about."""

from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import lazy_gettext as _l
from wtforms import DecimalField, SelectField, StringField, TextAreaField, TimeField
from wtforms.validators import DataRequired, Email, InputRequired, Length, NumberRange, Optional

from domain.malls import BusinessType
from domain.permissions import Permission
from services.operations.malls import register_shop, register_unit
from services.operations.uploads import list_uploads
from services.queries.shops import list_shop_months
from storage.models import (
    Bill,
    Contract,
    ContractUnit,
    DeviceInstallation,
    Mall,
    ServiceRequest,
    Shop,
    Unit,
)
from webapp.admin import access, filters, formats, labels
from webapp.admin.base import DayField, Form, RecordView
from webapp.auth.authorisation import may

MONTHS_ON_SHOP_PAGE = 13


class MallForm(Form):
    name = StringField(_l("Name"), [DataRequired(), Length(max=120)])
    address = StringField(_l("Address"), [Length(max=300)])
    opens_at = TimeField(_l("Opens at"), [InputRequired()])
    closes_at = TimeField(_l("Closes at"), [InputRequired()])


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


class ShopForm(Form):
    code = StringField(
        _l("Code"), [DataRequired(), Length(max=20)], description=_l("Unique in the mall: S-012")
    )
    name = StringField(_l("Name"), [DataRequired(), Length(max=120)])
    business_type = SelectField(
        _l("Business type"), choices=lambda: labels.labels_of(BusinessType), coerce=BusinessType
    )
    contact_name = StringField(_l("Contact"), [Length(max=120)])
    contact_phone = StringField(
        _l("Phone"), [Length(max=40)], render_kw={"type": "tel", "inputmode": "tel"}
    )
    contact_email = StringField(_l("E-mail"), [Optional(), Email()], render_kw={"type": "email"})
    move_in_date = DayField(_l("Move-in date"), [Optional()])
    description = TextAreaField(_l("Description"), [Length(max=4000)], render_kw={"rows": 4})


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


class UnitView(RecordView):
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


class ShopView(RecordView):
    permission = Permission.SHOPS_READ
    export_permission = Permission.SHOPS_EXPORT
    edit_permission = Permission.SHOPS_EDIT
    editable = creatable = True
    form_class = ShopForm
    register = staticmethod(register_shop)
    details_template = "admin/shop.html"
    list_template = "admin/import_list.html"
    singular = _l("shop")
    empty_title = _l("No shop yet")
    empty_advice = _l("Register the first tenant, then draft its contract.")
    column_list = ("code", "name", "business_type", "contact_name", "contact_phone", "move_in_date")
    column_details_list = (
        "code",
        "business_type",
        "contact_name",
        "contact_phone",
        "contact_email",
        "move_in_date",
        "description",
    )
    column_labels = {
        "code": _l("Code"),
        "name": _l("Name"),
        "business_type": _l("Business type"),
        "contact_name": _l("Contact"),
        "contact_phone": _l("Phone"),
        "contact_email": _l("E-mail"),
        "move_in_date": _l("Move-in date"),
        "description": _l("Description"),
    }
    column_searchable_list = ("code", "name", "contact_name", "contact_phone")
    column_default_sort = "code"
    list_filters = (filters.by_enum("type", _l("Business type"), Shop.business_type, BusinessType),)

    def title_of(self, model: Any) -> str:
        return str(model.name)

    # -- what the shop's page shows ----------------------------------------------------------

    def contracts(self, shop: Shop) -> Any:
        return (
            access.database()
            .scalars(
                sa.select(Contract)
                .where(Contract.shop_id == shop.id)
                .order_by(Contract.start_date.desc())
            )
            .all()
        )

    def bills(self, shop: Shop) -> Any:
        if not may(Permission.BILLS_READ):
            return ()
        return (
            access.database()
            .scalars(
                sa.select(Bill)
                .where(Bill.shop_id == shop.id)
                .order_by(Bill.period_start.desc(), Bill.id.desc())
                .limit(MONTHS_ON_SHOP_PAGE)
            )
            .all()
        )

    def files(self, shop: Shop) -> Any:
        """The newest files of the shop; None for who may not see them."""
        if not may(Permission.UPLOADS_READ):
            return None
        return list_uploads(access.database(), shop_id=shop.id, limit=5)

    def devices(self, shop: Shop) -> Any:
        if not may(Permission.DEVICES_READ):
            return ()
        return (
            access.database()
            .scalars(
                sa.select(DeviceInstallation)
                .where(DeviceInstallation.shop_id == shop.id)
                .order_by(DeviceInstallation.installed_date.desc())
            )
            .all()
        )

    def requests(self, shop: Shop) -> Any:
        if not may(Permission.REQUESTS_READ):
            return ()
        return (
            access.database()
            .scalars(
                sa.select(ServiceRequest)
                .where(ServiceRequest.shop_id == shop.id)
                .order_by(ServiceRequest.submitted_at.desc())
                .limit(10)
            )
            .all()
        )

    def months(self, shop: Shop) -> Any:
        return list_shop_months(
            access.database().connection(), shop_id=shop.id, limit=MONTHS_ON_SHOP_PAGE
        )

    def readings_url(self, device_id: int) -> str:
        return url_for("readings.index", device=device_id)

    def format(self) -> Any:
        return formats
