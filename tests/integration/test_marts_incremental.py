"""Marts built step by step as data comes equal those built at once, and cost only what changed."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from measured_mall import NOW, MeasuredMall, rows

from domain.devices import DeviceKind, FeedKind, Metric
from pipelines.assets.marts import last_full_dates
from services.operations.cleaning import clean_touched_dates

DAY = date(2026, 3, 30)


def contents(engine: sa.Engine) -> dict[str, list[str]]:
    """Every row of every mart."""
    return {
        mart: [row[0] for row in rows(engine, f"SELECT m::text FROM marts.{mart} AS m ORDER BY 1")]
        for (mart,) in rows(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'marts'")
    }


@pytest.fixture
def mall(engine: sa.Engine) -> MeasuredMall:
    return MeasuredMall(engine, cutoff_hour=4)


def test_late_data_and_revisions_end_in_the_marts_of_a_full_refresh(
    mall: MeasuredMall, dbt_build: Callable[..., None]
) -> None:
    engine = mall.engine
    shop = mall.shop("S1")
    till, other = mall.till("P1", shop), mall.till("P2", mall.shop("S2"))
    counter = mall.counter("F1", zone="ENTRANCE")
    meter = mall.meter("E1", shop, modulus="1000", maximum="100")
    events = mall.device("P3", DeviceKind.POS, FeedKind.EVENT, shop_id=shop)
    days = [DAY + timedelta(days=offset) for offset in range(4)]

    def build() -> None:
        clean_touched_dates(engine, now=NOW)
        dbt_build("--exclude", "test_type:unit")

    # The last two days first; March and April, and their week.
    for day in days[2:]:
        mall.sell(till, day, 100)
        mall.count(counter, day, 3)
    mall.dial(meter, (mall.at(days[3], 9), 5), (mall.at(days[3], 10), 6))
    build()
    # A day before all others; the register's step over the month's border changes.
    mall.sell(till, days[0], 50)
    mall.sell(other, days[3], 70)
    mall.dial(meter, (mall.at(days[0], 9), 990))
    build()
    # A revised day, late events, a silent meter's late register, a counter found blind.
    mall.sell(till, days[2], 111)
    mall.dial(events, (mall.at(days[2], 12), 1), (mall.at(days[2], 13), 2), metric=Metric.SALES)
    mall.dial(meter, (mall.at(days[1], 23), 998))
    mall.count(counter, days[2], 0)
    build()
    grown = contents(engine)
    assert all(grown.values())
    dbt_build("--full-refresh", "--exclude", "test_type:unit")
    assert contents(engine) == grown


def test_second_build_rebuilds_only_what_changed(
    mall: MeasuredMall, dbt_build: Callable[..., None]
) -> None:
    engine = mall.engine
    till = mall.till("P1", mall.shop("S1"))
    for offset in range(3):
        mall.sell(till, DAY + timedelta(days=offset), 100)
    clean_touched_dates(engine, now=NOW)
    dbt_build("--exclude", "test_type:unit")
    written = "SELECT business_date, xmin::text FROM marts.shop_days ORDER BY 1"
    before = dict(rows(engine, written))
    mall.sell(till, DAY + timedelta(days=1), 120)
    # The same clock as before: the revision tells the marts, not the time.
    clean_touched_dates(engine, now=NOW)
    dbt_build("--exclude", "test_type:unit")
    after = dict(rows(engine, written))
    assert {day for day in after if after[day] != before[day]} == {DAY + timedelta(days=1)}
    assert rows(engine, "SELECT sum(net_sales) FROM marts.shop_months") == [(320,)]


def test_month_without_any_data_at_its_end_is_shown_when_asked(
    mall: MeasuredMall, dbt_build: Callable[..., None]
) -> None:
    mall.sell(mall.till("P1", mall.shop("S1")), DAY - timedelta(days=2), 100)
    clean_touched_dates(mall.engine, now=NOW)
    dbt_build("--exclude", "test_type:unit", "--vars", "{through: '2026-03-31'}")
    assert rows(
        mall.engine,
        "SELECT net_sales, trading_days, complete_days, sales_completeness FROM marts.shop_months",
    ) == [(100, 4, 1, Decimal("0.25"))]


def test_silent_days_of_each_mall_are_shown_to_its_own_last_date(
    mall: MeasuredMall, dbt_build: Callable[..., None]
) -> None:
    west = MeasuredMall(mall.engine, code="WEST", time_zone="America/New_York")
    for each in (mall, west):
        each.sell(each.till("P1", each.shop("S1")), DAY, 100)
    clean_touched_dates(mall.engine, now=NOW)
    # 00:05 UTC on 1 April: the day before is over in Shanghai, and not yet so in New York.
    told = last_full_dates(mall.engine, NOW)
    assert told == {"M1": "2026-03-31", "WEST": "2026-03-30"}
    dbt_build("--exclude", "test_type:unit", "--vars", json.dumps({"through": told}))
    assert rows(
        mall.engine,
        "SELECT malls.code, max(business_date), count(net_sales) FROM marts.mall_days "
        "JOIN app.malls ON malls.id = mall_id GROUP BY 1 ORDER BY 1",
    ) == [("M1", date(2026, 3, 31), 1), ("WEST", date(2026, 3, 30), 1)]


def test_mart_of_an_earlier_release_is_built_anew(
    mall: MeasuredMall, dbt_build: Callable[..., None]
) -> None:
    mall.sell(mall.till("P1", mall.shop("S1")), DAY, 100)
    clean_touched_dates(mall.engine, now=NOW)
    dbt_build("--exclude", "test_type:unit")
    with mall.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE marts.shop_days DROP COLUMN sales_state"))
    dbt_build("--exclude", "test_type:unit")
    assert rows(mall.engine, "SELECT net_sales, sales_state FROM marts.shop_days") == [
        (100, "COMPLETE")
    ]
    assert rows(mall.engine, "SELECT count(*) > 0 FROM marts.device_days") == [(True,)]
    # The table that was made anew is behind its walls again.
    assert rows(
        mall.engine,
        "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class "
        "WHERE oid = 'marts.shop_days'::regclass",
    ) == [(True,)]
