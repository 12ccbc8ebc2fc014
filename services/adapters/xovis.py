"""Xovis sensors: interval pushes of version 4 and of version 5 (logics), and their other frames.

- v4: `content.element[]` of LINE or ZONE with measurements of labels `fw` and `bw`.
- v5: `logics_data.logics[].records[]` with counts named `fw` and `bw` (or `in` and `out`).
- `balance` and other fill levels are states of a moment, not flows: skipped.
- Events (v4 `values`, v5 `live_data`) count again what the intervals count: skipped, one piece a
  frame. `status_data` is skipped; its NTP offset tells how far the clock may be out.

Address: serial = the MAC in 12 lower-case digits; channel = the element's or logic's id. A v5
push need not name its sensor: then the key of one device does. Labels: those names; one that is
not known here (`fw-child`, a name of the installer's) waits for the device's direction map.

`package_info.id` counts pushes, so a gap tells that one is missing. Nothing keeps the last id
and nobody here can ask a sensor to send again: a gap shows as missing intervals (completeness).

Pieces: each value; an element, record or frame refused or skipped as a whole is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from domain.devices import Metric
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.pieces import (
    Gathering,
    Unfit,
    epoch_instant,
    instant,
    interval,
    name_of,
    read_json,
    read_piece,
    serial_of,
    text_of,
)
from services.adapters.refusals import Reason

LABELS = {
    "fw": Metric.FOOTFALL_IN,
    "bw": Metric.FOOTFALL_OUT,
    "in": Metric.FOOTFALL_IN,
    "out": Metric.FOOTFALL_OUT,
}
STATES = frozenset({"balance", "fill", "fill-level", "fill level", "occupancy"})
EXPECTED = "a push of Xovis: content, logics_data, live_data or status_data"


class _SensorInfo4(msgspec.Struct, rename="kebab"):
    serial_number: str | None = None


class _SensorInfo5(msgspec.Struct):
    serial_number: str | None = None


class _Content(msgspec.Struct):
    element: list[msgspec.Raw] = []


class _Logics(msgspec.Struct):
    logics: list[msgspec.Raw]
    sensor_info: _SensorInfo5 | None = None


class _Live(msgspec.Struct):
    frames: list[msgspec.Raw] = []
    sensor_info: _SensorInfo5 | None = None


class _Details(msgspec.Struct):
    ntp_rms_offset: Decimal | None = None


class _TimeState(msgspec.Struct):
    details: _Details = msgspec.field(default_factory=_Details)


class _Time(msgspec.Struct):
    state: _TimeState = msgspec.field(default_factory=_TimeState)


class _DeviceInfo(msgspec.Struct):
    serial: str | None = None


class _Device(msgspec.Struct):
    info: _DeviceInfo = msgspec.field(default_factory=_DeviceInfo)


class _States(msgspec.Struct):
    time: _Time = msgspec.field(default_factory=_Time)
    device: _Device = msgspec.field(default_factory=_Device)


class _Status(msgspec.Struct):
    states: _States = msgspec.field(default_factory=_States)
    sensor_info: _SensorInfo5 | None = None


class _Body(msgspec.Struct):
    content: _Content | None = None
    sensor_info: _SensorInfo4 | None = msgspec.field(name="sensor-info", default=None)
    sensor_time: msgspec.Raw = msgspec.field(name="sensor-time", default=msgspec.Raw())
    values: list[msgspec.Raw] | None = None
    logics_data: _Logics | None = None
    live_data: _Live | None = None
    status_data: _Status | None = None


class _Span(msgspec.Struct):
    start: int | str = msgspec.field(name="from")
    end: int | str = msgspec.field(name="to")


# A line or zone has records, a record has counts. Version 4 names them otherwise.
class _Line(msgspec.Struct):
    channel: int | str = msgspec.field(name="id")
    records: list[msgspec.Raw] = []


class _Record(_Span):
    counts: list[msgspec.Raw] = []


class _Count(msgspec.Struct):
    name: str
    value: Decimal | None = None


class _Line4(_Line):
    channel: int | str = msgspec.field(name="element-id")
    records: list[msgspec.Raw] = msgspec.field(name="measurement", default=[])


class _Record4(_Record):
    counts: list[msgspec.Raw] = msgspec.field(name="value", default=[])


class _Count4(_Count):
    name: str = msgspec.field(name="label")
    value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Words:
    """How a version says it: the names of its lists, for sentences, and their shapes."""

    lines: str
    line: msgspec.json.Decoder[_Line]
    channel: str
    records: str
    record: msgspec.json.Decoder[_Record]
    counts: str
    count: msgspec.json.Decoder[_Count]


class _Event(msgspec.Struct):
    serial: str | None = None


_BODY = msgspec.json.Decoder(_Body)
_EVENT = msgspec.json.Decoder(_Event)
_V4 = _Words(
    "content.element",
    msgspec.json.Decoder(_Line4),
    "element-id",
    "measurement",
    msgspec.json.Decoder(_Record4),
    "value",
    msgspec.json.Decoder(_Count4),
)
_V5 = _Words(
    "logics",
    msgspec.json.Decoder(_Line),
    "id",
    "records",
    msgspec.json.Decoder(_Record),
    "counts",
    msgspec.json.Decoder(_Count),
)


def decode(body: bytes, source: Source) -> Decoded:
    """Counts of intervals. Raises Unreadable for what is no push of a sensor."""
    message = read_json(body, _BODY, EXPECTED)
    gathering = Gathering()
    try:
        if message.content is not None:
            if not message.content.element:
                gathering.skip()
            serial = _serial(message.sensor_info)
            _take_lines(message.content.element, _V4, serial, source, gathering)
        elif message.logics_data is not None:
            serial = _serial(message.logics_data.sensor_info)
            _take_lines(message.logics_data.logics, _V5, serial, source, gathering)
        elif message.live_data is not None:
            gathering.heard.add(_serial(message.live_data.sensor_info))
            gathering.skip(max(1, len(message.live_data.frames)))
        elif message.status_data is not None:
            _hear_status(message.status_data, gathering)
        elif message.values is not None:
            _hear_events(message.values, gathering)
        elif bytes(message.sensor_time):
            gathering.heard.add(_serial(message.sensor_info))
            gathering.skip()
        else:
            raise Unreadable(Reason.UNKNOWN_FORMAT, f"expected {EXPECTED}")
    except Unfit as why:
        raise Unreadable(why.code, why.reason) from None
    return gathering.decoded()


def _serial(info: _SensorInfo4 | _SensorInfo5 | None, other: str | None = None) -> str:
    given = (info.serial_number if info else None) or other
    return serial_of(given, "the sensor's serial number") if given else ""


def _hear_status(status: _Status, gathering: Gathering) -> None:
    serial = _serial(status.sensor_info, status.states.device.info.serial)
    gathering.heard.add(serial)
    gathering.skip()
    offset = status.states.time.state.details.ntp_rms_offset
    if offset is not None and offset.is_finite():
        gathering.clock_offset_seconds[serial] = float(offset)


def _hear_events(events: list[msgspec.Raw], gathering: Gathering) -> None:
    for place, raw in enumerate(events):
        try:
            given = read_piece(raw, _EVENT, f"values[{place}]").serial
            gathering.heard.add(_serial(None, given))
        except Unfit as why:
            gathering.refuse(why, text_of(raw))
        else:
            gathering.skip()


def _take_lines(
    lines: Sequence[msgspec.Raw], words: _Words, serial: str, source: Source, gathering: Gathering
) -> None:
    gathering.heard.add(serial)
    zone = source.zone_for(serial)
    for place, raw in enumerate(lines):
        where = f"{words.lines}[{place}]"
        try:
            line = read_piece(raw, words.line, where)
            channel = name_of(line.channel, f"{where}.{words.channel}")
        except Unfit as why:
            gathering.refuse(why, text_of(raw))
            continue
        for number, record_raw in enumerate(line.records):
            inner = f"{where}.{words.records}[{number}]"
            try:
                record = read_piece(record_raw, words.record, inner)
                start, end = _span(record, inner, zone)
            except Unfit as why:
                gathering.refuse(why, text_of(record_raw))
                continue
            text = text_of(record_raw)
            for index, count_raw in enumerate(record.counts):
                at = f"{inner}.{words.counts}[{index}]"
                try:
                    counted = read_piece(count_raw, words.count, at)
                    name, value = counted.name, counted.value
                    _take(name, value, at, serial, channel, start, end, text, gathering)
                except Unfit as why:
                    gathering.refuse(why, text_of(count_raw))


def _span(given: _Span, where: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Version 4 writes ISO times, version 5 milliseconds (or ISO times, as it is set)."""
    start, end = (
        instant(value, f"{where}.{name}", zone)
        if isinstance(value, str)
        else epoch_instant(value, f"{where}.{name}")
        for name, value in (("from", given.start), ("to", given.end))
    )
    return interval(start, end, where)


def _take(
    name: str,
    value: Decimal | None,
    where: str,
    serial: str,
    channel: str,
    start: datetime,
    end: datetime,
    text: str,
    gathering: Gathering,
) -> None:
    label = name_of(name, f"{where}: its name")
    if label.casefold() in STATES:
        gathering.skip()
        return
    gathering.take_count(
        value,
        where,
        serial=serial,
        channel=channel,
        label=label,
        metric=LABELS.get(label.casefold()),
        start=start,
        end=end,
        text=text,
    )
