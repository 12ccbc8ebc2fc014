"""The API's own format: one reading, an array of them, or one a line (NDJSON).

Smallest form: `{"device_id": "POS001", "data_type": "sales", "value": 1500.00,
"timestamp": "2026-01-16T14:30:00Z"}`; `interval_end` and `unit` may follow. Strict: an unknown or
a doubled field, NaN, Infinity and deep nesting are refused, reading by reading. A body that is no
JSON at all is refused whole.
"""

import codecs
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

import msgspec

from domain.devices import (
    COUNT_METRICS,
    METRICS_OF_KIND,
    MONEY_METRICS,
    UNIT_OF_METRIC,
    FeedKind,
    Metric,
    Quality,
)
from services.adapters.arrival import Arrival
from services.adapters.directory import DeviceEntry, MallDevices
from services.adapters.refusals import Problem, Reason, Refusal, kept_row, shown

LONGEST_INTERVAL = timedelta(days=1, hours=2)  # a day of 25 hours and some slack
GOOD, UNCERTAIN = Quality.GOOD.value, Quality.UNCERTAIN.value
NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.0{1,6})?")
REQUIRED = ("device_id", "data_type", "value", "timestamp")
OPTIONAL = ("interval_end", "unit")
EXPECTED = {
    "device_id": "the code of a device, a string such as POS001",
    "data_type": "one of " + ", ".join(Metric),
    "value": "a number such as 1500.00",
    "timestamp": "an ISO 8601 time with its offset such as 2026-01-16T14:30:00Z",
    "interval_end": "an ISO 8601 time with its offset such as 2026-01-16T15:30:00Z",
    "unit": "the unit of the data type, a string",
}
_QUOTED = {name: f'"{name}"'.encode() for name in (*REQUIRED, *OPTIONAL)}
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class JsonReading(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    device_id: str
    data_type: str
    value: Decimal
    timestamp: _Instant
    interval_end: _Instant | msgspec.UnsetType = msgspec.UNSET
    unit: str | msgspec.UnsetType = msgspec.UNSET


_ARRAY = msgspec.json.Decoder(list[JsonReading])
_ONE = msgspec.json.Decoder(JsonReading)
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class UnreadableBody(Exception):
    """The body as a whole is no readings; `problem` says where it breaks."""

    def __init__(self, code: Reason, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason)


@dataclass(slots=True)
class ParsedBatch:
    """Columns of the readings that can be written, `index` their places in the batch."""

    total: int = 0
    index: Sequence[int] = ()
    device_id: Sequence[int] = ()
    metric: Sequence[str] = ()
    interval_start: Sequence[datetime] = ()
    interval_end: Sequence[datetime] = ()
    value: Sequence[str] = ()
    quality: Sequence[str] = ()
    refusals: list[Refusal] = field(default_factory=list)
    uncertain: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key opens: the devices of one mall, or one of them."""

    where: MallDevices
    device_id: int | None = None


def parse(
    body: bytes, *, is_lines: bool, scope: Scope, arrival: Arrival, max_readings: int
) -> ParsedBatch:
    """The readings and refusals of a body; row numbers are places in the batch, from 0.

    Raises UnreadableBody when the body is empty, no JSON, or holds more than `max_readings`.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip(b" \t\r\n"):
        raise UnreadableBody(Reason.EMPTY_FILE, "the body is empty; expected one reading or more")
    try:
        readings = _decode(body, is_lines)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        readings = None
    if readings is not None and _every_field_once(body, readings):
        _check_count(len(readings), max_readings)
        batch = ParsedBatch(total=len(readings))
        judge = _Judge(scope, arrival)
        for place, reading in enumerate(readings):
            refusal = judge.take(place, reading)
            if refusal is not None:
                raw = msgspec.json.encode(reading).decode()
                batch.refusals.append(Refusal(place, kept_row(raw), *refusal))
        judge.fill(batch)
        return batch
    return _parse_one_by_one(body, is_lines, scope, arrival, max_readings)


def _decode(body: bytes, is_lines: bool) -> list[JsonReading]:
    if is_lines:
        return _ONE.decode_lines(body)
    if body.lstrip(b" \t\r\n")[:1] == b"{":
        return [_ONE.decode(body)]
    return _ARRAY.decode(body)


def _every_field_once(body: bytes, readings: list[JsonReading]) -> bool:
    """Whether no object can hold a field twice (msgspec would keep the last).

    Each reading has each required field at least once, so as many names as readings means once
    each. Escapes could hide a name: a body with one is read reading by reading.
    """
    if b"\\" in body:
        return False
    for name in REQUIRED:
        if body.count(_QUOTED[name]) != len(readings):
            return False
    for name in OPTIONAL:
        given = body.count(_QUOTED[name])
        if given and given != sum(getattr(r, name) is not msgspec.UNSET for r in readings):
            return False
    return True


def _check_count(count: int, max_readings: int) -> None:
    if count > max_readings:
        raise UnreadableBody(
            Reason.TOO_LARGE,
            f"the batch holds {count:,} readings; the limit is {max_readings:,} a call",
        )
    if count == 0:
        raise UnreadableBody(Reason.EMPTY_FILE, "the batch is empty; expected one reading or more")


def _parse_one_by_one(
    body: bytes, is_lines: bool, scope: Scope, arrival: Arrival, max_readings: int
) -> ParsedBatch:
    """The slow way: each reading is decoded alone, so that one bad one spoils no other."""
    pieces = _pieces(body, is_lines)
    _check_count(len(pieces), max_readings)
    batch = ParsedBatch(total=len(pieces))
    judge = _Judge(scope, arrival)
    for place, piece in enumerate(pieces):
        refusal = _read_alone(piece, partial(judge.take, place))
        if refusal is not None:
            text = kept_row(piece.decode("utf-8", "replace"))
            batch.refusals.append(Refusal(place, text, *refusal))
    judge.fill(batch)
    return batch


def _pieces(body: bytes, is_lines: bool) -> list[bytes]:
    if is_lines:
        return [line for line in body.split(b"\n") if line.strip(b" \t\r")]
    try:
        if body.lstrip(b" \t\r\n")[:1] == b"[":
            return [bytes(raw) for raw in _RAW_ARRAY.decode(body)]
        msgspec.json.decode(body, type=msgspec.Raw)
        return [body]
    except RecursionError:
        raise UnreadableBody(
            Reason.TOO_DEEP, "the JSON is nested too deeply; a reading is a flat object"
        ) from None
    except UnicodeDecodeError as error:
        raise UnreadableBody(Reason.BAD_TEXT, f"byte {error.start} is no UTF-8") from None
    except msgspec.DecodeError as error:
        hint = (
            "; for one reading a line send Content-Type: application/x-ndjson"
            if "trailing characters" in str(error)
            else ""
        )
        raise UnreadableBody(Reason.NOT_JSON, f"{error}{hint}") from None


def _read_alone(
    piece: bytes, take: Callable[[JsonReading], "tuple[Reason, str] | None"]
) -> tuple[Reason, str] | None:
    try:
        twice = _doubled_field(piece)
        if twice is not None:
            return Reason.DUPLICATE_FIELD, f"{shown(twice)} stands twice; expected once"
        return take(_ONE.decode(piece))
    except RecursionError:
        return Reason.TOO_DEEP, "it is nested too deeply; a reading is a flat object"
    except UnicodeDecodeError as error:
        return Reason.BAD_TEXT, f"byte {error.start} of the reading is no UTF-8"
    except msgspec.ValidationError as error:
        return _explain(str(error))
    except (msgspec.DecodeError, ValueError) as error:
        return Reason.NOT_JSON, str(error)


def _doubled_field(piece: bytes) -> str | None:
    twice: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        twice.extend(name for name in names if names.count(name) > 1)

    # Numbers stay text: a number of a million digits costs nothing here.
    json.loads(piece, object_pairs_hook=look, parse_int=str, parse_float=str)
    return twice[0] if twice else None


_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<field>[^`]*)`)?$", re.DOTALL)


def _explain(message: str) -> tuple[Reason, str]:
    """A code and a sentence for msgspec's message about one reading."""
    found = _AT.match(message)
    what, place = (found["what"], found["field"]) if found else (message, None)
    name = re.search(r"field `([^`]*)`", what)
    if "missing required field" in what and name:
        return Reason.MISSING_FIELD, f"{name[1]} is missing; expected {EXPECTED[name[1]]}"
    if "unknown field" in what and name:
        known = ", ".join((*REQUIRED, *OPTIONAL))
        return Reason.UNKNOWN_FIELD, f"{shown(name[1])} is no field; the fields are {known}"
    if place in EXPECTED:
        code = {
            "value": Reason.BAD_NUMBER,
            "timestamp": Reason.BAD_TIME,
            "interval_end": Reason.BAD_TIME,
            "unit": Reason.WRONG_UNIT,
            "data_type": Reason.UNKNOWN_METRIC,
            "device_id": Reason.UNKNOWN_DEVICE,
        }[place]
        return code, f"{place}: {what}; expected {EXPECTED[place]}"
    return Reason.NOT_AN_OBJECT, f"{what}; expected an object with {', '.join(REQUIRED)}"


class _Judge:
    """Takes readings, or says why not; then fills the batch's columns with those taken."""

    def __init__(self, scope: Scope, arrival: Arrival) -> None:
        self.scope = scope
        self.arrival = arrival
        self.taken: list[tuple[int, int, str, datetime, datetime, str, str]] = []
        self.has_lengths = False
        self.uncertain = 0
        self.routes: dict[tuple[str, str], DeviceEntry | tuple[Reason, str]] = {}
        self.earliest = arrival.earliest_certain
        self.latest = arrival.latest_certain

    def take(self, place: int, reading: JsonReading) -> tuple[Reason, str] | None:
        data_type = reading.data_type
        key = (reading.device_id, data_type)
        route = self.routes.get(key)
        if route is None:
            route = self.routes[key] = self._route(*key)
        if isinstance(route, tuple):
            return route
        start = reading.timestamp
        value = str(reading.value)
        whole = data_type in COUNT_METRICS
        if not (WHOLE_NUMBER if whole else NUMBER).fullmatch(value):
            plain = _plain(reading.value)
            if plain is None or not (WHOLE_NUMBER if whole else NUMBER).fullmatch(plain):
                return _bad_number(data_type, value)
            value = plain
        end = reading.interval_end
        if end is msgspec.UNSET:
            end = (
                start + timedelta(minutes=route.interval_minutes)
                if route.feed_kind is FeedKind.INTERVAL and start <= self.arrival.latest_possible
                else start
            )
        elif (wrong := self._wrong_interval(route, start, end)) is not None:
            return wrong
        if reading.unit is not msgspec.UNSET:
            unit = self._unit(data_type)
            if reading.unit != unit:
                return (
                    Reason.WRONG_UNIT,
                    f"unit is {shown(reading.unit)}; expected {unit} for {data_type}",
                )
        quality = GOOD
        if not (start <= self.latest and end >= self.earliest):
            if not self.arrival.is_possible(start):
                return (
                    Reason.IMPOSSIBLE_TIME,
                    f"timestamp is {start.isoformat()}; expected a time from 2000 on and at most "
                    f"a year after {self.arrival.received_at:%Y-%m-%d}",
                )
            quality = UNCERTAIN
            self.uncertain += 1
        if end is not start:
            self.has_lengths = True
        self.taken.append((place, route.device_id, data_type, start, end, value, quality))
        return None

    def fill(self, batch: ParsedBatch) -> None:
        if not self.taken:
            return
        (
            batch.index,
            batch.device_id,
            batch.metric,
            batch.interval_start,
            batch.interval_end,
            batch.value,
            batch.quality,
        ) = zip(*self.taken, strict=True)
        if not self.has_lengths:
            # One column, not two alike: it is written out once.
            batch.interval_end = batch.interval_start
        batch.uncertain = self.uncertain

    def _route(self, code: str, data_type: str) -> DeviceEntry | tuple[Reason, str]:
        device = self.scope.where.devices.get(code)
        mall = self.scope.where.mall.code
        if device is None:
            return (
                Reason.UNKNOWN_DEVICE,
                f"device_id is {shown(code)}; expected the code of a device registered in mall "
                f"{mall}",
            )
        if self.scope.device_id not in (None, device.device_id):
            return (
                Reason.FOREIGN_DEVICE,
                f"device_id is {shown(code)}; this key opens another device only",
            )
        if data_type not in UNIT_OF_METRIC:
            return (
                Reason.UNKNOWN_METRIC,
                f"data_type is {shown(data_type)}; expected {EXPECTED['data_type']}",
            )
        fitting = METRICS_OF_KIND[device.kind]
        if data_type not in fitting:
            return (
                Reason.WRONG_KIND,
                f"{code} is a device of kind {device.kind}; it measures "
                f"{', '.join(sorted(fitting))}, not {data_type}",
            )
        return device

    def _wrong_interval(
        self, device: DeviceEntry, start: datetime, end: datetime
    ) -> tuple[Reason, str] | None:
        if device.feed_kind is not FeedKind.INTERVAL:
            if end == start:
                return None
            return (
                Reason.BAD_INTERVAL,
                f"{device.code} counts as {device.feed_kind}: its readings have no length; leave "
                "interval_end out",
            )
        if timedelta(0) < end - start <= LONGEST_INTERVAL:
            return None
        return (
            Reason.BAD_INTERVAL,
            f"the interval runs from {start.isoformat()} to {end.isoformat()}; expected an end "
            "after the start and at most a day",
        )

    def _unit(self, data_type: str) -> str:
        if data_type in MONEY_METRICS:
            return self.scope.where.mall.currency
        return UNIT_OF_METRIC[Metric(data_type)]


def _plain(value: Decimal) -> str | None:
    """`1E+3` as `1000`; None for what is no number of a reading's size."""
    if not value.is_finite() or not -20 < value.adjusted() < 20:
        return None
    return f"{value.normalize() + 0:f}"


def _bad_number(data_type: str, value: str) -> tuple[Reason, str]:
    expected = (
        "a whole number of at most 12 digits"
        if data_type in COUNT_METRICS
        else "a finite number of at most 12 digits and 6 decimals"
    )
    return Reason.BAD_NUMBER, f"value is {shown(value)}; expected {expected}"
