"""Keys of devices and gateways: made, shown once, replaced, revoked, and found when they are stale.

Belongs here: their pages. A key stands on one page, in the answer to the form that made it; it is
in no address, no cookie and no log.
"""

from datetime import datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from flask import flash, make_response, redirect, request, url_for
from flask_admin import expose
from flask_admin.helpers import get_form_data
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from domain.devices import STALE_KEY, KeyState, key_state
from domain.permissions import Permission
from services.operations.device_keys import (
    DeviceKeyError,
    create_device_key,
    revoke_device_key,
    rotate_device_key,
)
from services.operations.signing_vault import open_vault
from services.queries.device_keys import is_stale
from storage.models import DeviceKey
from webapp.admin import access, filters, formats, labels
from webapp.admin.base import RecordView
from webapp.admin.device_forms import KeyForm, RotateForm
from webapp.auth.authorisation import may, require
from webapp.auth.freshness import require_fresh
from webapp.runtime import runtime

KEY = "/<int(max=9223372036854775807):key_id>"
STALE = "STALE"


def key_chip(key: DeviceKey, now: datetime) -> Any:
    """The key's state, or that nobody uses it."""
    if is_stale(key, now):
        return formats.chip(_("Unused for 30 days"), labels.WAITING)
    return formats.enum(key_state(key.revoked_at, key.expires_at, now))


def _in_state(query: Any, value: str) -> Any:
    now = runtime().now()
    revoked, expired = DeviceKey.revoked_at <= now, DeviceKey.expires_at <= now
    is_closed = sa.func.coalesce(revoked, sa.false()) | sa.func.coalesce(expired, sa.false())
    if value == STALE:
        used = sa.func.coalesce(DeviceKey.last_used_at, DeviceKey.created_at)
        return query.filter(~is_closed, DeviceKey.revoked_at.is_(None), used < now - STALE_KEY)
    state = KeyState(value)
    if state is KeyState.REVOKED:
        return query.filter(revoked)
    if state is KeyState.EXPIRED:
        return query.filter(expired, ~sa.func.coalesce(revoked, sa.false()))
    is_closing = DeviceKey.revoked_at.is_not(None)
    return query.filter(~is_closed, is_closing if state is KeyState.CLOSING else ~is_closing)


def _of_what(query: Any, value: str) -> Any:
    is_gateway = DeviceKey.device_id.is_(None)
    return query.filter(is_gateway if value == "gateway" else ~is_gateway)


