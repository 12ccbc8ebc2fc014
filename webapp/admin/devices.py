"""Devices: what they are, where they hang, whether they work.

Belongs here: the pages of devices. Not here: their keys (device_keys) and forms (device_forms).
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, url_for
from flask_admin import expose
from flask_admin.helpers import get_form_data
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from domain.devices import DeviceKind, DeviceStatus, FeedKind
from domain.permissions import Permission
from services.operations.devices import (
    NotInMaintenance,
    NotInstalled,
    StillInstalled,
    begin_maintenance,
    end_maintenance,
    install_device,
    register_device,
    remove_device,
    replace_device,
)
from services.operations.malls import InvalidRegistration, NotRegistered
from storage.models import Device, DeviceInstallation, DeviceKey
from webapp.admin import access, filters
from webapp.admin.base import Form, RecordView
from webapp.admin.device_forms import (
    DeviceForm,
    InstallForm,
    MaintenanceForm,
    RemoveForm,
    ReplaceForm,
)
from webapp.admin.device_keys import key_chip
from webapp.auth.authorisation import may, require

DEVICE = "/<int(max=9223372036854775807):device_id>"
REFUSALS = (
    InvalidRegistration,
    NotInMaintenance,
    NotInstalled,
    NotRegistered,
    StillInstalled,
)


class DeviceView(RecordView):
    permission = Permission.DEVICES_READ
    export_permission = Permission.DEVICES_EXPORT
    edit_permission = Permission.DEVICES_EDIT
    editable = creatable = True
    form_class = DeviceForm
    register = staticmethod(register_device)
    details_template = "admin/device.html"
    singular = _l("device")
    empty_title = _l("No device yet")
    empty_advice = _l("Register the tills, counters and meters whose data should come in.")
    column_list = ("code", "name", "kind", "feed_kind", "status", "last_seen_at")
    column_details_list = (
        "code",
        "name",
        "kind",
        "feed_kind",
        "last_seen_at",
        "maintenance_reason",
        "adapter",
        "serial",
        "ip_address",
        "mac_address",
        "expected_interval_minutes",
        "modulus",
        "ratio",
        "physical_maximum",
    )
    column_labels = {
        "code": _l("Code"),
        "name": _l("Name"),
        "kind": _l("Kind"),
        "feed_kind": _l("Counts by"),
        "status": _l("Status"),
        "last_seen_at": _l("Last seen"),
        "maintenance_reason": _l("In maintenance because"),
        "adapter": _l("Adapter"),
        "serial": _l("Serial number"),
        "ip_address": _l("IP address"),
        "mac_address": _l("MAC address"),
        "expected_interval_minutes": _l("Expected every (minutes)"),
        "modulus": _l("Modulus"),
        "ratio": _l("Ratio (CT/PT)"),
        "physical_maximum": _l("Highest believable value per hour"),
    }
    column_searchable_list = ("code", "name", "serial")
    column_default_sort = "code"
    list_filters = (
        filters.by_enum("kind", _l("Kind"), Device.kind, DeviceKind),
        filters.by_enum("status", _l("Status"), Device.status, DeviceStatus),
        filters.by_enum("feed", _l("Counts by"), Device.feed_kind, FeedKind),
    )

    def facts(self, model: Device) -> list[tuple[Any, Any]]:
        """The reason is a fact only while there is one."""
        reason = self.column_labels["maintenance_reason"]
        return [
            (label, value)
            for label, value in super().facts(model)
            if label != reason or model.maintenance_reason
        ]

    def installations(self, device: Device) -> list[DeviceInstallation]:
        """The newest first."""
        return list(
            access.database().scalars(
                sa.select(DeviceInstallation)
                .where(DeviceInstallation.device_id == device.id)
                .options(joinedload(DeviceInstallation.shop))
                .order_by(DeviceInstallation.installed_date.desc(), DeviceInstallation.id.desc())
            )
        )

    def hangs(self, device: Device) -> bool:
        return any(one.removed_date is None for one in self.installations(device))

    def keys(self, device: Device) -> list[DeviceKey]:
        """The newest first; a key itself is shown once, when it is made."""
        if not self.may_manage_keys():
            return []
        return list(
            access.database().scalars(
                sa.select(DeviceKey)
                .where(DeviceKey.device_id == device.id)
                .order_by(DeviceKey.created_at.desc(), DeviceKey.id.desc())
            )
        )

    def key_chip(self, key: DeviceKey) -> Any:
        return key_chip(key, self.now())

    def may_manage_keys(self) -> bool:
        return may(Permission.DEVICE_KEYS_MANAGE)

    # -- deeds ------------------------------------------------------------------------------

    @expose(f"{DEVICE}/install", methods=("GET", "POST"))
    def install(self, device_id: int) -> Any:
        form = InstallForm(get_form_data())
        return self._deed(
            device_id,
            form,
            title=_("Install"),
            consequence=_(
                "From the first day on its readings count at this place. Days gone by are "
                "computed again."
            ),
            work=lambda: install_device(
                access.database(),
                device_id=device_id,
                shop_id=int(form.shop.data) if form.shop.data else None,
                zone=(form.zone.data or "").strip(),
                installed_date=form.installed_date.data,
                initial_register=form.initial_register.data,
                now=self.now(),
            ),
            done=_("The device is installed."),
        )

    @expose(f"{DEVICE}/remove", methods=("GET", "POST"))
    def remove(self, device_id: int) -> Any:
        form = RemoveForm(get_form_data())
        return self._deed(
            device_id,
            form,
            title=_("Take down"),
            consequence=_(
                "After the last day its readings count nowhere. Days gone by are computed again."
            ),
            work=lambda: remove_device(
                access.database(),
                device_id=device_id,
                removed_date=form.removed_date.data,
                final_register=form.final_register.data,
                now=self.now(),
            ),
            done=_("The device is taken down."),
            is_dangerous=True,
        )

    @expose(f"{DEVICE}/replace", methods=("GET", "POST"))
    def replace(self, device_id: int) -> Any:
        device = self.get_one(device_id)
        form = ReplaceForm(get_form_data())
        form.successor.choices = self._successors(device)
        return self._deed(
            device_id,
            form,
            title=_("Replace"),
            consequence=_(
                "The new device hangs where the old one hung. Usage of that day is counted on both "
                "dials, so both registers are needed for a meter."
            ),
            work=lambda: replace_device(
                access.database(),
                device_id=device_id,
                successor_id=form.successor.data,
                day=form.day.data,
                final_register=form.final_register.data,
                initial_register=form.initial_register.data,
                now=self.now(),
            ),
            done=_("The device is replaced."),
        )

    @expose(f"{DEVICE}/maintenance", methods=("GET", "POST"))
    def maintenance(self, device_id: int) -> Any:
        form = MaintenanceForm(get_form_data())
        return self._deed(
            device_id,
            form,
            title=_("Begin maintenance"),
            consequence=_(
                "The device is shown in maintenance until it ends, whatever it sends. What it "
                "sends is kept as always."
            ),
            work=lambda: begin_maintenance(
                access.database(), device_id=device_id, reason=form.reason.data
            ),
            done=_("The device is in maintenance."),
        )

    @expose(f"{DEVICE}/end-maintenance", methods=("POST",))
    def end_maintenance(self, device_id: int) -> Any:
        require(Permission.DEVICES_EDIT)
        self.get_one(device_id)
        session = access.database()
        try:
            end_maintenance(session, device_id=device_id, now=self.now())
            session.commit()
            flash(_("Maintenance has ended."), "success")
        except NotInMaintenance:
            session.rollback()
            flash(_("The device is not in maintenance."), "error")
        return redirect(url_for(".details_view", id=device_id))

    def _successors(self, device: Device) -> list[tuple[int, str]]:
        """Devices of its kind that hang nowhere now."""
        hanging = sa.select(DeviceInstallation.device_id).where(
            DeviceInstallation.removed_date.is_(None)
        )
        rows = (
            self.scoped_query()
            .filter(Device.kind == device.kind, Device.id != device.id, ~Device.id.in_(hanging))
            .order_by(Device.code)
        )
        return [(row.id, f"{row.code} {row.serial}".strip()) for row in rows]

    def _deed(
        self,
        device_id: int,
        form: Form,
        *,
        title: str,
        consequence: str,
        work: Callable[[], Any],
        done: str,
        is_dangerous: bool = False,
    ) -> Any:
        """A page that says what will happen and asks what it must know; then the deed."""
        require(Permission.DEVICES_EDIT)
        device = self.get_one(device_id)
        refusal = ""
        if self.validate_form(form):
            session = access.database()
            try:
                work()
                session.commit()
                flash(done, "success")
                return redirect(url_for(".details_view", id=device_id))
            except REFUSALS as error:
                session.rollback()
                refusal = _why(error)
                device = self.get_one(device_id)
        return self.render(
            "admin/deed.html",
            crumb=(device.code, url_for(".details_view", id=device_id)),
            form=form,
            title=title,
            consequence=consequence,
            refusal=refusal,
            is_dangerous=is_dangerous,
            cancel_url=url_for(".details_view", id=device_id),
        )


def _why(error: Exception) -> str:
    if isinstance(error, StillInstalled):
        return _("It hangs somewhere on that day; take it down first.")
    if isinstance(error, NotInstalled):
        return _("It hangs nowhere.")
    return _("It was not saved: it contradicts what is already recorded.")
