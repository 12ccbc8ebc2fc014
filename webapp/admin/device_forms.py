"""What people fill in about devices: where they hang, why they rest, how their keys live."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DecimalField,
    FieldList,
    FormField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
    ValidationError,
)
from wtforms import Form as WtForm
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from domain.devices import METRICS_OF_KIND, Adapter, DeviceKind, FeedKind, Metric
from services.operations.device_rules import DeviceDraft, FieldFault, can_count
from storage.models import Device
from webapp.admin import access, filters, labels
from webapp.admin.base import DayField, Form
from webapp.words.devices import fault_sentence

GREATEST_REGISTER = 10**12 - 1
# Cities, not the aliases of their zones.
ZONE = re.compile(
    r"(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[\w/+-]+"
)


NOT_COUNTED = "-"
BLANK_ROWS = 2


def _zone_choices() -> list[tuple[str, Any]]:
    named = sorted(zone for zone in available_timezones() if ZONE.fullmatch(zone))
    return [("", _l("The mall's")), *((zone, zone) for zone in [*named, "UTC"])]


class DirectionRow(WtForm):
    """One word of a vendor and what it means here."""

    label = StringField(
        _l("Label"), [Length(max=120)], render_kw={"list": "labels", "autocomplete": "off"}
    )
    to = SelectField(
        _l("Counts as"),
        choices=lambda: [
            ("", _("As the adapter understands it")),
            (NOT_COUNTED, _("Does not count")),
            *labels.labels_of(Metric),
        ],
    )


class DeviceForm(Form):
    """What is asked about a device; beside the fields, `counts_<metric>` for each metric."""

    code = StringField(
        _l("Code"), [DataRequired(), Length(max=40)], description=_l("Unique in the mall: POS-012")
    )
    name = StringField(_l("Name"), [Length(max=120)])
    kind = SelectField(_l("Kind"), choices=lambda: labels.labels_of(DeviceKind), coerce=DeviceKind)
    adapter = SelectField(
        _l("Adapter"),
        choices=lambda: labels.labels_of(Adapter),
        default=Adapter.ATRIUM.value,
        description=_l("The language in which the device speaks."),
    )
    serial = StringField(
        _l("Serial number"),
        [Length(max=80)],
        description=_l("How it names itself. Needed, but for Atrium's own format."),
    )
    channel = StringField(
        _l("Channel"),
        [Length(max=80)],
        description=_l("The line, zone, register or till of one housing; empty where it has one."),
    )
    feed_kind = SelectField(
        _l("Counts by"),
        choices=lambda: labels.labels_of(FeedKind),
        coerce=FeedKind,
        description=_l("Intervals carry amounts, a register carries the dial, events are singles."),
    )
    expected_interval_minutes = IntegerField(
        _l("Expected every (minutes)"), [InputRequired(), NumberRange(min=1)], default=60
    )
    time_zone = SelectField(
        _l("Time zone"),
        choices=_zone_choices,
        default="",
        description=_l("Of times that the device sends without an offset."),
    )
    directions = FieldList(FormField(DirectionRow), _l("Labels"))
    modulus = DecimalField(
        _l("Modulus"),
        [Optional(), NumberRange(min=0.000001)],
        places=None,
        description=_l("Where a register rolls over to zero; only for registers."),
    )
    ratio = DecimalField(
        _l("Ratio (CT/PT)"),
        [InputRequired(), NumberRange(min=0.000001)],
        places=None,
        default=1,
        description=_l("Of all days without a ratio of their own; a change has its day."),
    )
    physical_maximum = DecimalField(
        _l("Highest believable value per hour"), [Optional(), NumberRange(min=0)], places=None
    )
    ip_address = StringField(_l("IP address"), [Length(max=45)])
    mac_address = StringField(_l("MAC address"), [Length(max=17)])

    def validate_directions(self, field: Any) -> None:
        words = [row.form.label.data.strip() for row in field if row.form.label.data]
        twice = next((word for word in words if word and words.count(word) > 1), None)
        if twice is not None:
            raise ValidationError(_("The label %(label)s stands twice.", label=twice))

    def fill(self, draft: DeviceDraft, *, sent_labels: Sequence[str] = ()) -> None:
        """Show an entry, with a row for each label that the device has sent."""
        for field in fields(draft):
            if field.name in self:
                self[field.name].data = getattr(draft, field.name)
        for metric, kind in draft.metric_kinds.items():
            self[f"counts_{metric}"].data = kind
        self.add_rows(
            {
                **dict.fromkeys(sent_labels, ""),
                **{label: to or NOT_COUNTED for label, to in draft.direction_map.items()},
            }
        )

    def add_rows(self, directions: Mapping[str, str]) -> None:
        for label, to in directions.items():
            self.directions.append_entry({"label": label, "to": to})
        for _row in range(BLANK_ROWS):
            self.directions.append_entry({"label": "", "to": ""})

    def counts(self) -> list[tuple[str, Any]]:
        """(kinds of device that measure it, field) of each metric that leaves a choice."""
        return [
            (" ".join(kind for kind, has in METRICS_OF_KIND.items() if metric in has), field)
            for metric in Metric
            if (field := self._fields.get(f"counts_{metric.value}")) is not None
        ]

    def own_fields(self) -> list[Any]:
        """The fields that are shown one below the other."""
        return [
            field
            for field in self
            if field.name != "directions" and not field.name.startswith("counts_")
        ]

    def draft(self) -> DeviceDraft:
        """The entry that the form says."""
        plain = {
            field.name: self[field.name].data for field in fields(DeviceDraft) if field.name in self
        }
        plain["code"] = (plain["code"] or "").strip()
        for name in ("name", "serial", "channel", "ip_address", "mac_address"):
            plain[name] = (plain[name] or "").strip()
        return DeviceDraft(
            **plain,
            direction_map={
                row.form.label.data.strip(): (
                    "" if row.form.to.data == NOT_COUNTED else row.form.to.data
                )
                for row in self.directions
                if (row.form.label.data or "").strip() and row.form.to.data
            },
            metric_kinds={
                metric.value: chosen
                for metric in Metric
                if (chosen := self._chosen(metric)) and metric in METRICS_OF_KIND[self.kind.data]
            },
        )

    def _chosen(self, metric: Metric) -> str:
        field = self._fields.get(f"counts_{metric.value}")
        return (field.data or "") if field is not None else ""

    def show(self, faults: Mapping[str, FieldFault]) -> None:
        """Say at each field what is wrong with it, where it says nothing yet."""
        for name, wrong in faults.items():
            at = {"direction_map": "directions", "metric_kinds": f"counts_{wrong.value}"}.get(name)
            field = self[at or name]
            if not field.errors:
                field.errors = [fault_sentence(wrong)]


def _counts_field(metric: Metric) -> SelectField:
    return SelectField(
        labels.label(metric),
        choices=lambda: [
            ("", _("As the device")),
            *((kind, word) for kind, word in labels.labels_of(FeedKind)
              if can_count(metric, FeedKind(kind))),
        ],
        default="",
    )  # fmt: skip


for _metric in Metric:
    setattr(DeviceForm, f"counts_{_metric.value}", _counts_field(_metric))


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
    floor = StringField(
        _l("Floor of the zone"),
        [Length(max=20)],
        description=_l("A shop's floor is known from its units."),
    )
    installed_date = DayField(_l("First day"), [InputRequired()])
    initial_register = _register_field(_l("First register"))

    def validate_floor(self, field: Any) -> None:
        if (field.data or "").strip() and self.shop.data:
            raise ValidationError(_("A shop's floor is known from its units; leave this empty."))

    def validate_shop(self, field: Any) -> None:
        if bool(field.data) == bool((self.zone.data or "").strip()):
            raise ValidationError(_("Name a shop or a zone, one of them."))


class RemoveForm(Form):
    removed_date = DayField(_l("Last day"), [InputRequired()])
    final_register = _register_field(_l("Last register"))


def _change_time() -> Any:
    return TimeField(
        _l("Time of the change"),
        [Optional()],
        render_kw={"type": "text", "placeholder": "14:00"},
        description=_l(
            "Where the meter is read in the course of the day: what the old dial showed before this"
            " time on the first day is left out, for its last register says it all."
        ),
    )


class ReplaceForm(Form):
    first_date = DayField(
        _l("First day of the new meter"),
        [InputRequired()],
        description=_l("The old meter's last day is the day before."),
    )
    final_register = _register_field(_l("Last register of the old meter"))
    initial_register = _register_field(_l("First register of the new meter"))
    serial = StringField(
        _l("Serial number of the new meter"),
        [Length(max=80)],
        description=_l("Empty: it is known by the same."),
    )
    changed_at = _change_time()


class RatioForm(Form):
    first_date = DayField(
        _l("First day of the new ratio"),
        [InputRequired()],
        description=_l("The old ratio's last day is the day before."),
    )
    ratio = DecimalField(
        _l("New ratio (CT/PT)"), [InputRequired(), NumberRange(min=0.000001)], places=None
    )
    register = _register_field(_l("Register at the change"))
    changed_at = _change_time()


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
