"""Marts of a first build: one build over malls that each hold a situation."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from measured_mall import NOW, MeasuredMall, rows

from domain.devices import DeviceKind, FeedKind, Metric, Quality
from domain.malls import BusinessType
from services.operations.cleaning import clean_touched_dates
from storage.database import create_engine

DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def built(module_database_url: str, build_marts: Callable[..., None]) -> Iterator[sa.Engine]:
    """All malls below, cleaned and built once."""
    engine = create_engine(module_database_url)
    for furnish in (
        _furnish_trade,
        _furnish_border,
        _furnish_meters,
        _furnish_swaps,
        _furnish_counters,
        _furnish_clock_change,
    ):
        furnish(engine)
    clean_touched_dates(engine, now=NOW)
    build_marts(module_database_url)
    yield engine
    engine.dispose()


def _furnish_trade(engine: sa.Engine) -> None:
    """Three shops on two days: one sells, one is silent on the second day, one has two tills."""
    mall = MeasuredMall(engine, code="TRADE")
    steady = mall.till("P1", mall.shop("STEADY"))
    silent = mall.till("P2", mall.shop("SILENT", BusinessType.CATERING))
    pair = mall.shop("PAIR")
    left, _ = mall.till("P3", pair), mall.till("P4", pair)
    events = mall.device(
        "P5", DeviceKind.POS, FeedKind.EVENT, shop_id=mall.shop("EVENTS", BusinessType.CATERING)
    )
    for day in (DAY, NEXT):
        mall.sell(steady, day, "0.10" if day == DAY else "0.20", transactions=3)
    mall.sell(silent, DAY, "0.00", transactions=0)
    mall.sell(left, DAY, "200.00")
    sales = [mall.at(DAY, 11, minute) for minute in (1, 2, 3)]
    mall.dial(events, *((at, "9.99") for at in sales), metric=Metric.SALES)
    # A clock years ahead names a date; the marts do not grow to it.
    far = datetime(2036, 1, 1, tzinfo=UTC)
    mall.read(events, Metric.SALES, [(far, far, 1)], quality=Quality.UNCERTAIN)


def _furnish_border(engine: sa.Engine) -> None:
    """Sales around midnight of 31 March, in a mall that cuts at midnight and one that cuts at 4."""
    for code, cutoff in (("BORDER-0", 0), ("BORDER-4", 4)):
        mall = MeasuredMall(engine, code=code, cutoff_hour=cutoff)
        till = mall.device(
            "P1", DeviceKind.POS, FeedKind.EVENT, shop_id=mall.shop("S1"), interval=60
        )
        sales = [datetime(2026, 3, 31, *at, tzinfo=UTC) for at in ((15, 59), (16, 30), (20, 0))]
        mall.dial(till, *zip(sales, (1, 10, 100), strict=True), metric=Metric.SALES)


def _furnish_meters(engine: sa.Engine) -> None:
    mall = MeasuredMall(engine, code="METERS", cutoff_hour=4)
    shop = mall.shop("S1")
    rolling = mall.meter("ROLL", shop, modulus="1000000", maximum="50")
    mall.dial(rolling, (mall.at(DAY, 8), "999987.50"), (mall.at(DAY, 9), "12.25"))
    falling = mall.meter("FALL", shop, modulus="1000000", maximum="50")
    mall.dial(falling, *((mall.at(DAY, 8 + i), v) for i, v in enumerate((500, 490, 495))))
    # Around 04:00 on the first of March and of April, with a ratio of 40.
    ratio = mall.meter("RATIO", shop, ratio="40")
    mall.dial(
        ratio,
        (mall.at(date(2026, 3, 1), 3), 100),
        (mall.at(date(2026, 3, 1), 4), "100.5"),
        (mall.at(DAY, 12), 110),
        (mall.at(date(2026, 4, 1), 3), 130),
        (mall.at(date(2026, 4, 1), 4), 131),
    )
    silent = mall.meter("SILENT", shop)
    mall.dial(silent, (mall.at(date(2026, 3, 1), 3), 7), metric=Metric.WATER)
    mall.meter("NEVER", shop)


def _furnish_swaps(engine: sa.Engine) -> None:
    """An old meter replaced by a new one; and one meter that moves from shop to shop."""
    mall = MeasuredMall(engine, code="SWAPS")
    old_home, new_home = mall.shop("S1"), mall.shop("S2")
    old = mall.meter("OLD", old_home)
    mall.dial(old, (mall.at(DAY, 8), "1187.2"))
    mall.remove(old, DAY, final="1204.7")
    new = mall.meter("NEW", old_home, installed=DAY, initial="0.4")
    mall.dial(new, (mall.at(DAY, 20), "33.1"))
    moved = mall.meter("MOVED", old_home)
    mall.dial(moved, (mall.at(DAY, 8), 10), (mall.at(DAY, 22), 14))
    mall.remove(moved, DAY, final="15")
    mall.install(moved, NEXT, shop_id=new_home, initial="15")
    mall.dial(moved, (mall.at(NEXT, 9), 18))


def _furnish_counters(engine: sa.Engine) -> None:
    mall = MeasuredMall(engine, code="COUNTERS")
    shop = mall.shop("S1")
    east, west = mall.counter("EAST", zone="ENTRANCE-EAST"), mall.counter("WEST", zone="ENTRANCE-W")
    inside = mall.counter("SHOP", shop_id=shop)
    corridor = mall.counter("WAY", zone="CORRIDOR-2")
    for counter, entered in ((east, 5), (west, 0), (inside, 2), (corridor, 1000)):
        mall.count(counter, DAY, entered)
    # The next day the east entrance is counted for 16 of 24 hours, 6 of its 12 opening hours.
    mall.count(east, NEXT, 5, hours=16)
    mall.count(west, NEXT, 1)


def _furnish_clock_change(engine: sa.Engine) -> None:
    """New York, 8 March 2026: a day of 23 hours."""
    mall = MeasuredMall(engine, code="DST", time_zone="America/New_York", cutoff_hour=4)
    meter = mall.meter("M", mall.shop("S1"))
    day = date(2026, 3, 7)
    start, end = mall.clock.business_day(day)
    hours = int((end - start) / HOUR)
    mall.dial(meter, *((start + i * HOUR, i) for i in range(hours)))


def one(engine: sa.Engine, statement: str) -> tuple:
    (row,) = rows(engine, statement)
    return row


def shop_day(engine: sa.Engine, mall: str, shop: str, day: date, *columns: str) -> tuple:
    return one(
        engine,
        f"SELECT {', '.join(columns)} FROM marts.shop_days AS days "
        "JOIN app.shops ON shops.id = days.shop_id JOIN app.malls ON malls.id = days.mall_id "
        f"WHERE malls.code = '{mall}' AND shops.code = '{shop}' AND business_date = '{day}'",
    )


def meter_month(engine: sa.Engine, mall: str, device: str, *columns: str) -> tuple:
    return one(
        engine,
        f"SELECT {', '.join(columns)} FROM marts.meter_usage_months AS months "
        "JOIN app.devices ON devices.id = months.device_id "
        "JOIN app.malls ON malls.id = months.mall_id "
        f"WHERE malls.code = '{mall}' AND devices.code = '{device}' AND month = '2026-03-01'",
    )


SALES = ("net_sales", "transactions", "sales_expected", "sales_received", "is_sales_complete")


def test_day_without_sales_is_zero_and_complete(built: sa.Engine) -> None:
    assert shop_day(built, "TRADE", "SILENT", DAY, *SALES) == (0, 0, 1, 1, True)


def test_day_without_a_file_is_missing_not_zero(built: sa.Engine) -> None:
    assert shop_day(built, "TRADE", "SILENT", NEXT, *SALES) == (None, None, 1, 0, False)


def test_day_of_one_of_two_tills_is_incomplete(built: sa.Engine) -> None:
    assert shop_day(built, "TRADE", "PAIR", DAY, *SALES) == (200, 10, 2, 1, False)


def test_transactions_of_an_event_till_are_its_sales(built: sa.Engine) -> None:
    assert shop_day(built, "TRADE", "EVENTS", DAY, *SALES) == (Decimal("29.97"), 3, 1, 1, True)
    assert shop_day(built, "TRADE", "EVENTS", NEXT, *SALES) == (None, None, 1, 0, False)


def test_clock_years_ahead_adds_no_dates(built: sa.Engine) -> None:
    assert one(
        built,
        "SELECT min(business_date), max(business_date) FROM marts.mall_days "
        "WHERE mall_id = (SELECT id FROM app.malls WHERE code = 'TRADE')",
    ) == (DAY, NEXT)


def test_mall_day_is_the_sum_of_its_shops(built: sa.Engine) -> None:
    assert rows(
        built,
        "SELECT net_sales, transactions, shops_expected, shops_reporting, sales_completeness "
        "FROM marts.mall_days WHERE mall_id = (SELECT id FROM app.malls WHERE code = 'TRADE') "
        "ORDER BY business_date",
    ) == [
        (Decimal("230.07"), 16, 4, 3, Decimal("0.8000")),
        (Decimal("0.20"), 3, 4, 1, Decimal("0.2000")),
    ]


def test_month_and_week_add_up_without_inventing_sales(built: sa.Engine) -> None:
    for mart, period, complete in (
        ("shop_months", "month = '2026-03-01'", 2),
        ("shop_weeks", "week_start = '2026-03-09'", 2),
    ):
        assert one(
            built,
            f"SELECT net_sales, transactions, complete_days FROM marts.{mart} "
            "JOIN app.shops ON shops.id = shop_id "
            f"WHERE shops.code = 'STEADY' AND {period}",
        ) == (Decimal("0.30"), 6, complete)


def test_business_types_share_out_the_day(built: sa.Engine) -> None:
    assert rows(
        built,
        "SELECT business_type, net_sales, shops_expected, shops_reporting "
        "FROM marts.business_type_days "
        "WHERE mall_id = (SELECT id FROM app.malls WHERE code = 'TRADE') "
        f"AND business_date = '{DAY}' ORDER BY 1",
    ) == [("CATERING", Decimal("29.97"), 2, 2), ("RETAIL", Decimal("200.10"), 2, 1)]


@pytest.mark.parametrize(("mall", "march", "april"), [("BORDER-0", 1, 110), ("BORDER-4", 11, 100)])
def test_sale_after_midnight_belongs_to_the_month_of_its_business_date(
    built: sa.Engine, mall: str, march: int, april: int
) -> None:
    assert rows(
        built,
        "SELECT month, net_sales FROM marts.shop_months JOIN app.malls ON malls.id = mall_id "
        f"WHERE malls.code = '{mall}' ORDER BY 1",
    ) == [(date(2026, 3, 1), march), (date(2026, 4, 1), april)]


def test_register_rolls_over_at_its_modulus(built: sa.Engine) -> None:
    assert meter_month(built, "METERS", "ROLL", "consumption", "rollovers", "reversals") == (
        Decimal("24.75"), 1, 0
    )  # fmt: skip


def test_register_that_runs_backwards_is_no_rollover(built: sa.Engine) -> None:
    assert meter_month(built, "METERS", "FALL", "consumption", "rollovers", "reversals") == (
        Decimal(-5), 0, 1
    )  # fmt: skip


def test_month_runs_from_the_last_register_before_it(built: sa.Engine) -> None:
    columns = ("opening_register", "closing_register", "consumption", "billed_consumption")
    assert meter_month(built, "METERS", "RATIO", *columns) == (100, 130, 30, 1200)


def test_meter_silent_for_the_month_has_no_consumption(built: sa.Engine) -> None:
    assert meter_month(
        built, "METERS", "SILENT", "consumption", "hours_expected", "hours_received", "completeness"
    ) == (None, 744, 0, 0)


def test_use_stands_in_the_hour_in_which_it_ended(built: sa.Engine) -> None:
    assert rows(
        built,
        "SELECT hour_start, business_date, consumption, hours_covered "
        "FROM marts.meter_usage_hours JOIN app.devices ON devices.id = device_id "
        "WHERE devices.code = 'RATIO' ORDER BY closing_at LIMIT 1",
    ) == [(datetime(2026, 2, 28, 19, tzinfo=UTC), date(2026, 3, 1), Decimal("0.5"), Decimal(1))]


def test_replaced_meter_gives_the_use_of_both(built: sa.Engine) -> None:
    used = [meter_month(built, "SWAPS", code, "consumption")[0] for code in ("OLD", "NEW")]
    assert used == [Decimal("17.5"), Decimal("32.7")]
    assert sum(used) == Decimal("50.2")


def test_meter_that_moves_is_shared_out_between_the_shops(built: sa.Engine) -> None:
    assert rows(
        built,
        "SELECT shops.code, months.consumption FROM marts.meter_usage_months AS months "
        "JOIN app.shops ON shops.id = months.shop_id "
        "JOIN app.devices ON devices.id = months.device_id "
        "WHERE devices.code = 'MOVED' ORDER BY 1",
    ) == [("S1", 5), ("S2", 3)]


def test_day_of_a_shop_holds_its_energy(built: sa.Engine) -> None:
    assert shop_day(built, "SWAPS", "S1", DAY, "electricity_kwh", "water_m3") == (
        Decimal("55.2"), None
    )  # fmt: skip


def test_visitors_of_the_mall_are_counted_at_its_entrances(built: sa.Engine) -> None:
    assert rows(
        built,
        "SELECT footfall_in, footfall_out, footfall_completeness FROM marts.mall_days "
        "JOIN app.malls ON malls.id = mall_id WHERE malls.code = 'COUNTERS' ORDER BY business_date",
    ) == [(120, 120, Decimal("0.5")), (104, 104, Decimal("0.75"))]
    assert shop_day(
        built, "COUNTERS", "S1", DAY, "footfall_in", "footfall_expected", "footfall_received"
    ) == (48, 12, 12)


def test_blind_counter_is_received_and_not_used(built: sa.Engine) -> None:
    assert one(
        built,
        "SELECT quantity, expected_intervals, received_intervals, used_intervals, completeness "
        "FROM marts.device_days JOIN app.devices ON devices.id = device_id "
        f"WHERE devices.code = 'WEST' AND metric = 'footfall_in' AND business_date = '{DAY}'",
    ) == (None, 12, 12, 0, 0)


def test_day_of_the_clock_change_expects_its_own_hours(built: sa.Engine) -> None:
    assert one(
        built,
        "SELECT expected_intervals, used_intervals FROM marts.device_days "
        "JOIN app.malls ON malls.id = mall_id WHERE malls.code = 'DST'",
    ) == (23, 23)


def test_marts_hold_what_their_contract_says(built: sa.Engine) -> None:
    assert rows(
        built,
        "SELECT data_type, numeric_precision, numeric_scale FROM information_schema.columns "
        "WHERE table_schema = 'marts' AND column_name = 'net_sales' GROUP BY 1, 2, 3",
    ) == [("numeric", 14, 2)]
    assert {row[0] for row in rows(built, "SELECT nspname FROM pg_namespace")} >= {
        "staging",
        "marts",
    }
