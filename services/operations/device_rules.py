"""What a device's entry in the register must satisfy, fault by fault, before it is written.

Belongs here: the draft of an entry and its judgement. Not here: writing it (devices), how a page
says a fault in the reader's language (webapp/admin/device_forms).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from zoneinfo import available_timezones

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import (
    DECLARED_METRICS,
    METRICS_OF_KIND,
    REGISTER_METRICS,
    USED_METRICS,
    Adapter,
    DeviceKind,
    FeedKind,
    Metric,
)
from services.adapters.pieces import Unfit, serial_of
from storage.models import Device

REGISTER_OF_USED = {
    Metric.ELECTRICITY_USED: Metric.ELECTRICITY,
    Metric.WATER_USED: Metric.WATER,
    Metric.GAS_USED: Metric.GAS,
}
# What NUMERIC(18,6) and NUMERIC(12,6) hold.
GREATEST_QUANTITY = Decimal(10) ** 12
GREATEST_RATIO = Decimal(10) ** 6


class Fault(StrEnum):
    NO_CODE = "NO_CODE"
    CODE_TAKEN = "CODE_TAKEN"
    UNKNOWN_ADAPTER = "UNKNOWN_ADAPTER"
    NO_SERIAL = "NO_SERIAL"
    ADDRESS_TAKEN = "ADDRESS_TAKEN"
    ONLY_REGISTERS_ROLL = "ONLY_REGISTERS_ROLL"
    NOT_POSITIVE = "NOT_POSITIVE"
    TOO_GREAT = "TOO_GREAT"
    UNKNOWN_TIME_ZONE = "UNKNOWN_TIME_ZONE"
    NOT_MEASURED = "NOT_MEASURED"
    IMPOSSIBLE_KIND = "IMPOSSIBLE_KIND"
    COUNTS_TWICE = "COUNTS_TWICE"


_SENTENCES = {
    Fault.NO_CODE: "{value!r} is no code: it must have no blanks around it and no /",
    Fault.CODE_TAKEN: "the device {value} is registered already",
    Fault.UNKNOWN_ADAPTER: "there is no adapter {value!r}",
    Fault.NO_SERIAL: "a device that speaks {value} is known by its serial number; it is empty",
    Fault.ADDRESS_TAKEN: "this serial and channel are those of {value}",
    Fault.ONLY_REGISTERS_ROLL: "only a register rolls over, {value} does not",
    Fault.NOT_POSITIVE: "it must be above 0, not {value}",
    Fault.TOO_GREAT: "it must be below {value}",
    Fault.UNKNOWN_TIME_ZONE: "there is no time zone {value!r}",
    Fault.NOT_MEASURED: "a device of this kind does not measure {value}",
    Fault.IMPOSSIBLE_KIND: "{value} cannot count in this way",
    Fault.COUNTS_TWICE: "{value} is counted by its register too: one of them counts",
}


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field; `value` is what the sentence quotes."""

    fault: Fault
    value: str = ""

    def __str__(self) -> str:
        return _SENTENCES[self.fault].format(value=self.value)


@dataclass(frozen=True, slots=True)
class DeviceDraft:
    """An entry of the register as somebody wants it; see storage.models.Device for the fields.

    `direction_map` holds only labels that mean something else here than their adapter says;
    `metric_kinds` only metrics that count in another way than `feed_kind`.
    """

    code: str
    kind: DeviceKind
    feed_kind: FeedKind
    name: str = ""
    adapter: str = Adapter.ATRIUM.value
    serial: str = ""
    channel: str = ""
    time_zone: str = ""
    direction_map: Mapping[str, str] = field(default_factory=dict)
    metric_kinds: Mapping[str, str] = field(default_factory=dict)
    ip_address: str = ""
    mac_address: str = ""
    expected_interval_minutes: int = 60
    modulus: Decimal | None = None
    ratio: Decimal = Decimal(1)
    physical_maximum: Decimal | None = None

    def kind_of(self, metric: Metric) -> FeedKind:
        return FeedKind(self.metric_kinds.get(metric, self.feed_kind))

    def tidied(self) -> "DeviceDraft":
        """Blanks around addresses cut, and no override that says what holds anyway. A till's own
        day summary is an interval, whatever the till sends beside it.
        """
        kinds = {metric: kind for metric, kind in self.metric_kinds.items() if kind}
        if self.kind is DeviceKind.POS:
            for metric in DECLARED_METRICS:
                kinds.setdefault(metric.value, FeedKind.INTERVAL.value)
        return replace(
            self,
            serial=_as_sent(self.adapter, self.serial.strip()),
            channel=self.channel.strip(),
            direction_map={label.strip(): to for label, to in self.direction_map.items()},
            metric_kinds={
                metric: kind for metric, kind in sorted(kinds.items()) if kind != self.feed_kind
            },
        )


def _as_sent(adapter: str, serial: str) -> str:
    """The serial as the adapters hand it over: a MAC in any spelling is one serial."""
    if adapter == Adapter.ATRIUM or not serial:
        return serial
    try:
        return serial_of(serial, "serial")
    except Unfit:
        return serial


