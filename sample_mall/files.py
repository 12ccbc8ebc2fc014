"""The drop-box of one month: what the mall's devices would have put there.

Belongs here: files of each feed, their names and encodings, and the faults that are planted
among them. Not here: landing them.
"""

import gzip
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from itertools import groupby

from domain.devices import Feed
from sample_mall.build import SampleMall
from sample_mall.plan_devices import (
    COUNTERS,
    NEW_METER,
    SILENT_SENSORS,
    SWAPPED_METER,
    CounterPlan,
    MeterPlan,
    meters,
)
from sample_mall.plan_leases import MOVE_IN_DAY, MOVE_IN_SHOP
from sample_mall.plan_shops import AREA_OF_UNIT, CUTOFF_HOUR, MALL_CODE
from sample_mall.registers import HOUR, Dial, new_dial, opening_of, swap_of
from sample_mall.shift import add_months, days_of
from sample_mall.sources import FOOTFALL_WINDOW, read_footfall
from sample_mall.tills import TillDay, day_file_shops, till_days
from storage.objects import ObjectStore

OFFSET = "+08:00"
POS_HEADER = (
    "mall_code,shop_code,business_date,till_id,txn_count,gross_sales,refunds,discounts,tax,"
    "net_sales,currency,file_seq"
)
FOOTFALL_HEADER = "device_code,interval_start,interval_end,in,out"
METER_HEADER = "meter_no,obis,reading_ts,value,unit,quality,ct_ratio,source"

# Planted, by day of the month.
COPIED_DAY = 5  # its file lies there twice
REVISED_DAY, REVISED_SHOP, LATE_REFUND = 11, "S17", 125_000  # a refund booked late, in fen
BROKEN_DAY = 18  # rows that cannot be taken; two of them come again
BAD_NUMBER_SHOP, BAD_SUM_SHOP, UNKNOWN_TILL = "S15", "S16", "POS-999"
GBK_DAY, POPUP_TILL = 20, "快闪-01"
BOM_DAY = 21
OFFLINE_SHOP, OFFLINE_DAYS = "S35", (22, 23)  # the till never says
ESTIMATED_METER, ESTIMATED_DAY = "EM-L2-05", 9
PACKED_COUNTER = "CNT-02"


