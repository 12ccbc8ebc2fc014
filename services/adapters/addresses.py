"""Which registered device an address of a message is.

A device is known by (adapter, serial, channel). One that is registered without a channel stands
for whatever channel its messages carry, as long as they carry one and no sibling is registered.
A message that names no serial belongs to the device of the key that it came with.

Belongs here: that look-up. Not here: whether the device may say what it says (resolving).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from domain.devices import Adapter
from services.adapters.decoded import Decoded
from services.adapters.directory import DeviceEntry, MallDevices
from services.adapters.refusals import Reason, shown

Fault = tuple[Reason, str]
LONGEST_NAME = 200


def device_of(where: MallDevices, device_id: int | None) -> DeviceEntry | None:
    """The device of this id, which a key may open alone; None for a key of the whole mall."""
    if device_id is None:
        return None
    return next((d for d in where.devices.values() if d.device_id == device_id), None)


class Addresses:
    """Looks up the addresses of one message, each once, for the devices that a key opens."""

    def __init__(
        self, decoded: Decoded, adapter: Adapter, where: MallDevices, only_device_id: int | None
    ) -> None:
        self.adapter = adapter
        self.where = where
        self.only = only_device_id
        self.own = device_of(where, only_device_id)
        self.said: dict[str, set[str]] = defaultdict(set)
        for measurement in decoded.measurements:
            self.said[measurement.serial].add(measurement.channel)
        for sale in decoded.sales:
            self.said[sale.serial].add(sale.channel)
        self.registered: dict[str, dict[str, DeviceEntry]] = defaultdict(dict)
        for (make, serial, channel), device in where.by_address.items():
            if make is adapter:
                self.registered[serial][channel] = device
        self.routes: dict[tuple[str, str], DeviceEntry | Fault] = {}

    def device(self, serial: str, channel: str) -> DeviceEntry | Fault:
        """The device, or why what this address says cannot be taken."""
        route = self.routes.get((serial, channel))
        if route is None:
            route = self.routes[serial, channel] = self._route(serial, channel)
        return route

    def _route(self, serial: str, channel: str) -> DeviceEntry | Fault:
        if not serial:
            return self._of_the_key(channel)
        device = self._match(self.registered.get(serial, {}), serial, channel)
        if device is None and not _could_be_registered(serial, channel):
            return (
                Reason.BAD_TEXT,
                f"the serial is {shown(serial)}{_and_channel(channel)}; expected at most "
                f"{LONGEST_NAME} printable characters each",
            )
        if device is None:
            return (
                Reason.UNKNOWN_DEVICE,
                f"no {self.adapter.value} device with the serial {shown(serial)}"
                f"{_and_channel(channel)} is registered in mall {self.where.mall.code}; register "
                "it, then release this",
            )
        if self.only not in (None, device.device_id):
            return (
                Reason.FOREIGN_DEVICE,
                f"the serial {shown(serial)}{_and_channel(channel)} is {device.code}; this key "
                "opens another device only",
            )
        return device

    def _match(
        self, known: Mapping[str, DeviceEntry], serial: str, channel: str
    ) -> DeviceEntry | None:
        if channel in known:
            return known[channel]
        if known.keys() == {""} and len(self.said[serial]) == 1:
            return known[""]
        return None

    def _of_the_key(self, channel: str) -> DeviceEntry | Fault:
        if self.own is None:
            return (
                Reason.UNKNOWN_DEVICE,
                "the message names no serial; expected a key that opens the one device it is of",
            )
        own = self.own
        if own.adapter is not self.adapter:
            return (
                Reason.WRONG_FEED,
                f"{own.code}, the device of this key, is registered as {own.adapter.value}; "
                f"expected {self.adapter.value}",
            )
        if channel != own.channel and (own.channel or len(self.said[""]) > 1):
            return (
                Reason.UNKNOWN_DEVICE,
                f"the message names no serial, and the channel {shown(channel)}; {own.code}, the "
                f"device of this key, is registered with the channel {shown(own.channel)}",
            )
        return own

    def heard(self, serials: frozenset[str]) -> Iterator[DeviceEntry]:
        """Devices of these serials that the key opens, whichever of their channels spoke."""
        for serial in serials:
            if not serial and self.own is not None and self.own.adapter is self.adapter:
                yield self.own
            for device in self.registered.get(serial, {}).values():
                if self.only in (None, device.device_id):
                    yield device


def _could_be_registered(serial: str, channel: str) -> bool:
    return (serial + channel).isprintable() and max(len(serial), len(channel)) <= LONGEST_NAME


def _and_channel(channel: str) -> str:
    return f" and the channel {shown(channel)}" if channel else ""