def faults_of(
    session: Session, draft: DeviceDraft, *, mall_id: int, device_id: int | None = None
) -> dict[str, FieldFault]:
    """The first fault of each field of a tidied draft, empty when it may be written.

    `device_id` is the entry that the draft replaces, or None for a new one.
    """
    found: dict[str, FieldFault] = {}
    code = draft.code
    if not code or code != code.strip() or "/" in code:
        found["code"] = FieldFault(Fault.NO_CODE, code)
    elif _other(session, mall_id, device_id, Device.code == code) is not None:
        found["code"] = FieldFault(Fault.CODE_TAKEN, code)
    found |= _address_faults(session, draft, mall_id, device_id)
    found |= _number_faults(draft)
    if draft.time_zone and draft.time_zone not in available_timezones():
        found["time_zone"] = FieldFault(Fault.UNKNOWN_TIME_ZONE, draft.time_zone)
    found |= _metric_faults(draft)
    return found


def _other(
    session: Session, mall_id: int, device_id: int | None, *conditions: sa.ColumnElement[bool]
) -> str | None:
    """Code of another device of the mall for which the conditions hold."""
    return session.scalar(
        sa.select(Device.code)
        .where(Device.mall_id == mall_id, Device.id.is_distinct_from(device_id), *conditions)
        .limit(1)
    )


def _address_faults(
    session: Session, draft: DeviceDraft, mall_id: int, device_id: int | None
) -> dict[str, FieldFault]:
    if draft.adapter not in list(Adapter):
        return {"adapter": FieldFault(Fault.UNKNOWN_ADAPTER, draft.adapter)}
    if draft.adapter == Adapter.ATRIUM:
        return {}
    if not draft.serial:
        return {"serial": FieldFault(Fault.NO_SERIAL, draft.adapter)}
    holder = _other(
        session,
        mall_id,
        device_id,
        Device.adapter == draft.adapter,
        Device.serial == draft.serial,
        Device.channel == draft.channel,
    )
    if holder is None:
        return {}
    # A second line of the same housing lacks its channel, or has the first one's.
    at = "channel" if draft.channel else "serial"
    return {at: FieldFault(Fault.ADDRESS_TAKEN, holder)}


def _number_faults(draft: DeviceDraft) -> dict[str, FieldFault]:
    found: dict[str, FieldFault] = {}
    limits = (
        ("modulus", draft.modulus, GREATEST_QUANTITY),
        ("ratio", draft.ratio, GREATEST_RATIO),
        ("physical_maximum", draft.physical_maximum, GREATEST_QUANTITY),
        ("expected_interval_minutes", Decimal(draft.expected_interval_minutes), Decimal(2**31)),
    )
    for name, value, limit in limits:
        if value is None:
            continue
        if value <= 0:
            found[name] = FieldFault(Fault.NOT_POSITIVE, f"{value}")
        elif value >= limit:
            found[name] = FieldFault(Fault.TOO_GREAT, f"{limit:f}")
    counts = {draft.feed_kind.value, *draft.metric_kinds.values()}
    if draft.modulus is not None and FeedKind.CUMULATIVE.value not in counts:
        found["modulus"] = FieldFault(Fault.ONLY_REGISTERS_ROLL, draft.feed_kind.value)
    return found


def _metric_faults(draft: DeviceDraft) -> dict[str, FieldFault]:
    found: dict[str, FieldFault] = {}
    measured = METRICS_OF_KIND[draft.kind]
    for metric, kind in draft.metric_kinds.items():
        if metric not in measured:
            found["metric_kinds"] = FieldFault(Fault.NOT_MEASURED, metric)
        elif kind not in list(FeedKind) or not can_count(Metric(metric), FeedKind(kind)):
            found["metric_kinds"] = FieldFault(Fault.IMPOSSIBLE_KIND, metric)
    if not found and draft.kind is DeviceKind.METER:
        for used, register in REGISTER_OF_USED.items():
            # Which of them the feed kind alone lets count is no choice of anybody's.
            chosen = used.value in draft.metric_kinds or register.value in draft.metric_kinds
            both = (
                draft.kind_of(used) is FeedKind.INTERVAL
                and draft.kind_of(register) is FeedKind.CUMULATIVE
            )
            if chosen and both:
                found["metric_kinds"] = FieldFault(Fault.COUNTS_TWICE, used.value)
    for to in draft.direction_map.values():
        if to and to not in measured:
            found["direction_map"] = FieldFault(Fault.NOT_MEASURED, to)
    return found


def can_count(metric: Metric, kind: FeedKind) -> bool:
    """Whether readings of this metric can be of this kind at all."""
    if metric in REGISTER_METRICS:
        return kind is FeedKind.CUMULATIVE
    if metric in USED_METRICS or metric in DECLARED_METRICS:
        return kind is FeedKind.INTERVAL
    return True
