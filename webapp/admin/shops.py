"""Shops: one place to answer the phone of a tenant."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Email, Length, Optional

from domain.malls import BusinessType
from domain.permissions import Permission
from domain.renewals import RenewalState
from services.operations.malls import register_shop
from services.operations.uploads import list_uploads
from services.queries.deposit_lists import shop_deposit
from services.queries.portal_bills import Owed, get_owed
from services.queries.portal_contracts import OwnContract, current_contract, list_own_contracts
from services.queries.shops import list_shop_months
from storage.models import (
    Bill,
    Contract,
    DeviceInstallation,
    RenewalRequest,
    ServiceRequest,
    Shop,
)
from webapp.admin import access, filters, formats, labels
from webapp.admin.base import DayField, Form, RecordView
from webapp.auth.authorisation import may

MONTHS_ON_SHOP_PAGE = 13


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
    column_formatters = {
        "contact_phone": lambda view, context, model, name: formats.address(
            "tel", model.contact_phone
        ),
        "contact_email": lambda view, context, model, name: formats.address(
            "mailto", model.contact_email
        ),
    }
    column_searchable_list = ("code", "name", "contact_name", "contact_phone")
    column_default_sort = "code"
    list_filters = (filters.by_enum("type", _l("Business type"), Shop.business_type, BusinessType),)

    def title_of(self, model: Any) -> str:
        return str(model.name)

    # -- what the shop's page shows ----------------------------------------------------------

    def lease(self, shop: Shop) -> OwnContract | None:
        """The lease in force, else the next to begin, else the newest that the shop was sent."""
        found = list_own_contracts(access.database()(), shop_ids={shop.id})
        return current_contract(found, formats.today())

    def owed(self, shop: Shop) -> Owed | None:
        """What the shop owes; None for who may not see it."""
        if not may(Permission.BILLS_READ):
            return None
        return get_owed(access.database()(), shop_ids={shop.id}, today=formats.today())

    def deposit(self, shop: Shop) -> Decimal | None:
        if not may(Permission.DEPOSITS_READ):
            return None
        return shop_deposit(access.database()(), shop_id=shop.id)

    def renewal_wish(self, shop: Shop) -> RenewalRequest | None:
        """The wish to stay that waits for its answer."""
        found: RenewalRequest | None = access.database().scalar(
            sa.select(RenewalRequest).where(
                RenewalRequest.shop_id == shop.id, RenewalRequest.state == RenewalState.OPEN
            )
        )
        return found

    def may_draft(self) -> bool:
        return may(Permission.CONTRACTS_DRAFT)

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

    def format(self) -> Any:
        return formats
