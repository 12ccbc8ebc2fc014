"""The directory of malls, shops and devices, loaded for the adapters.

Belongs here: one read. Not here: what adapters do with it, and registering devices (devices).
"""

from collections import defaultdict
from typing import LiteralString
from zoneinfo import ZoneInfo

import psycopg

from domain.devices import Adapter, DeviceKind, FeedKind
from domain.malls import MallClock
from services.adapters.directory import DeviceDirectory, DeviceEntry, MallDevices, MallEntry, Place

MALLS: LiteralString = """
SELECT id, code, time_zone, business_day_cutoff_hour, opens_at, closes_at, currency
FROM app.malls
WHERE (%(code)s::text IS NULL OR code = %(code)s) AND (%(id)s::bigint IS NULL OR id = %(id)s)
"""
SHOPS: LiteralString = """
SELECT s.mall_id, s.code FROM app.shops s JOIN app.malls m ON m.id = s.mall_id
WHERE (%(code)s::text IS NULL OR m.code = %(code)s) AND (%(id)s::bigint IS NULL OR m.id = %(id)s)
"""
PLACES: LiteralString = """
SELECT i.device_id, coalesce(s.code, ''), i.installed_date, i.removed_date
FROM app.device_installations i
JOIN app.devices d ON d.id = i.device_id
JOIN app.malls m ON m.id = d.mall_id
LEFT JOIN app.shops s ON s.id = i.shop_id
WHERE (%(code)s::text IS NULL OR m.code = %(code)s) AND (%(id)s::bigint IS NULL OR m.id = %(id)s)
ORDER BY i.device_id, i.installed_date
"""
DEVICES: LiteralString = """
SELECT d.mall_id, d.id, d.code, d.kind, d.feed_kind, d.expected_interval_minutes, d.ratio,
       d.adapter, d.serial, d.channel, d.time_zone, d.direction_map, d.metric_kinds
FROM app.devices d JOIN app.malls m ON m.id = d.mall_id
WHERE (%(code)s::text IS NULL OR m.code = %(code)s) AND (%(id)s::bigint IS NULL OR m.id = %(id)s)
"""


def load_device_directory(
    connection: psycopg.Connection, *, mall_code: str | None = None, mall_id: int | None = None
) -> DeviceDirectory:
    """Every mall with its shops and devices, or one mall named by code or id."""
    given = {"code": mall_code, "id": mall_id}
    malls = connection.execute(MALLS, given).fetchall()
    shops: dict[int, set[str]] = defaultdict(set)
    for owner, code in connection.execute(SHOPS, given):
        shops[owner].add(code)
    places: dict[int, list[Place]] = defaultdict(list)
    for device, shop, first, last in connection.execute(PLACES, given):
        places[device].append(Place(shop, first, last))
    devices: dict[int, dict[str, DeviceEntry]] = defaultdict(dict)
    for owner, device, code, kind, feed_kind, minutes, ratio, *address in connection.execute(
        DEVICES, given
    ):
        adapter, serial, channel, time_zone, direction_map, metric_kinds = address
        devices[owner][code] = DeviceEntry(
            device_id=device,
            code=code,
            kind=DeviceKind(kind),
            feed_kind=FeedKind(feed_kind),
            interval_minutes=minutes,
            ratio=ratio,
            places=tuple(places[device]),
            adapter=Adapter(adapter),
            serial=serial,
            channel=channel,
            time_zone=time_zone,
            direction_map=direction_map,
            metric_kinds=metric_kinds,
        )
    return DeviceDirectory(
        {
            code: MallDevices(
                mall=MallEntry(
                    mall_id=id_,
                    code=code,
                    clock=MallClock(zone, cutoff, opens, closes),
                    currency=currency,
                ),
                devices=devices[id_],
                shop_codes=frozenset(shops[id_]),
                by_address={
                    (device.adapter, device.serial, device.channel): device
                    for device in devices[id_].values()
                    if device.serial and device.adapter is not Adapter.ATRIUM
                },
                zones={
                    (device.adapter, device.serial): ZoneInfo(device.time_zone)
                    for device in devices[id_].values()
                    if device.time_zone
                },
            )
            for id_, code, zone, cutoff, opens, closes, currency in malls
        }
    )
