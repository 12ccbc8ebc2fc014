"""What a sender probably is, by the language it speaks and its words for what it measures.

Belongs here: the guess that a form is filled with. Not here: what an adapter makes of a label
(one module each).
"""

from collections.abc import Collection

from domain.devices import METRICS_OF_KIND, Adapter, DeviceKind, FeedKind

# The labels that an adapter may hand over; those of DSMR and gateways are as many as the devices.
KNOWN_LABELS: dict[Adapter, tuple[str, ...]] = {
    Adapter.HIKVISION: ("enter", "exit"),
    Adapter.AXIS: ("in", "out"),
    Adapter.XOVIS: ("fw", "bw"),
    Adapter.MILESIGHT: ("in", "out"),
}
_KINDS: dict[Adapter, tuple[DeviceKind, FeedKind, int]] = {
    Adapter.HIKVISION: (DeviceKind.FOOTFALL, FeedKind.INTERVAL, 60),
    Adapter.AXIS: (DeviceKind.FOOTFALL, FeedKind.INTERVAL, 15),
    Adapter.XOVIS: (DeviceKind.FOOTFALL, FeedKind.INTERVAL, 15),
    Adapter.MILESIGHT: (DeviceKind.FOOTFALL, FeedKind.INTERVAL, 60),
    Adapter.POSLOG: (DeviceKind.POS, FeedKind.EVENT, 1440),
    Adapter.TECHTRANS: (DeviceKind.POS, FeedKind.EVENT, 60),
    Adapter.SHOP_DAYS: (DeviceKind.POS, FeedKind.INTERVAL, 1440),
    Adapter.NEM12: (DeviceKind.METER, FeedKind.INTERVAL, 30),
    Adapter.DSMR: (DeviceKind.METER, FeedKind.CUMULATIVE, 60),
    Adapter.GATEWAY: (DeviceKind.METER, FeedKind.CUMULATIVE, 15),
    Adapter.AI_ON_THE_EDGE: (DeviceKind.METER, FeedKind.CUMULATIVE, 60),
}


def probable(adapter: Adapter, labels: Collection[str] = ()) -> tuple[DeviceKind, FeedKind, int]:
    """Kind, how it counts and how often it speaks (minutes); what speaks our own format is known
    by its data types.
    """
    if adapter in _KINDS:
        return _KINDS[adapter]
    for kind in (DeviceKind.FOOTFALL, DeviceKind.POS, DeviceKind.METER, DeviceKind.ENVIRONMENT):
        if labels and set(labels) <= METRICS_OF_KIND[kind]:
            counts = {
                DeviceKind.METER: FeedKind.CUMULATIVE,
                DeviceKind.POS: FeedKind.EVENT,
                DeviceKind.ENVIRONMENT: FeedKind.EVENT,
            }.get(kind, FeedKind.INTERVAL)
            return kind, counts, 60
    return DeviceKind.OTHER, FeedKind.EVENT, 60
