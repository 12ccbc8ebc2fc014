"""What every staff page is made of: closed by default, scoped to the mall, written down.

Belongs here: the base classes of pages, and what their forms share. Not here: pages. A test fails
for a view that does not derive from `StaffView`.
"""

import logging
from collections.abc import Callable
from datetime import date
from typing import Any, ClassVar

from flask import Response, abort, flash, request, url_for
from flask_admin import BaseView
from flask_admin.contrib.sqla import ModelView
from flask_admin.form import BaseForm
from flask_babel import gettext as _
from flask_security import current_user
from sqlalchemy.exc import IntegrityError
from wtforms import DateField, ValidationError
from wtforms.widgets import TextInput

from domain.permissions import Permission
from services.operations.malls import AlreadyRegistered, InvalidRegistration, NotRegistered
from webapp.admin import access, formats
from webapp.admin.filters import Filter, row_id
from webapp.auth.authorisation import ask_to_sign_in, may
from webapp.auth.freshness import require_fresh
from webapp.downloads import csv_download
from webapp.errors import page
from webapp.runtime import runtime

# What a use-case or the database answers to a row that cannot be.
REFUSALS = (AlreadyRegistered, InvalidRegistration, NotRegistered, IntegrityError)

audit_log = logging.getLogger("atrium.audit")


class StaffView(BaseView):
    """A page for staff: who has `permission` may open it, and without one nobody may."""

    permission: ClassVar[Permission | None] = None

    def is_accessible(self) -> bool:
        return self.permission is not None and may(self.permission)

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Any:
        return page(403) if current_user.is_authenticated else ask_to_sign_in()

    def now(self) -> Any:
        return runtime().clock.now()


class Form(BaseForm):
    """A form of ours: the CSRF token is the application's, checked before any view runs."""


class DayField(DateField):
    """A date as text, 2026-01-31, with a calendar in the page's language (static/dates.js)."""

    widget = TextInput()

    def __init__(self, label: Any = None, validators: Any = None, **kwargs: Any) -> None:
        looks = {"data-date": True, "autocomplete": "off", "placeholder": "2026-01-31"}
        super().__init__(label, validators, render_kw=looks, **kwargs)


def whole_cents(form: Any, field: Any) -> None:
    """Amounts and areas are kept with two decimals: what is finer would be rounded behind one's
    back.
    """
    if field.data is not None and field.data != round(field.data, 2):
        raise ValidationError(_("Write at most %(limit)s decimals.", limit=2))


