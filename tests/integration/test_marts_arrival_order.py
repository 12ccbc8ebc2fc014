"""Files of a month in any order, repeated and in pieces, give the marts of one landing in order."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from measured_mall import NOW, MeasuredMall, rows

from domain.devices import DeviceKind, FeedKind, Metric, Quality
from domain.sales import SaleKind
from services.adapters.directory import MallEntry
from services.adapters.sale_rows import SaleRow
from services.operations.cleaning import clean_touched_dates
from services.operations.readings import ReadingRows, write_readings
from services.operations.till_sales import write_sales
from storage.database import create_engine

MARCH = [date(2026, 3, 1) + timedelta(days=day) for day in range(31)]
HOUR = timedelta(hours=1)
# What says which build a row is from, not what it says.
CLOCKS = {"source_revision"}


@dataclass(frozen=True)
class File:
    """What one device sent in one piece: readings, or transactions of a till. `after` names the
    file that it corrects, which therefore came before it.
    """

    name: str
    readings: tuple[tuple[int, Metric, datetime, datetime, Decimal], ...] = ()
    sales: tuple[SaleRow, ...] = ()
    after: str = ""

    def split(self, parts: int) -> list["File"]:
        """The same rows in `parts` pieces, taken in turn."""
        return [
            replace(self, readings=self.readings[at::parts], sales=self.sales[at::parts])
            for at in range(parts)
        ]


@dataclass(frozen=True)
class Month:
    mall: MeasuredMall
    files: tuple[File, ...]

    def land(self, file: File) -> None:
        mall = MallEntry(self.mall.id, "M1", self.mall.clock)
        url = self.mall.engine.url.set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            batch = {"mall": mall, "received_at": NOW, "batch_id": uuid4().int >> 80}
            if file.readings:
                device, metric, start, end, value = zip(*file.readings, strict=True)
                write_readings(
                    connection,
                    ReadingRows(device, metric, start, end, value, [Quality.GOOD] * len(device)),
                    **batch,
                )
            if file.sales:
                write_sales(connection, file.sales, **batch)


def furnish(engine: sa.Engine) -> Month:
    """Two shops with a till of days, a till of sales with its day summary, a counter at the
    entrance, a meter of registers with a gap, one of intervals; each with a file a week or so.
    """
    mall = MeasuredMall(engine, cutoff_hour=4)
    first, second = mall.shop("S1"), mall.shop("S2")
    days_till = mall.till("P1", first)
    sales_till = mall.device("P2", DeviceKind.POS, FeedKind.EVENT, shop_id=second)
    counter = mall.counter("F1", zone="ENTRANCE")
    meter = mall.meter("E1", first, modulus="1000", maximum="60")
    intervals = mall.device("E2", DeviceKind.METER, FeedKind.INTERVAL, shop_id=second)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE app.devices SET metric_kinds = :kinds WHERE id = :id"),
            {"id": sales_till, "kinds": json.dumps({"declared_sales": "INTERVAL"})},
        )
    files: list[File] = []
    for week, days in enumerate(MARCH[at : at + 7] for at in range(0, 31, 7)):
        bounds = [mall.clock.business_day(day) for day in days]
        files.append(
            File(
                f"days-{week}",
                tuple(
                    (days_till, metric, *day, Decimal(value + at))
                    for at, day in enumerate(bounds)
                    for metric, value in ((Metric.SALES, 1000), (Metric.TRANSACTIONS, 20))
                ),
            )
        )
        # The counter is silent on the second Tuesday: three weeks are too few to estimate it.
        files.append(
            File(
                f"visitors-{week}",
                tuple(
                    (counter, metric, start + hour * HOUR, start + (hour + 1) * HOUR, Decimal(hour))
                    for day, (start, _) in zip(days, bounds, strict=True)
                    if day != date(2026, 3, 10)
                    for hour in range(6, 18)
                    for metric in (Metric.FOOTFALL_IN, Metric.FOOTFALL_OUT)
                ),
            )
        )
        files.append(
            File(
                f"dial-{week}",
                tuple(
                    (meter, Metric.ELECTRICITY, at, at, Decimal(7 * number + hour) % 1000)
                    for number, (start, _) in enumerate(bounds, 20 * week)
                    for hour in (0, 3, 6, 9)
                    for at in (start + hour * HOUR,)
                ),
            )
        )
        files.append(
            File(
                f"used-{week}",
                tuple(
                    (intervals, Metric.ELECTRICITY_USED, start, start + HOUR, Decimal("1.25"))
                    for start, _ in bounds
                ),
            )
        )
        files.append(
            File(
                f"declared-{week}",
                tuple((sales_till, Metric.DECLARED_SALES, *day, Decimal(30)) for day in bounds),
            )
        )
        files.append(
            File(
                f"sales-{week}",
                sales=tuple(
                    SaleRow(
                        device_id=sales_till,
                        business_date=day,
                        number=f"{day:%m%d}-{number}",
                        has_stated_date=True,
                        occurred_at=start + (8 + number) * HOUR,
                        kind=SaleKind.VOID if number == 3 and day.day % 5 == 0 else SaleKind.SALE,
                        gross_sales=Decimal(10 + day.day % 2),
                        refunds=Decimal(0),
                        discounts=Decimal(0),
                        tax=Decimal(0),
                        original_number=f"{day:%m%d}-1" if number == 3 else "",
                    )
                    for day, (start, _) in zip(days, bounds, strict=True)
                    for number in range(4 if day.day % 5 == 0 else 3)
                ),
            )
        )
    # A week of sales is handed in once more, with other sums.
    corrected = next(file for file in files if file.name == "days-2")
    files.append(
        File(
            "days-2-again",
            tuple((*row[:4], row[4] + 5) for row in corrected.readings[:6]),
            after="days-2",
        )
    )
    return Month(mall, tuple(files))


def contents(engine: sa.Engine) -> Mapping[str, list[str]]:
    """Every row of every mart, but for the clocks."""
    return {
        mart: [
            row[0]
            for row in rows(
                engine,
                "SELECT CAST(to_jsonb(m) - CAST(:clocks AS text[]) AS text) "
                f"FROM marts.{mart} AS m ORDER BY 1",
                clocks=sorted(CLOCKS),
            )
        ]
        for (mart,) in rows(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'marts'")
    }


@st.composite
def arrivals(draw: st.DrawFn, names: tuple[str, ...]) -> list[list[tuple[str, int, int]]]:
    """Landings one after the other, each of (file, pieces, which piece): every piece of every
    file at least once, some twice. After each landing the marts are refreshed.
    """
    pieces = [
        (name, parts, at)
        for name in names
        for parts in (draw(st.sampled_from((1, 1, 2, 3))),)
        for at in range(parts)
    ]
    pieces += draw(st.lists(st.sampled_from(pieces), max_size=8))
    order = draw(st.permutations(pieces))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=2)))
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


@pytest.fixture(scope="module")
def month_in_order(
    module_database_url: str, build_marts: Callable[..., None]
) -> Iterator[tuple[Month, Mapping[str, list[str]]]]:
    """The month landed once and in order, and its marts."""
    engine = create_engine(module_database_url)
    month = furnish(engine)
    for file in month.files:
        month.land(file)
    clean_touched_dates(engine, now=NOW)
    build_marts(module_database_url, "--exclude", "test_type:unit")
    yield month, contents(engine)
    engine.dispose()


NAMES = tuple(
    f"{kind}-{week}"
    for week in range(5)
    for kind in ("days", "visitors", "dial", "used", "declared", "sales")
)


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    # A counter-example that costs minutes to shrink is worth more as it came.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(landings=arrivals(NAMES))
def test_any_order_of_arrival_gives_identical_marts(
    landings: list[list[tuple[str, int, int]]],
    month_in_order: tuple[Month, Mapping[str, list[str]]],
    build_marts: Callable[..., None],
) -> None:
    month, expected = month_in_order
    engine = month.mall.engine
    assert all(expected[mart] for mart in ("mall_months", "zone_hours", "till_days"))
    assert any('"is_estimated": true' in row for row in expected["meter_usage_hours"])
    _forget_all(engine)
    files = {file.name: file for file in month.files}
    last_of = {name: len(landings) for name in files}
    for at, landing in enumerate(landings):
        for name, _, _ in landing:
            last_of[name] = at
    for at, landing in enumerate(landings):
        for name, parts, piece in landing:
            month.land(files[name].split(parts)[piece])
        # A correction comes some time after all of what it corrects.
        for file in month.files:
            if file.after and last_of[file.after] == at:
                month.land(file)
        clean_touched_dates(engine, now=NOW)
        build_marts(engine.url.render_as_string(hide_password=False), "--resource-type", "model")
    found = contents(engine)
    for mart in expected:
        assert found[mart] == expected[mart], mart


def _forget_all(engine: sa.Engine) -> None:
    """Take all that came and all that was made of it away; the register stays."""
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "TRUNCATE ingest.readings, ingest.reading_revisions, ingest.till_transactions, "
                "ingest.till_transaction_revisions, ingest.touched_dates, ingest.reading_hours"
            )
        )
        connection.execute(sa.text("DROP SCHEMA marts CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA marts AUTHORIZATION atrium_pipelines"))
