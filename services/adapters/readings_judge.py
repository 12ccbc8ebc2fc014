"""One reading of the API is judged: does its device exist, does what it says make sense.

Belongs here: the shape of a reading and its rules. Not here: decoding bodies (readings_json).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

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
from services.adapters.refusals import Reason, Refusal, shown

LONGEST_INTERVAL = timedelta(days=1, hours=2)  # a day of 25 hours and some slack
GOOD, UNCERTAIN = Quality.GOOD.value, Quality.UNCERTAIN.value
NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
NUMBERS = re.compile(rf"{NUMBER.pattern}(?:,{NUMBER.pattern})*")
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
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class JsonReading(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    device_id: str
    data_type: str
    value: Decimal
    timestamp: _Instant
    interval_end: _Instant | msgspec.UnsetType = msgspec.UNSET
    unit: str | msgspec.UnsetType = msgspec.UNSET


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


class Judge:
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

    def take_all_plain(self, readings: list[JsonReading], batch: ParsedBatch) -> bool:
        """Take readings without optional fields column by column, where none needs a second
        look; False, and nothing taken, where one does.
        """
        keys = {(reading.device_id, reading.data_type) for reading in readings}
        routes: dict[tuple[str, str], int] = {}
        for key in keys:
            route = self.routes[key] = self._route(*key)
            if isinstance(route, tuple) or route.feed_kind is FeedKind.INTERVAL:
                return False
            if key[1] in COUNT_METRICS:
                return False
            routes[key] = route.device_id
        starts = [reading.timestamp for reading in readings]
        if min(starts) < self.earliest or max(starts) > self.latest:
            return False
        values = [str(reading.value) for reading in readings]
        if not NUMBERS.fullmatch(",".join(values)):
            return False
        count = len(readings)
        if len(routes) == 1:
            ((_, data_type),) = keys
            batch.device_id = list(routes.values()) * count
            batch.metric = [data_type] * count
        else:
            batch.device_id = [routes[r.device_id, r.data_type] for r in readings]
            batch.metric = [reading.data_type for reading in readings]
        batch.index = range(count)
        batch.interval_start = batch.interval_end = starts
        batch.value = values
        batch.quality = [GOOD] * count
        return True

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