class RecordView(StaffView, ModelView):
    """A list and a page per row. Subclasses open what a person owns, column by column."""

    can_create = False
    can_edit = False
    can_delete = False
    can_view_details = True
    export_types = ("csv",)
    export_max_rows = 100_000
    simple_list_pager = True
    page_size = 50
    can_set_page_size = False
    column_display_actions = False
    column_display_pk = False
    named_filter_urls = True
    list_template = "admin/model/list.html"

    # Who may change rows and who may take them away as a file, beside who may see them.
    edit_permission: ClassVar[Permission | None] = None
    export_permission: ClassVar[Permission | None] = None
    editable: ClassVar[bool] = False
    creatable: ClassVar[bool] = False
    # The use-case that makes a row: its keyword arguments are the form's fields.
    register: ClassVar[Callable[..., int] | None] = None
    # The column that scopes a row to a mall; None for tables that are no mall's.
    mall_column: ClassVar[str | None] = "mall_id"
    list_filters: ClassVar[tuple[Filter, ...]] = ()
    numeric_columns: ClassVar[frozenset[str]] = frozenset()
    money_columns: ClassVar[frozenset[str]] = frozenset()
    # Views that ask for the password again when it was given more than fifteen minutes ago.
    fresh_views: ClassVar[frozenset[str]] = frozenset()
    # Columns of prose, which may take several lines.
    prose_columns: ClassVar[frozenset[str]] = frozenset()
    # Shown when there is no row at all, and when the filters left none.
    empty_title: Any = ""
    empty_advice: Any = ""
    singular: Any = ""
    form_class: ClassVar[type[Form] | None] = None
    edit_form_class: ClassVar[type[Form] | None] = None

    def __init__(self, model: Any, session: Any, **kwargs: Any) -> None:
        self.can_create = self.creatable
        self.can_edit = self.editable
        self.can_export = self.export_permission is not None
        super().__init__(model, session, **kwargs)

    # -- access -----------------------------------------------------------------------------

    def may_edit(self) -> bool:
        return self.editable and self.edit_permission is not None and may(self.edit_permission)

    def may_create(self) -> bool:
        return self.creatable and self.edit_permission is not None and may(self.edit_permission)

    def may_export(self) -> bool:
        return self.export_permission is not None and may(self.export_permission)

    def _handle_view(self, name: str, **kwargs: Any) -> Any:
        refused = super()._handle_view(name, **kwargs)
        if refused is not None:
            return refused
        opened = {
            "create_view": self.may_create,
            "edit_view": self.may_edit,
            "export": self.may_export,
        }
        if name in opened and not opened[name]():
            return page(403)
        if name in self.fresh_views:
            require_fresh()
        return None

    def create_blueprint(self, admin: Any) -> Any:
        """Only the doors that are used have an address; Flask-Admin's others do not exist."""
        unused = {"delete_view", "action_view", "ajax_lookup", "ajax_update"}
        if self.export_permission is None:
            unused.add("export")
        if not self.creatable:
            unused.add("create_view")
        if not self.editable:
            unused.add("edit_view")
        self._urls = [url for url in self._urls if url[1] not in unused]
        return super().create_blueprint(admin)

    # -- rows -------------------------------------------------------------------------------

    def scoped_query(self) -> Any:
        query = access.database().query(self.model)
        if self.mall_column is not None:
            column = getattr(self.model, self.mall_column)
            query = query.filter(column == access.current_mall_id())
        return query

    def get_query(self) -> Any:
        query = self.scoped_query()
        for one in self.list_filters:
            query = one.apply(query)
        return query

    def get_one(self, id: Any) -> Any:
        try:
            key = row_id(id)
        except ValueError:
            abort(404)
        row = self.scoped_query().filter(self.model.id == key).one_or_none()
        if row is None:
            abort(404)
        return row

    # -- looks ------------------------------------------------------------------------------

    def _get_list_value(
        self, context: Any, model: Any, name: str, formatters: Any, type_formatters: Any
    ) -> Any:
        formatter = formatters.get(name)
        if formatter is not None:
            return formatter(self, context, model, name)
        value = self._get_field_value(model, name)
        if name in self.money_columns:
            return formats.money(value, getattr(model, "currency", None) or self.currency())
        return formats.cell(value)

    def currency(self) -> str:
        mall = access.current_mall()
        return mall.currency if mall else "CNY"

    def is_numeric(self, name: str) -> bool:
        return name in self.numeric_columns or name in self.money_columns

    def active_filters(self) -> bool:
        return bool(request.args.get("search")) or any(one.value for one in self.list_filters)

    def title_of(self, model: Any) -> str:
        return str(model)

    def facts(self, model: Any) -> list[tuple[Any, Any]]:
        """(label, value) of the row's own columns, for its page."""
        return [
            (label, self.get_detail_value(None, model, column))
            for column, label in self._details_columns
        ]

    def get_detail_value(self, context: Any, model: Any, name: str) -> Any:
        return self._get_list_value(context, model, name, self.column_formatters, {})

    # -- forms ------------------------------------------------------------------------------

    def scaffold_form(self) -> Any:
        return self.form_class or Form

    def get_edit_form(self) -> Any:
        return self.edit_form_class or self.form_class or Form

    def validate_form(self, form: Any) -> bool:
        if not super().validate_form(form):
            return False
        code = getattr(form, "code", None)
        if code is None:
            return True
        code.data = (code.data or "").strip()
        same = self.scoped_query().filter(self.model.code == code.data)
        if form._obj is not None:
            same = same.filter(self.model.id != form._obj.id)
        if same.first() is not None:
            code.errors = [*code.errors, _("This code is taken; choose another.")]
            return False
        return True

    def create_model(self, form: Any) -> Any:
        """Register a row by its use-case; the row, or False when it was refused."""
        mall_id = access.current_mall_id()
        if self.register is None or not mall_id:
            abort(404)
        session = access.database()
        try:
            row_id = self.register(session, mall_id=mall_id, **form.data)
            session.commit()
        except REFUSALS:
            return self._refused(session)
        row = session.get(self.model, row_id)
        self._record("created", row, form)
        return row

    def update_model(self, form: Any, model: Any) -> bool:
        session = access.database()
        try:
            form.populate_obj(model)
            session.commit()
        except REFUSALS:
            return self._refused(session)
        self._record("changed", model, form)
        return True

    def _refused(self, session: Any) -> bool:
        session.rollback()
        flash(_("It was not saved: it contradicts what is already recorded."), "error")
        return False

    def _record(self, deed: str, row: Any, form: Any) -> None:
        audit_log.info(
            "%s %s %s %s: %s",
            current_user.email,
            deed,
            self.model.__tablename__,
            row.id,
            ", ".join(sorted(field.name for field in form)),
        )

    def get_save_return_url(self, model: Any, is_created: bool = False) -> str:
        return url_for(f"{self.endpoint}.details_view", id=model.id)

    # -- export -----------------------------------------------------------------------------

    def _export_csv(self, return_url: str) -> Response:
        _count, rows = self._export_data()
        columns = self._list_columns
        return csv_download(
            f"{self.endpoint}-{self.now():%Y%m%d-%H%M}.csv",
            [str(label) for _name, label in columns],
            ([self._get_field_value(row, name) for name, _label in columns] for row in rows),
            mall_id=access.current_mall_id() if self.mall_column else None,
        )


def parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
