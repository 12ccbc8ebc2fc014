"""Devices and where they hang."""

from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DecimalField, IntegerField, SelectField, StringField
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    ValidationError,
)

from domain.devices import DeviceKind, DeviceStatus, FeedKind
from domain.permissions import Permission
from services.operations.devices import register_device
from storage.models import Device, DeviceInstallation, DeviceKey
from webapp.admin import access, filters, labels
from webapp.admin.base import Form, RecordView


class DeviceForm(Form):
    code = StringField(
        _l("Code"), [DataRequired(), Length(max=40)], description=_l("Unique in the mall: POS-012")
    )
    name = StringField(_l("Name"), [Length(max=120)])
    kind = SelectField(_l("Kind"), choices=lambda: labels.labels_of(DeviceKind), coerce=DeviceKind)
    feed_kind = SelectField(
        _l("Counts by"),
        choices=lambda: labels.labels_of(FeedKind),
        coerce=FeedKind,
        description=_l("Intervals carry amounts, a register carries the dial, events are singles."),
    )
    adapter = StringField(_l("Adapter"), [DataRequired(), Length(max=40)], default="atrium")
    serial = StringField(_l("Serial number"), [Length(max=80)])
    ip_address = StringField(_l("IP address"), [Length(max=45)])
    mac_address = StringField(_l("MAC address"), [Length(max=17)])
    expected_interval_minutes = IntegerField(
        _l("Expected every (minutes)"), [InputRequired(), NumberRange(min=1)], default=60
    )
    modulus = DecimalField(
        _l("Modulus"),
        [Optional(), NumberRange(min=0.000001)],
        places=None,
        description=_l("Where a register rolls over to zero; only for registers."),
    )
    ratio = DecimalField(
        _l("Ratio (CT/PT)"), [InputRequired(), NumberRange(min=0.000001)], places=None, default=1
    )
    physical_maximum = DecimalField(
        _l("Highest believable value per hour"), [Optional(), NumberRange(min=0)], places=None
    )

    def validate_modulus(self, field: Any) -> None:
        if field.data is not None and self.feed_kind.data != FeedKind.CUMULATIVE:
            raise ValidationError(_("Only a register rolls over; leave this empty."))


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
        "status",
        "last_seen_at",
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

    def installations(self, device: Device) -> Any:
        return (
            access.database()
            .scalars(
                sa.select(DeviceInstallation)
                .where(DeviceInstallation.device_id == device.id)
                .order_by(DeviceInstallation.installed_date.desc())
            )
            .all()
        )

    def keys(self, device: Device) -> Any:
        """Names and ages of the keys; a key itself is shown once, when it is made."""
        return (
            access.database()
            .scalars(
                sa.select(DeviceKey)
                .where(DeviceKey.device_id == device.id)
                .order_by(DeviceKey.created_at.desc())
            )
            .all()
        )
