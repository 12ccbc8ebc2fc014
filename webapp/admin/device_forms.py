"""What people fill in about devices: where they hang, why they rest, how their keys live."""

from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DecimalField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from domain.devices import DeviceKind, FeedKind
from storage.models import Device
from webapp.admin import access, filters, labels
from webapp.admin.base import DayField, Form

GREATEST_REGISTER = 10**12 - 1


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


def _register_field(label: Any) -> Any:
    return DecimalField(
        label,
        [Optional(), NumberRange(min=0, max=GREATEST_REGISTER)],
        places=None,
        description=_l("What the dial shows, before the ratio; only for registers."),
    )


class InstallForm(Form):
    shop = SelectField(
        _l("Shop"),
        choices=lambda: [("", "—"), *filters.shop_options()],
        validate_choice=True,
    )
    zone = StringField(
        _l("Zone"),
        [Length(max=80)],
        description=_l("Instead of a shop. ENTRANCE…: its counter counts the mall's visitors."),
    )
    installed_date = DayField(_l("First day"), [InputRequired()])
    initial_register = _register_field(_l("First register"))

    def validate_shop(self, field: Any) -> None:
        if bool(field.data) == bool((self.zone.data or "").strip()):
            raise ValidationError(_("Name a shop or a zone, one of them."))


class RemoveForm(Form):
    removed_date = DayField(_l("Last day"), [InputRequired()])
    final_register = _register_field(_l("Last register"))


class ReplaceForm(Form):
    successor = SelectField(
        _l("New device"),
        coerce=int,
        validate_choice=True,
        description=_l("Of the same kind, and hanging nowhere; register it first."),
    )
    day = DayField(
        _l("Day of the replacement"),
        [InputRequired()],
        description=_l("The old device's last day and the new one's first."),
    )
    final_register = _register_field(_l("Last register of the old device"))
    initial_register = _register_field(_l("First register of the new device"))


class MaintenanceForm(Form):
    reason = TextAreaField(_l("Reason"), [DataRequired(), Length(max=500)], render_kw={"rows": 3})


def _device_choices() -> list[tuple[str, str]]:
    rows = (
        access.database()
        .query(Device.id, Device.code, Device.name)
        .filter(Device.mall_id == access.current_mall_id())
        .order_by(Device.code)
    )
    gateway = ("", str(_("All devices of the mall (a gateway)")))
    return [gateway, *((str(row.id), f"{row.code} {row.name}".strip()) for row in rows)]


class KeyForm(Form):
    name = StringField(
        _l("Name"),
        [DataRequired(), Length(max=120)],
        description=_l("Where the key will be kept: till at the east door"),
    )
    device = SelectField(_l("Opens"), choices=_device_choices, validate_choice=True)
    requires_signature = BooleanField(
        _l("Requires signed calls"),
        description=_l("The secret then never travels; the device must be able to sign."),
    )
    last_day = DayField(_l("Last day"), [Optional()], description=_l("Empty: until it is revoked."))

    def __init__(self, *args: Any, today: date | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def validate_last_day(self, field: Any) -> None:
        if field.data is not None and self.today is not None and field.data < self.today:
            raise ValidationError(_("This day is past."))


class RotateForm(Form):
    overlap_hours = IntegerField(
        _l("Hours in which both open"),
        [InputRequired(), NumberRange(min=0, max=720)],
        default=24,
        description=_l("0 to 720. Then the old key closes by itself."),
    )
