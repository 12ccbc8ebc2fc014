"""Axis counters: the push of Retail Data (3D People Counter), and the exports of old ones.

- Push (apiVersion 0.4): intervals of `people-counts`, one item a direction. `adults` are some of
  `count` and not counted again; other kinds of measurement are skipped.
- Export of the AXIS People Counter: `{"counter": {"serial": …}, "data": {"20260305161500":
  [in, out]}}`, keyed by the local start. Its resolution is `res` (`15m`, `1h`, `24h`) where
  somebody adds it, else the shortest step between two keys.
- Export of a3dpc: `{"serial": …, "data": [{"start", "end", "in", "out"}]}`, local times.
- `live-sum` is a running total: skipped.

null, `-` and nothing are a counter that failed: missing, not 0. Times with a `Z` are used; the
local fields beside them are naive and let be. A time that is only local lies in the zone of the
device. Address: serial = 12 lower-case digits of the MAC; no channel. Without a serial the key
of one device names it. Labels: `in`, `out`.

Pieces: each count; a measurement or row refused or skipped as a whole is one.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from domain.devices import Metric
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.pieces import (
    Gathering,
    Unfit,
    instant,
    interval,
    local_instant,
    read_json,
    read_piece,
    serial_of,
    text_of,
    value_of,
)
from services.adapters.refusals import Reason, shown

LABELS = {"in": Metric.FOOTFALL_IN, "out": Metric.FOOTFALL_OUT}
EXPECTED = "a push of Axis Retail Data, or an export of counts"
MISSING = ("", "-", "–", "−", "null")
RESOLUTIONS = {
    "1m": timedelta(minutes=1),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
}
UTC_ZONE = ZoneInfo("UTC")


class _Named(msgspec.Struct):
    serial: str | None = None


class _Body(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    sensor: _Named | None = None
    counter: _Named | None = None
    serial: str | None = None
    timestamp: str | None = None
    res: str | None = None


class _Push(msgspec.Struct):
    measurements: list[msgspec.Raw] | None = None
    utcFrom: str | None = None
    utcTo: str | None = None


class _Counted(msgspec.Struct):
    kind: str
    items: list[msgspec.Raw] = []
    utcFrom: str | None = None
    utcTo: str | None = None


class _Item(msgspec.Struct):
    direction: str
    count: msgspec.Raw = msgspec.Raw()


class _Row(msgspec.Struct):
    start: str
    end: str
    # `in` is a word of Python.
    entered: msgspec.Raw = msgspec.field(name="in", default=msgspec.Raw())
    left: msgspec.Raw = msgspec.field(name="out", default=msgspec.Raw())


_BODY = msgspec.json.Decoder(_Body)
_PUSH = msgspec.json.Decoder(_Push)
_COUNTED = msgspec.json.Decoder(_Counted)
_ITEM = msgspec.json.Decoder(_Item)
_KEYED = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PAIR = msgspec.json.Decoder(tuple[msgspec.Raw, msgspec.Raw])
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(_Row)


def decode(body: bytes, source: Source) -> Decoded:
    """Counts of intervals. Raises Unreadable for what is no push and no export."""
    message = read_json(body, _BODY, EXPECTED)
    gathering = Gathering()
    try:
        named = (message.sensor, message.counter, message)
        given = next((one.serial for one in named if one and one.serial), "")
        serial = serial_of(given, "serial") if given else ""
    except Unfit as why:
        raise Unreadable(why.code, why.reason) from None
    data = bytes(message.data).lstrip(b" \t\r\n")
    gathering.heard.add(serial)
    if data.startswith(b"["):
        _take_rows(data, serial, source, gathering)
    elif data.startswith(b"{"):
        push = read_json(data, _PUSH, EXPECTED)
        if push.measurements is not None:
            _take_push(push, push.measurements, serial, gathering)
        else:
            rows = read_json(data, _KEYED, EXPECTED)
            _take_keyed(rows, message.res, serial, source, gathering)
    elif bytes(message.error).strip() not in (b"", b"null"):
        raise Unreadable(
            Reason.DEVICE_ERROR, f"the counter answers {shown(text_of(message.error))}"
        )
    elif message.serial and message.timestamp:
        gathering.skip()  # live-sum, a running total
    else:
        raise Unreadable(Reason.UNKNOWN_FORMAT, f"`data` is missing; expected {EXPECTED}")
    return gathering.decoded()


def _take_push(
    push: _Push, measurements: list[msgspec.Raw], serial: str, gathering: Gathering
) -> None:
    for place, raw in enumerate(measurements):
        where = f"data.measurements[{place}]"
        try:
            counted = read_piece(raw, _COUNTED, where)
            if counted.kind != "people-counts":
                gathering.skip()
                continue
            start, end = interval(
                instant(counted.utcFrom or push.utcFrom, f"{where}.utcFrom", UTC_ZONE),
                instant(counted.utcTo or push.utcTo, f"{where}.utcTo", UTC_ZONE),
                where,
            )
        except Unfit as why:
            gathering.refuse(why, text_of(raw))
            continue
        for number, item_raw in enumerate(counted.items):
            _take_item(
                item_raw, f"{where}.items[{number}]", text_of(raw), serial, start, end, gathering
            )


def _take_item(
    raw: msgspec.Raw,
    where: str,
    text: str,
    serial: str,
    start: datetime,
    end: datetime,
    gathering: Gathering,
) -> None:
    try:
        item = read_piece(raw, _ITEM, where)
        value = _present(item.count, f"{where}.count")
        label = item.direction.casefold()
        if label not in LABELS:
            raise Unfit(
                Reason.UNKNOWN_METRIC,
                f"{where}.direction is {shown(item.direction)}; expected in or out",
            )
    except Unfit as why:
        gathering.refuse(why, text_of(raw))
        return
    gathering.take_count(
        value,
        f"{where}.count",
        serial=serial,
        label=label,
        metric=LABELS[label],
        start=start,
        end=end,
        text=text,
    )


def _present(raw: msgspec.Raw, where: str) -> Decimal | str | None:
    value = value_of(raw, where)
    return None if isinstance(value, str) and value.strip() in MISSING else value


def _take_rows(data: bytes, serial: str, source: Source, gathering: Gathering) -> None:
    zone = source.zone_for(serial)
    rows: list[msgspec.Raw] = read_json(data, _ROWS, EXPECTED)
    for place, raw in enumerate(rows):
        where = f"data[{place}]"
        try:
            row = read_piece(raw, _ROW, where)
            start, end = interval(
                instant(row.start, f"{where}.start", zone),
                instant(row.end, f"{where}.end", zone),
                where,
            )
        except Unfit as why:
            gathering.refuse(why, text_of(raw))
            continue
        _take_pair((row.entered, row.left), where, serial, start, end, text_of(raw), gathering)


def _take_pair(
    pair: tuple[msgspec.Raw, msgspec.Raw],
    where: str,
    serial: str,
    start: datetime,
    end: datetime,
    text: str,
    gathering: Gathering,
) -> None:
    for label, raw in zip(LABELS, pair, strict=True):
        try:
            value = _present(raw, f"{where}.{label}")
        except Unfit as why:
            gathering.refuse(why, text)
            continue
        gathering.take_count(
            value,
            f"{where}.{label}",
            serial=serial,
            label=label,
            metric=LABELS[label],
            start=start,
            end=end,
            text=text,
        )


def _take_keyed(
    rows: dict[str, msgspec.Raw],
    res: str | None,
    serial: str,
    source: Source,
    gathering: Gathering,
) -> None:
    starts: dict[str, datetime] = {}
    for key, raw in rows.items():
        try:
            starts[key] = datetime.strptime(key, "%Y%m%d%H%M%S")  # noqa: DTZ007 - it is local
        except ValueError:
            why = Unfit(Reason.BAD_TIME, f"data has the key {shown(key)}; expected yyyymmddHHMMSS")
            gathering.refuse(why, text_of(raw))
    length = _length(list(starts.values()), res)
    zone = source.zone_for(serial)
    for key, local in starts.items():
        where = f"data.{key}"
        text = f'"{key}":{text_of(rows[key])}'
        try:
            pair = read_piece(rows[key], _PAIR, where)
            if length is None:
                raise Unfit(
                    Reason.BAD_INTERVAL,
                    f"{where}: how long the interval is cannot be told; expected "
                    f'"res": one of {", ".join(RESOLUTIONS)} beside data',
                )
            start, end = interval(
                local_instant(local, where, zone), _end(local, length, where, zone), where
            )
        except Unfit as why:
            gathering.refuse(why, text)
            continue
        _take_pair(pair, where, serial, start, end, text, gathering)


def _length(starts: list[datetime], res: str | None) -> timedelta | None:
    """The resolution that is stated, else the shortest step between two starts."""
    if res:
        return RESOLUTIONS.get(res.casefold())
    steps = (later - earlier for earlier, later in pairwise(sorted(set(starts))))
    shortest = min(steps, default=None)
    return shortest if shortest in RESOLUTIONS.values() else None


def _end(local: datetime, length: timedelta, where: str, zone: ZoneInfo) -> datetime:
    """A day ends at the same local time; what is shorter has its length whatever the clocks do."""
    try:
        if length == timedelta(days=1):
            return local_instant(local + length, where, zone)
        return local_instant(local, where, zone) + length
    except OverflowError:
        raise Unfit(Reason.BAD_TIME, f"{where} is past the end of the calendar") from None
