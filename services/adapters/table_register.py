"""The register of a mall as tables that DuckDB looks up while it judges rows.

Belongs here: `mall`, `device`, `shop` and `measure`, made once for a register. Not here: rules.
"""

# The statements hold names of ours alone.
# ruff: noqa: S608

import threading
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pandas as pd

from domain.devices import METRICS_OF_KIND, MONEY_METRICS, UNIT_OF_METRIC
from services.adapters.arrival import EARLIEST, Arrival
from services.adapters.directory import MallDevices

_LIBRARY = threading.local()
MALL = """
CREATE OR REPLACE TEMP TABLE mall AS
SELECT CAST($code AS VARCHAR) AS code, CAST($currency AS VARCHAR) AS currency,
       CAST($earliest AS TIMESTAMP) AS earliest, CAST($latest AS TIMESTAMP) AS latest,
       CAST($latest_certain AS TIMESTAMP) AS latest_certain,
       CAST($earliest_certain AS TIMESTAMP) AS earliest_certain
"""


def plain_utc(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat()


def registered(where: MallDevices, arrival: Arrival) -> Any:
    """This thread's DuckDB with the mall's devices in it; they stay while the same register is
    asked for.
    """
    if not hasattr(_LIBRARY, "duck"):
        # Nothing in it reads or writes a file, or asks the network for anything.
        _LIBRARY.duck = duckdb.connect(
            config={"threads": 2, "memory_limit": "512MB", "enable_external_access": False}
        )
        _LIBRARY.duck.execute("SET enable_progress_bar = false")
        _LIBRARY.where = None
    duck = _LIBRARY.duck
    mall = where.mall
    times = (EARLIEST, arrival.latest_possible, arrival.latest_certain, arrival.earliest_certain)
    earliest, latest, latest_certain, earliest_certain = map(plain_utc, times)
    # Made for each file, so without the frame that `fill` takes.
    duck.execute(
        MALL,
        {
            "code": mall.code,
            "currency": mall.currency,
            "earliest": earliest,
            "latest": latest,
            "latest_certain": latest_certain,
            "earliest_certain": earliest_certain,
        },
    )
    if _LIBRARY.where is where:
        return duck
    _LIBRARY.where = None
    devices = where.devices.values()
    fill(
        duck,
        "place",
        ("code", "nth", "shop", "first", "last"),
        [
            (d.code, nth, p.shop_code, p.first.isoformat(), (p.last or date.max).isoformat())
            for d in devices
            for nth, p in enumerate(d.places)
        ],
    )
    fill(
        duck,
        "device",
        ("code", "device_id", "kind", "feed_kind", "minutes", "ratio"),
        [
            (d.code, str(d.device_id), d.kind.value, d.feed_kind.value, str(d.interval_minutes),
             f"{d.ratio:f}")
            for d in devices
        ],
        "code, CAST(device_id AS BIGINT) AS device_id, kind, feed_kind, "
        "CAST(minutes AS INTEGER) AS minutes, CAST(ratio AS DECIMAL(18, 6)) AS ratio, "
        "(SELECT list(struct_pack(shop := p.shop, first := CAST(p.first AS DATE), "
        "last := CAST(p.last AS DATE)) ORDER BY p.nth) FROM place p WHERE p.code = came.code) "
        "AS places",
    )  # fmt: skip
    fill(duck, "shop", ("code",), [(code,) for code in where.shop_codes])
    fill(
        duck,
        "measure",
        ("code", "metric", "kind", "unit"),
        [
            (
                device.code,
                metric.value,
                device.kind_of(metric).value,
                mall.currency if metric in MONEY_METRICS else UNIT_OF_METRIC[metric],
            )
            for device in devices
            for metric in METRICS_OF_KIND[device.kind]
        ],
    )
    _LIBRARY.where = where
    return duck


def fill(
    duck: Any, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]], said: str = "*"
) -> None:
    """Make a table of texts anew; `said` reads them as what they are."""
    frame = pd.DataFrame(
        {
            name: pd.Series([row[at] for row in rows], dtype=object)
            for at, name in enumerate(columns)
        }
    )
    typed = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in columns)
    duck.register("filling", frame)
    duck.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {said} FROM (SELECT {typed} FROM filling) "
        "AS came"
    )
    duck.unregister("filling")