class DeviceKeyView(RecordView):
    permission = Permission.DEVICES_READ
    export_permission = Permission.DEVICES_EXPORT
    edit_permission = Permission.DEVICE_KEYS_MANAGE
    creatable = True
    fresh_views = frozenset({"create_view"})
    form_class = KeyForm
    details_template = "admin/device_key.html"
    singular = _l("device key")
    empty_title = _l("No key yet")
    empty_advice = _l("Make one for a device, or for a gateway that speaks for all of them.")
    column_auto_select_related = False
    column_list = ("name", "device", "state", "created_at", "last_used_at", "expires_at")
    column_details_list = (
        "public_id",
        "device",
        "requires_signature",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
        "replaces",
    )
    column_labels = {
        "name": _l("Name"),
        "device": _l("Opens"),
        "state": _l("State"),
        "public_id": _l("Public id"),
        "requires_signature": _l("Requires signed calls"),
        "created_at": _l("Made"),
        "last_used_at": _l("Last used"),
        "expires_at": _l("Expires"),
        "revoked_at": _l("Closes or closed"),
        "replaces": _l("Replaces"),
    }
    column_formatters = {
        "device": lambda view, context, model, name: (
            formats.record("devices", model.device) if model.device else _("All devices (gateway)")
        ),
        "state": lambda view, context, model, name: view.state_chip(model),
        "public_id": lambda view, context, model, name: formats.code(model.public_id),
        "replaces": lambda view, context, model, name: formats.record(
            "device_keys", view.neighbour(DeviceKey.id == model.replaces_id)
        ),
    }
    column_searchable_list = ("name", "public_id")
    column_sortable_list = ("name", "created_at", "last_used_at", "expires_at")
    column_default_sort = ("created_at", True)
    list_filters = (
        filters.Filter(
            "state",
            _l("State"),
            "select",
            _in_state,
            lambda: [*labels.labels_of(KeyState), (STALE, _l("Unused for 30 days"))],
        ),
        filters.Filter(
            "of",
            _l("Opens"),
            "select",
            _of_what,
            lambda: [("device", _l("One device")), ("gateway", _l("All devices (gateway)"))],
        ),
    )

    def scoped_query(self) -> Any:
        return super().scoped_query().options(joinedload(DeviceKey.device))

    def _get_field_value(self, model: Any, name: str) -> Any:
        if name == "state":
            return self.state(model)
        if name == "device":
            return model.device.code if model.device else ""
        return super()._get_field_value(model, name)

    def state(self, key: DeviceKey) -> KeyState:
        return key_state(key.revoked_at, key.expires_at, self.now())

    def state_chip(self, key: DeviceKey) -> Any:
        return key_chip(key, self.now())

    def neighbour(self, condition: Any) -> DeviceKey | None:
        found: DeviceKey | None = self.scoped_query().filter(condition).first()
        return found

    def successor(self, key: DeviceKey) -> DeviceKey | None:
        return self.neighbour(DeviceKey.replaces_id == key.id)

    def may_manage(self) -> bool:
        return may(Permission.DEVICE_KEYS_MANAGE)

    # -- deeds ------------------------------------------------------------------------------

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        zone = formats.zone()
        form = KeyForm(get_form_data(), today=formats.today())
        mall_id = access.current_mall_id()
        if request.method == "GET":
            form.device.data = request.args.get("device", "")
        if mall_id and self.validate_form(form):
            expires_at = None
            if form.last_day.data:
                expires_at = datetime.combine(
                    form.last_day.data + timedelta(days=1), time(), tzinfo=zone
                )
            session = access.database()
            plain = create_device_key(
                session,
                mall_id=mall_id,
                device_id=int(form.device.data) if form.device.data else None,
                name=form.name.data.strip(),
                now=self.now(),
                vault=open_vault(runtime().settings),
                requires_signature=form.requires_signature.data,
                expires_at=expires_at,
            )
            session.commit()
            return self._show_once(plain)
        return self.render(
            "admin/deed.html",
            crumb=None,
            form=form,
            title=_("New device key"),
            consequence=_("The key is shown once, on the next page. Have the device at hand."),
            refusal="",
            is_dangerous=False,
            cancel_url=url_for(".index_view"),
        )

    @expose(f"{KEY}/rotate", methods=("GET", "POST"))
    def rotate(self, key_id: int) -> Any:
        require(Permission.DEVICE_KEYS_MANAGE)
        require_fresh()
        key = self.get_one(key_id)
        form = RotateForm(get_form_data())
        refusal = ""
        if self.validate_form(form):
            session = access.database()
            try:
                plain = rotate_device_key(
                    session,
                    public_id=key.public_id,
                    overlap=timedelta(hours=form.overlap_hours.data),
                    now=self.now(),
                    vault=open_vault(runtime().settings),
                )
                session.commit()
                return self._show_once(plain)
            except DeviceKeyError:
                session.rollback()
                refusal = _(
                    "This key is closed, is being replaced, or replaces one that is still open; "
                    "revoke that one first."
                )
                key = self.get_one(key_id)
        return self._ask(
            key,
            form,
            title=_("Replace the key"),
            consequence=_(
                "A new key is made and shown once. Both open for the hours you choose; bring the "
                "new one to the device within them."
            ),
            refusal=refusal,
        )

    @expose(f"{KEY}/revoke", methods=("GET", "POST"))
    def revoke(self, key_id: int) -> Any:
        require(Permission.DEVICE_KEYS_MANAGE)
        key = self.get_one(key_id)
        if request.method == "POST":
            session = access.database()
            revoke_device_key(session, public_id=key.public_id, now=self.now())
            session.commit()
            flash(_("The key opens nothing any more."), "success")
            return redirect(url_for(".details_view", id=key_id))
        return self._ask(
            key,
            None,
            title=_("Revoke the key"),
            consequence=_(
                "Its very next call is refused, and it cannot be opened again. A device without "
                "another key sends nothing until it has one."
            ),
            is_dangerous=True,
        )

    def _ask(
        self,
        key: DeviceKey,
        form: Any,
        *,
        title: str,
        consequence: str,
        refusal: str = "",
        is_dangerous: bool = False,
    ) -> Any:
        back = url_for(".details_view", id=key.id)
        return self.render(
            "admin/deed.html",
            crumb=(str(key), back),
            form=form,
            title=title,
            consequence=consequence,
            refusal=refusal,
            is_dangerous=is_dangerous,
            cancel_url=back,
        )

    def _show_once(self, plain: str) -> Response:
        key = self.neighbour(DeviceKey.public_id == plain.partition("_")[0])
        page = self.render(
            "admin/key_once.html",
            plain=plain,
            model=key,
            replaced=self.neighbour(DeviceKey.id == key.replaces_id) if key else None,
            address=request.host_url.rstrip("/"),
        )
        response = make_response(page)
        response.headers["Cache-Control"] = "no-store"
        return response
