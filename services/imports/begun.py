"""The rows with which a shop's template begins: what the register knows, values left to fill in."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.devices import UNIT_OF_METRIC, Feed
from services.adapters.directory import MallDevices
from services.adapters.meter_registers import METRIC_OF_OBIS
from services.imports.shop_tables import devices_of_table, is_sent_by_hand


def begun_rows(
    feed: Feed, where: MallDevices, *, shop_code: str, now: datetime
) -> list[tuple[str, ...]]:
    """A row for each device of the shop, for the last business day that is over; of a meter one
    for each thing it may count.
    """
    mall = where.mall
    devices = [device for device in where.devices.values() if is_sent_by_hand(device)]
    day = mall.clock.business_date(now) - timedelta(days=1)
    found = devices_of_table(feed, devices)
    if feed is Feed.POS_DAYS:
        return [
            (mall.code, shop_code, day.isoformat(), device.code, *[""] * 6, mall.currency, "1")
            for device in found
        ]
    zone = ZoneInfo(mall.clock.time_zone)
    opens = datetime.combine(day, mall.clock.opens_at, zone)
    if feed is Feed.FOOTFALL_HOURS:
        closes = opens + timedelta(hours=1)
        return [(device.code, opens.isoformat(), closes.isoformat(), "", "") for device in found]
    at = now.astimezone(zone).replace(second=0, microsecond=0).isoformat()
    return [
        (device.code, obis, at, "", UNIT_OF_METRIC[metric], "A", f"{device.ratio:f}", "manual")
        for device in found
        for obis, metric in METRIC_OF_OBIS.items()
        if not device.metric_kinds or metric in device.metric_kinds
    ]