@dataclass(frozen=True, slots=True)
class DropResult:
    """What was put into the drop-box: files (markers not counted) and their rows."""

    files: int
    rows: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file to drop: `lines` gives its header and rows when it is wanted."""

    feed: Feed
    name: str
    lines: Callable[[], list[str]]
    encoding: str = "utf-8"
    has_marker: bool = False

    @property
    def key(self) -> str:
        return f"inbox/{MALL_CODE}/{self.feed}/{self.name}"


def drop_files(store: ObjectStore, *, mall: SampleMall, month: date) -> DropResult:
    """Put the month's files into the drop-box, those that are neither there nor archived.

    Late files come last. The same month always gives the same bytes. Raises SampleDataMissing
    and what the store raises.
    """
    here = {info.key for info in store.list(f"inbox/{MALL_CODE}/")}
    # archive/<yyyy>/<mm>/<sha256>-<name>: the names carry feed and month, so they are enough.
    landed = {info.key.rpartition("/")[2][65:] for info in store.list("archive/")}
    files = rows = 0
    for parcel in parcels(month.replace(day=1), mall.first_month):
        if parcel.key in here or parcel.name in landed:
            continue
        lines = parcel.lines()
        data = packed(parcel, lines)
        if parcel.has_marker:
            store.put(f"{parcel.key}.done", f"{hashlib.sha256(data).hexdigest()}\n".encode())
        store.put(parcel.key, data)
        files += 1
        rows += len(lines) - 1
    return DropResult(files=files, rows=rows)


def packed(parcel: Parcel, lines: list[str]) -> bytes:
    data = ("\n".join(lines) + "\n").encode(parcel.encoding)
    return gzip.compress(data, mtime=0) if parcel.name.endswith(".gz") else data


def parcels(month: date, first_month: date) -> Iterator[Parcel]:
    """All files of a month, in the order in which they come."""
    yield from _footfall_parcels(month)
    yield from _register_parcels(month, first_month)
    yield from _pos_parcels(month, first_month)


def _footfall_parcels(month: date) -> Iterator[Parcel]:
    for counter in COUNTERS:
        if counter.sensor in SILENT_SENSORS:
            continue
        packing = ".gz" if counter.code == PACKED_COUNTER else ""
        yield Parcel(
            Feed.FOOTFALL_HOURS,
            f"footfall-{counter.code}-{month:%Y-%m}.csv{packing}",
            partial(_footfall_lines, counter, month),
        )


def _footfall_lines(counter: CounterPlan, month: date) -> list[str]:
    return [FOOTFALL_HEADER, *_footfall_rows(counter, month)]


def _footfall_rows(counter: CounterPlan, month: date) -> Iterator[str]:
    """Hours of the business month as the sensor gave them: an hour without a value has no row."""
    shift = FOOTFALL_WINDOW.shift(month)
    begin, end = opening_of(month) + HOUR, opening_of(add_months(month, 1)) + HOUR
    for count in read_footfall():
        start = count.start + shift
        if count.sensor != counter.sensor or count.passed is None or not begin <= start < end:
            continue
        walked_in, walked_out = in_and_out(count.passed, counter.factor, start.hour)
        yield (
            f"{counter.code},{start.isoformat()}{OFFSET},{(start + HOUR).isoformat()}{OFFSET},"
            f"{walked_in},{walked_out}"
        )


def in_and_out(passed: int, factor: Decimal, hour: int) -> tuple[int, int]:
    """Who came and who left: of every hundred, 60 come at six in the morning, 40 at eleven at
    night, and 35 in the night between.
    """
    seen = int((passed * factor).to_integral_value(ROUND_HALF_UP))
    percent = 35 if hour < 6 else 60 - (hour - 6) * 20 // 17
    walked_in = (seen * percent + 50) // 100
    return walked_in, seen - walked_in


def _register_parcels(month: date, first_month: date) -> Iterator[Parcel]:
    opening = opening_of(month)
    before = month - timedelta(days=1)
    yield Parcel(
        Feed.METER_REGISTERS,
        f"registers-{before:%Y-%m-%d}-opening.csv",
        partial(_register_lines, [opening], month, first_month),
    )
    for day in days_of(month):
        start = datetime.combine(day, datetime.min.time()) + timedelta(hours=CUTOFF_HOUR)
        hours = [start + at * HOUR for at in range(24)]
        yield Parcel(
            Feed.METER_REGISTERS,
            f"registers-{day:%Y-%m-%d}.csv",
            partial(_register_lines, hours, month, first_month),
            has_marker=day.day % 7 == 0,
        )


def _register_lines(moments: list[datetime], month: date, first_month: date) -> list[str]:
    return [METER_HEADER, *_register_rows(moments, month, first_month)]


def _register_rows(moments: list[datetime], month: date, first_month: date) -> Iterator[str]:
    for meter in meters(AREA_OF_UNIT):
        for moment in moments:
            read = _reading(meter, moment, month, first_month)
            if read is None:
                continue
            code, register = read
            obis, unit = ("8-0:1.0.0", "m3") if meter.is_water else ("1-0:1.8.0", "kWh")
            is_estimated = code == ESTIMATED_METER and moment.day == ESTIMATED_DAY
            mark = "E" if is_estimated and moment.hour in (13, 14) else "A"
            yield (
                f"{code},{obis},{moment.isoformat()}{OFFSET},{register},{unit},{mark},"
                f"{meter.ratio},AMR"
            )


def _reading(
    meter: MeterPlan, moment: datetime, month: date, first_month: date
) -> tuple[str, Decimal] | None:
    """The meter that hangs there at the moment, and its register."""
    moves_in = datetime.combine(first_month, datetime.min.time()) + timedelta(
        days=MOVE_IN_DAY - 1, hours=CUTOFF_HOUR
    )
    if meter.shop == MOVE_IN_SHOP and moment < moves_in:
        return None
    dial = Dial(meter, first_month, month)
    if meter.code == SWAPPED_METER and moment >= swap_of(first_month):
        return NEW_METER, new_dial(dial)(moment)
    return meter.code, dial.at(moment)


def _pos_parcels(month: date, first_month: date) -> Iterator[Parcel]:
    rows = [day for shop in day_file_shops() for day in till_days(shop, month, first_month)]
    rows.sort(key=lambda row: (row.day, row.shop.code))
    days = {day: list(of_day) for day, of_day in groupby(rows, key=lambda row: row.day)}
    for day, of_day in days.items():
        encoding = {GBK_DAY: "gbk", BOM_DAY: "utf-8-sig"}.get(day.day, "utf-8")
        yield Parcel(
            Feed.POS_DAYS,
            f"pos-{day:%Y-%m-%d}.csv",
            partial(_day_lines, of_day),
            encoding,
            has_marker=True,
        )
    copied = days[month.replace(day=COPIED_DAY)]
    yield Parcel(
        Feed.POS_DAYS,
        f"pos-{month.replace(day=COPIED_DAY):%Y-%m-%d}_copy.csv",
        partial(_day_lines, copied),
    )
    revised = [
        replace(row, refunds=LATE_REFUND, net=row.net - LATE_REFUND)
        for row in days[month.replace(day=REVISED_DAY)]
        if row.shop.code == REVISED_SHOP
    ]
    resent = [
        row
        for row in days[month.replace(day=BROKEN_DAY)]
        if row.shop.code in (BAD_NUMBER_SHOP, BAD_SUM_SHOP)
    ]
    for again in (revised, resent):
        yield Parcel(
            Feed.POS_DAYS,
            f"resend-{again[0].day:%Y-%m-%d}.csv",
            partial(_resent_lines, again),
            has_marker=True,
        )


def _day_lines(rows: list[TillDay]) -> list[str]:
    """A day's file, with what is planted on its day."""
    day = rows[0].day
    lines = [POS_HEADER]
    for row in rows:
        if row.shop.code == OFFLINE_SHOP and day.day in OFFLINE_DAYS:
            continue
        line = _pos_row(row)
        if day.day == BROKEN_DAY and row.shop.code == BAD_NUMBER_SHOP:
            line = line.replace(money(row.gross), "12O4.50", 1)  # a letter
        if day.day == BROKEN_DAY and row.shop.code == BAD_SUM_SHOP:
            line = _pos_row(row, stated_net=row.net + 10_000)
        lines.append(line)
    if day.day == BROKEN_DAY:
        lines.append(_unknown_row(rows[0], "S99", UNKNOWN_TILL))
    if day.day == GBK_DAY:
        lines.append(_unknown_row(rows[0], "快闪店", POPUP_TILL))
        lines = [f"{line},{'备注' if not at else '晴'}" for at, line in enumerate(lines)]
    return lines


def _resent_lines(rows: list[TillDay]) -> list[str]:
    return [POS_HEADER, *(_pos_row(row, sequence=2) for row in rows)]


def _pos_row(row: TillDay, *, sequence: int = 1, stated_net: int | None = None) -> str:
    net = row.net if stated_net is None else stated_net
    return (
        f"{MALL_CODE},{row.shop.code},{row.day},{row.shop.till},{row.receipts},"
        f"{money(row.gross)},{money(row.refunds)},{money(row.discounts)},{money(row.tax)},"
        f"{money(net)},CNY,{sequence}"
    )


def _unknown_row(row: TillDay, shop_code: str, till: str) -> str:
    return (
        _pos_row(row).replace(f",{row.shop.code},", f",{shop_code},").replace(row.shop.till, till)
    )


def money(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02}"
