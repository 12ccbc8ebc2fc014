"""Who may be measured by what: the malls, shops and devices that an adapter looks up.

Belongs here: the look-up and nothing else. It is loaded by services/operations/landing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from domain.devices import Adapter, DeviceKind, FeedKind, Metric
from domain.malls import MallClock


@dataclass(frozen=True, slots=True)
class MallEntry:
    mall_id: int
    code: str
    clock: MallClock
    currency: str = "CNY"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device hung from a day to a day, both included; `shop_code` is empty in a zone."""

    shop_code: str
    first: date
    last: date | None


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    device_id: int
    code: str
    kind: DeviceKind
    feed_kind: FeedKind
    interval_minutes: int = 60
    ratio: Decimal = Decimal(1)
    places: tuple[Place, ...] = ()
    adapter: Adapter = Adapter.ATRIUM
    serial: str = ""
    channel: str = ""
    time_zone: str = ""
    direction_map: Mapping[str, str] = field(default_factory=dict)
    metric_kinds: Mapping[str, str] = field(default_factory=dict)

    def kind_of(self, metric: Metric) -> FeedKind:
        """The one kind of feed that counts for this metric."""
        return FeedKind(self.metric_kinds.get(metric, self.feed_kind))

    def shop_on(self, day: date) -> str:
        """Code of the shop where the device hung on `day`; empty when it hung at none."""
        for place in self.places:
            if place.first <= day and (place.last is None or day <= place.last):
                return place.shop_code
        return ""


@dataclass(frozen=True, slots=True)
class MallDevices:
    """One mall, the codes of its shops and its devices by code."""

    mall: MallEntry
    devices: Mapping[str, DeviceEntry] = field(default_factory=dict)
    shop_codes: frozenset[str] = frozenset()
    by_address: Mapping[tuple[Adapter, str, str], DeviceEntry] = field(default_factory=dict)
    zones: Mapping[tuple[Adapter, str], ZoneInfo] = field(default_factory=dict)

    def zone_of(self, adapter: Adapter, serial: str) -> ZoneInfo | None:
        """The zone that a device of this serial was given, whatever its channel."""
        return self.zones.get((adapter, serial))


@dataclass(frozen=True, slots=True)
class DeviceDirectory:
    """Every mall by its code."""

    malls: Mapping[str, MallDevices] = field(default_factory=dict)

    def mall(self, code: str) -> MallDevices | None:
        return self.malls.get(code)
