"""Milesight people counters (VS125 and its kin): the JSON report over HTTP or MQTT.

Only one kind counts: `line_periodic_data`, people in an interval. `line_trigger_data` counts
the same people as they cross, `line_total_data` is their running total, and regions hold
people, they do not count them: all skipped.

Address: serial = `device_sn` (else the MAC in 12 lower-case digits); channel = `line_uuid` (else
the number of the line). Labels: `in`, `out` of `total`; `group`, `child` and `staff` beside it
are some of the total. A value of null is missing, not 0.

Pieces: each of in and out; what is refused or skipped as a whole is one.
"""

from decimal import Decimal

import msgspec

from domain.devices import Metric
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.pieces import (
    Gathering,
    Unfit,
    instant,
    interval,
    name_of,
    read_json,
    read_piece,
    serial_of,
    text_of,
)
from services.adapters.refusals import Reason

LABELS = {"in": Metric.FOOTFALL_IN, "out": Metric.FOOTFALL_OUT}
EXPECTED = "a report of Milesight: device_info, time_info and line_periodic_data"
_Raws = list[msgspec.Raw] | None


class _DeviceInfo(msgspec.Struct):
    device_sn: str | None = None
    device_mac: str | None = None


class _TimeInfo(msgspec.Struct):
    start_time: str | None = None
    end_time: str | None = None


class _Body(msgspec.Struct):
    device_info: _DeviceInfo
    time_info: _TimeInfo | None = None
    line_periodic_data: _Raws = None
    line_trigger_data: _Raws = None
    line_total_data: _Raws = None


class _Total(msgspec.Struct):
    # `in` is a word of Python.
    entered: Decimal | None = msgspec.field(name="in", default=None)
    left: Decimal | None = msgspec.field(name="out", default=None)


class _Line(msgspec.Struct):
    line_uuid: str | None = None
    line: int | str | None = None
    total: _Total | None = None


_BODY = msgspec.json.Decoder(_Body)
_LINE = msgspec.json.Decoder(_Line)
_FLAT = msgspec.json.Decoder(_Total)


def decode(body: bytes, source: Source) -> Decoded:
    """People in intervals, a line each. Raises Unreadable for what is no report."""
    message = read_json(body, _BODY, EXPECTED)
    gathering = Gathering()
    info = message.device_info
    try:
        serial = serial_of(info.device_sn or info.device_mac, "device_info.device_sn")
    except Unfit as why:
        raise Unreadable(why.code, why.reason) from None
    gathering.heard.add(serial)
    gathering.skip(len(message.line_trigger_data or ()) + len(message.line_total_data or ()))
    lines = message.line_periodic_data or []
    if lines:
        _take_lines(lines, message.time_info or _TimeInfo(), serial, source, gathering)
    if not gathering.total:
        gathering.skip()  # a status report, or one of regions
    return gathering.decoded()


def _take_lines(
    lines: list[msgspec.Raw],
    time: _TimeInfo,
    serial: str,
    source: Source,
    gathering: Gathering,
) -> None:
    zone = source.zone_for(serial)
    try:
        start, end = interval(
            instant(time.start_time, "time_info.start_time", zone),
            instant(time.end_time, "time_info.end_time", zone),
            "time_info",
        )
    except Unfit as why:
        for raw in lines:
            gathering.refuse(why, text_of(raw))
        return
    for place, raw in enumerate(lines):
        where = f"line_periodic_data[{place}]"
        try:
            line = read_piece(raw, _LINE, where)
            # Older firmware writes in and out without `total`.
            total = line.total or read_piece(raw, _FLAT, where)
            channel = name_of(line.line_uuid or line.line, f"{where}.line_uuid")
            if total.entered is None and total.left is None:
                raise Unfit(Reason.MISSING_FIELD, f"{where}.total is missing; expected in and out")
        except Unfit as why:
            gathering.refuse(why, text_of(raw))
            continue
        for label, value in (("in", total.entered), ("out", total.left)):
            gathering.take_count(
                value,
                f"{where}.total.{label}",
                serial=serial,
                channel=channel,
                label=label,
                metric=LABELS[label],
                start=start,
                end=end,
                text=text_of(raw),
            )
