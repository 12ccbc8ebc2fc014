"""Devices: what they are, where they hang, whether they work.

Belongs here: the pages of devices. Not here: their keys (device_keys) and forms (device_forms).
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_admin.helpers import get_form_data, is_form_submitted
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_security import current_user
from sqlalchemy.orm import joinedload

from domain.devices import (
    METRICS_OF_KIND,
    UNIT_OF_METRIC,
    Adapter,
    DeviceKind,
    DeviceStatus,
    FeedKind,
    Metric,
)
from domain.permissions import Permission
from services.adapters.suggestions import KNOWN_LABELS
from services.operations.device_rules import DeviceDraft, can_count, faults_of
from services.operations.devices import (
    InvalidDevice,
    NotInMaintenance,
    NotInstalled,
    StillInstalled,
    begin_maintenance,
    change_device,
    end_maintenance,
    install_device,
    register_draft,
    remove_device,
)
from services.operations.malls import InvalidRegistration, NotRegistered
from services.operations.replacements import change_ratio, recomputed_dates, replace_meter
from services.queries.device_facts import open_flags, shown_last
from storage.models import Device, DeviceInstallation, DeviceKey
from webapp.admin import access, filters, labels
from webapp.admin.base import REFUSALS as BASE_REFUSALS
from webapp.admin.base import Form, RecordView
from webapp.admin.device_forms import (
    DeviceForm,
    InstallForm,
    MaintenanceForm,
    RatioForm,
    RemoveForm,
    ReplaceForm,
)
from webapp.admin.device_keys import key_chip
from webapp.auth.authorisation import may, require
from webapp.words.devices import ADAPTERS, fault_sentence

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
    details_template = "admin/device.html"
    create_template = edit_template = "admin/device_form.html"
    singular = _l("device")
    empty_title = _l("No device yet")
    empty_advice = _l("Register the tills, counters and meters whose data should come in.")
    column_list = ("code", "name", "kind", "adapter", "serial", "status", "last_seen_at")
    column_details_list = (
        "code",
        "name",
        "kind",
        "feed_kind",
        "last_seen_at",
        "maintenance_reason",
        "adapter",
        "serial",
        "channel",
        "time_zone",
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
        "channel": _l("Channel"),
        "time_zone": _l("Time zone"),
        "ip_address": _l("IP address"),
        "mac_address": _l("MAC address"),
        "expected_interval_minutes": _l("Expected every (minutes)"),
        "modulus": _l("Modulus"),
        "ratio": _l("Ratio (CT/PT)"),
        "physical_maximum": _l("Highest believable value per hour"),
    }
    column_formatters = {
        "adapter": lambda view, context, model, name: labels.label_of_value(Adapter, model.adapter),
        "time_zone": lambda view, context, model, name: model.time_zone or _("The mall's"),
    }
    column_searchable_list = ("code", "name", "serial")
    column_default_sort = "code"
    list_filters = (
        filters.by_enum("kind", _l("Kind"), Device.kind, DeviceKind),
        filters.by_enum("status", _l("Status"), Device.status, DeviceStatus),
        filters.by_enum("feed", _l("Counts by"), Device.feed_kind, FeedKind),
        filters.by_enum("adapter", _l("Adapter"), Device.adapter, Adapter),
    )

    # -- forms ------------------------------------------------------------------------------

    def create_form(self, obj: Any = None) -> Any:
        form = super().create_form(obj)
        if not is_form_submitted():
            form.add_rows({})
        return form

    def edit_form(self, obj: Any = None) -> Any:
        form = super().edit_form(obj)
        if not is_form_submitted():
            form.fill(draft_of(obj))
        return form

    def validate_form(self, form: Any) -> bool:
        """All that is wrong is said at once, what the register knows included."""
        is_valid = bool(super().validate_form(form))
        if not isinstance(form, DeviceForm) or not is_form_submitted():
            return is_valid
        session, obj = access.database(), form._obj
        if form.kind.data is None or form.feed_kind.data is None:
            return False
        if None in (form.ratio.data, form.expected_interval_minutes.data):
            return False
        faults = faults_of(
            session(),
            form.draft().tidied(),
            mall_id=access.current_mall_id(),
            device_id=obj.id if obj is not None else None,
        )
        form.show(faults)
        return is_valid and not faults

    def create_model(self, form: Any) -> Any:
        mall_id = access.current_mall_id()
        if not mall_id:
            abort(404)
        session = access.database()
        try:
            row = session.get_one(Device, register_draft(session(), form.draft(), mall_id=mall_id))
            session.commit()
        except BASE_REFUSALS:
            return self._refused(session)
        self._record("created", row, form)
        return row

    def update_model(self, form: Any, model: Any) -> bool:
        session = access.database()
        try:
            change_device(session(), form.draft(), device_id=model.id, now=self.now())
            session.commit()
        except BASE_REFUSALS:
            return self._refused(session)
        self._record("changed", model, form)
        return True

    def render(self, template: str, **kwargs: Any) -> Any:
        return super().render(template, **form_words(), **kwargs)

    # -- facts ------------------------------------------------------------------------------

    def adapter_sentence(self, device: Device) -> Any:
        return ADAPTERS[Adapter(device.adapter)] if device.adapter in list(Adapter) else ""

    def metrics(self, device: Device) -> list[tuple[Any, Any, Any]]:
        """(metric, how it counts, its unit) of what the device measures and counts."""
        draft = draft_of(device)
        return [
            (labels.label(metric), labels.label(draft.kind_of(metric)), UNIT_OF_METRIC[metric])
            for metric in Metric
            if metric in METRICS_OF_KIND[device.kind] and can_count(metric, draft.kind_of(metric))
        ]

    def directions(self, device: Device) -> list[tuple[str, Any]]:
        """(a vendor's word, what it counts as here)."""
        return [
            (label, labels.label_of_value(Metric, to) if to else _("Does not count"))
            for label, to in sorted(device.direction_map.items())
        ]

    def last_readings(self, device: Device) -> Any:
        return [
            (labels.label_of_value(Metric, row.metric), row)
            for row in shown_last(access.database()(), device_id=device.id)
        ]

    def open_flags(self, device: Device) -> int:
        return open_flags(access.database()(), device_id=device.id)

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
                floor=(form.floor.data or "").strip(),
                installed_date=form.installed_date.data,
                initial_register=form.initial_register.data,
                now=self.now(),
            ),
            done=_("The device is installed."),
            recomputed_from=form.installed_date,
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
            recomputed_from=form.removed_date,
            is_dangerous=True,
        )

    @expose(f"{DEVICE}/replace", methods=("GET", "POST"))
    def replace(self, device_id: int) -> Any:
        form = ReplaceForm(get_form_data())
        return self._deed(
            device_id,
            form,
            title=_("Replace the meter"),
            consequence=_(
                "The new meter counts in the place of the old one, under the same code. What the"
                " old dial counted to its last register and the new one from its first on is added"
                " up, so both registers are needed for a meter."
            ),
            work=lambda: replace_meter(
                access.database()(),
                device_id=device_id,
                first_date=form.first_date.data,
                final_register=form.final_register.data,
                initial_register=form.initial_register.data,
                serial=form.serial.data or "",
                changed_at=form.changed_at.data,
                actor=current_user.email,
                now=self.now(),
            ),
            done=_("The meter is replaced."),
            recomputed_from=form.first_date,
        )

    @expose(f"{DEVICE}/ratio", methods=("GET", "POST"))
    def ratio(self, device_id: int) -> Any:
        form = RatioForm(get_form_data())
        return self._deed(
            device_id,
            form,
            title=_("Change the ratio"),
            consequence=_(
                "From the first day on what the dial counts is multiplied by the new ratio; what it"
                " counted before keeps the old one."
            ),
            work=lambda: change_ratio(
                access.database()(),
                device_id=device_id,
                first_date=form.first_date.data,
                ratio=form.ratio.data,
                register=form.register.data,
                changed_at=form.changed_at.data,
                actor=current_user.email,
                now=self.now(),
            ),
            done=_("The ratio is changed."),
            recomputed_from=form.first_date,
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

    def _deed(
        self,
        device_id: int,
        form: Form,
        *,
        title: str,
        consequence: str,
        work: Callable[[], Any],
        done: str,
        recomputed_from: Any = None,
        is_dangerous: bool = False,
    ) -> Any:
        """A page that says what will happen and asks what it must know; then the deed.

        `recomputed_from` is the field of the day from which data is computed again: where there
        is such data, how much is said first, and the deed is done when that is confirmed.
        """
        require(Permission.DEVICES_EDIT)
        device = self.get_one(device_id)
        refusal = confirmation = digest = ""
        if self.validate_form(form):
            session = access.database()
            if recomputed_from is not None:
                digest = recomputed_from.data.isoformat()
                # The day before is the old dial's last.
                earlier = timedelta(days=isinstance(form, ReplaceForm | RatioForm))
                confirmation = self._recomputed(device, recomputed_from.data - earlier)
            if not confirmation or request.form.get("confirmed") == digest:
                try:
                    work()
                    session.commit()
                    flash(done, "success")
                    return redirect(url_for(".details_view", id=device_id))
                except REFUSALS as error:
                    session.rollback()
                    confirmation = ""
                    refusal = _why(error, form)
                    device = self.get_one(device_id)
        return self.render(
            "admin/deed.html",
            crumb=(device.code, url_for(".details_view", id=device_id)),
            form=form,
            title=title,
            consequence=consequence,
            confirmation=confirmation,
            confirmed=digest,
            refusal=refusal,
            is_dangerous=is_dangerous,
            cancel_url=url_for(".details_view", id=device_id),
        )

    def _recomputed(self, device: Device, first: date) -> str:
        """What a change since `first` has computed again, in a sentence; empty for nothing."""
        found = recomputed_dates(access.database()(), mall_id=device.mall_id, first=first)
        if not found.days:
            return ""
        return str(
            ngettext(
                "%(num)s day with data will be computed again, %(first)s to %(last)s.",
                "%(num)s days with data will be computed again, %(first)s to %(last)s.",
                found.days,
                first=found.first,
                last=found.last,
            )
        )


def form_words() -> dict[str, Any]:
    """What the form of an entry explains: each adapter, and what adapters call what they count."""
    return {
        "sentences": [(labels.label(adapter), said) for adapter, said in ADAPTERS.items()],
        "known_labels": sorted({label for of_one in KNOWN_LABELS.values() for label in of_one}),
    }


def draft_of(device: Device) -> DeviceDraft:
    """The entry of the register as it stands."""
    return DeviceDraft(**{field.name: getattr(device, field.name) for field in fields(DeviceDraft)})


def _why(error: Exception, form: Form) -> str:
    if isinstance(error, InvalidDevice):
        for name, wrong in error.faults.items():
            if name in form:
                form[name].errors = [fault_sentence(wrong)]
        return _("Please correct the marked fields; nothing was saved.")
    if isinstance(error, StillInstalled):
        return _("It hangs somewhere on that day; take it down first.")
    if isinstance(error, NotInstalled):
        return _("It hangs nowhere on that day.")
    if isinstance(form, ReplaceForm | RatioForm):
        return _(
            "It was not saved: both registers are needed for a meter, below its modulus; the first"
            " day must lie after that of the installation; and a new ratio must be another."
        )
    return _("It was not saved: it contradicts what is already recorded.")
