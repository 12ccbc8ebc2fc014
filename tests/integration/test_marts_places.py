"""Hours, floors, zones, estimates, reconciled tills: one build over malls with a situation each."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from measured_mall import NOW, MeasuredMall, rows
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from domain.contracts import ContractState
from domain.devices import DeviceKind, FeedKind, Metric
from domain.malls import BusinessType
from services.operations.cleaning import clean_touched_dates
from storage.database import create_engine
from storage.models import Contract, ContractUnit, Device, DeviceInstallation, Unit

DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)
EVER = date(2000, 1, 1)


@pytest.fixture(scope="module")
def built(module_database_url: str, build_marts: Callable[..., None]) -> Iterator[sa.Engine]:
    engine = create_engine(module_database_url)
    for furnish in (_furnish_floors, _furnish_hours, _furnish_tills, _furnish_meters):
        furnish(engine)
    clean_touched_dates(engine, now=NOW)
    build_marts(module_database_url)
    yield engine
    engine.dispose()


def let(mall: MeasuredMall, shop: int, *units: tuple[str, str, str, date]) -> None:
    """Let (floor, zone, area, first day) to a shop, for good."""
    with Session(mall.engine) as session, session.begin():
        contract = Contract(
            mall_id=mall.id,
            shop_id=shop,
            number=f"L{shop}",
            state=ContractState.ACTIVE,
            start_date=EVER,
            end_date=date(2099, 12, 31),
        )
        session.add(contract)
        session.flush()
        for at, (floor, zone, area, first) in enumerate(units):
            unit = Unit(
                mall_id=mall.id,
                code=f"U{shop}-{at}",
                floor=floor,
                zone=zone,
                area_m2=Decimal(area),
                opened_date=EVER,
            )
            session.add(unit)
            session.flush()
            session.add(
                ContractUnit(
                    contract_id=contract.id,
                    unit_id=unit.id,
                    period=Range(first, date(2100, 1, 1)),
                    is_held=True,
                )
            )


def place(mall: MeasuredMall, device: int, floor: str) -> None:
    with Session(mall.engine) as session, session.begin():
        session.execute(
            sa.update(DeviceInstallation)
            .where(DeviceInstallation.device_id == device)
            .values(floor=floor)
        )


def _furnish_floors(engine: sa.Engine) -> None:
    """One shop on two floors that grows on the second day, one below, one in no unit."""
    mall = MeasuredMall(engine, code="FLOORS")
    both, below, loose = mall.shop("BOTH"), mall.shop("BELOW"), mall.shop("LOOSE")
    # Two small units upstairs are more than the large one downstairs from the second day on.
    let(mall, both, ("1F", "A", "60", EVER), ("2F", "B", "30", EVER), ("2F", "C", "40", NEXT))
    let(mall, below, ("1F", "A", "10", EVER))
    for shop, sales in ((both, "100.01"), (below, "20.02"), (loose, "3.03")):
        till = mall.till(f"P{shop}", shop)
        for day in (DAY, NEXT):
            mall.sell(till, day, sales, transactions=1)
    entrance = mall.counter("E", zone="ENTRANCE-1")
    way = mall.counter("W", zone="B")
    inside = mall.counter("S", shop_id=below)
    place(mall, entrance, "1F")
    place(mall, way, "2F")
    mall.count(entrance, DAY, 5)
    mall.count(way, DAY, 3)
    mall.count(inside, DAY, 2)


def _furnish_hours(engine: sa.Engine) -> None:
    """A shop with a till of events, a counter that misses hours, and a meter; and a day till."""
    mall = MeasuredMall(engine, code="HOURS")
    shop = mall.shop("S1", BusinessType.CATERING)
    till = mall.device("P1", DeviceKind.POS, FeedKind.EVENT, shop_id=shop)
    sales = [(mall.at(DAY, 11, minute), 10) for minute in (5, 10)] + [(mall.at(DAY, 20), 5)]
    mall.dial(till, *sales, metric=Metric.SALES)
    mall.sell(mall.till("P2", shop), DAY, "1000.00")
    counter = mall.counter("F1", shop_id=shop)
    mall.count(counter, DAY, 4, hours=13)  # to 13:00; open from 10:00 to 22:00
    afternoon = [mall.at(DAY, hour) for hour in (15, 16, 17)]
    lost = list(zip(afternoon, afternoon[1:], (-1, -2), strict=False))
    mall.read(counter, Metric.FOOTFALL_OUT, lost)
    meter = mall.meter("E1", shop)
    mall.dial(meter, *((mall.at(DAY, hour), 100 + hour) for hour in range(9, 13)))


def _furnish_tills(engine: sa.Engine) -> None:
    """A shop whose till differs from its own summary; one whose tills differ from the shop's."""
    mall = MeasuredMall(engine, code="TILLS")
    day = mall.clock.business_day(DAY)

    def declare(device: int, sales: str) -> None:
        mall.read(device, Metric.DECLARED_SALES, [(*day, sales)])

    kinds = {"declared_sales": "INTERVAL", "declared_transactions": "INTERVAL"}
    tills = {}
    for code in ("EQUAL", "CENT", "PAIR", "ZERO"):
        shop = mall.shop(code)
        tills[code] = mall.device(f"P-{code}", DeviceKind.POS, FeedKind.EVENT, shop_id=shop)
        if code != "ZERO":
            mall.dial(tills[code], (mall.at(DAY, 12), "80.10"), metric=Metric.SALES)
        if code == "PAIR":
            speaker = mall.device("P-SHOP", DeviceKind.POS, FeedKind.EVENT, shop_id=shop)
    with Session(engine) as session, session.begin():
        session.execute(
            sa.update(Device).where(Device.mall_id == mall.id).values(metric_kinds=kinds)
        )
        session.execute(
            sa.update(Device).where(Device.id == speaker).values(adapter="shop_days", serial="S")
        )
    declare(tills["EQUAL"], "80.10")
    declare(tills["CENT"], "80.11")
    declare(tills["ZERO"], "0.00")
    declare(speaker, "90.10")


def _furnish_meters(engine: sa.Engine) -> None:
    """A meter of intervals, one whose ratio changed, and one that was silent for hours."""
    mall = MeasuredMall(engine, code="METERS")
    shop = mall.shop("S1")
    told = mall.device(
        "NEM", DeviceKind.METER, FeedKind.INTERVAL, shop_id=shop, interval=30, ratio="2"
    )
    start, _ = mall.clock.business_day(DAY)
    half = timedelta(minutes=30)
    mall.read(
        told,
        Metric.ELECTRICITY_USED,
        [(start + n * half, start + (n + 1) * half, "0.25") for n in range(48)],
    )
    turned = mall.meter("TURNED", shop, ratio="40")
    mall.remove(turned, DAY)
    with Session(engine) as session, session.begin():
        session.add(
            DeviceInstallation(
                device_id=turned, shop_id=shop, installed_date=NEXT, ratio=Decimal(60)
            )
        )
    mall.dial(turned, (mall.at(DAY, 8), 10), (mall.at(DAY, 20), 13), (mall.at(NEXT, 8), 14))
    silent = mall.meter("SILENT", shop)
    mall.dial(
        silent,
        (mall.at(NEXT, 0), 5),
        (mall.at(NEXT, 1), 6),
        (mall.at(NEXT, 7), 12),
        metric=Metric.WATER,
    )


def of_mall(engine: sa.Engine, code: str, mart: str, columns: str, where: str = "true") -> list:
    return rows(
        engine,
        f"SELECT {columns} FROM marts.{mart} AS m JOIN app.malls ON malls.id = m.mall_id "
        f"WHERE malls.code = '{code}' AND {where} ORDER BY 1, 2",
    )


def test_shop_on_two_floors_is_where_most_of_its_area_is(built: sa.Engine) -> None:
    assert of_mall(built, "FLOORS", "floor_days", "business_date, floor, net_sales") == [
        (DAY, "", Decimal("3.03")),
        (DAY, "1F", Decimal("120.03")),
        (DAY, "2F", None),
        (NEXT, "", Decimal("3.03")),
        (NEXT, "1F", Decimal("20.02")),
        (NEXT, "2F", Decimal("100.01")),
    ]


def test_zone_of_a_shop_is_the_largest_on_its_floor(built: sa.Engine) -> None:
    sold = "business_date, zone, net_sales"
    assert of_mall(built, "FLOORS", "zone_days", sold, "net_sales IS NOT NULL") == [
        (DAY, "", Decimal("3.03")),
        (DAY, "A", Decimal("120.03")),
        (NEXT, "", Decimal("3.03")),
        (NEXT, "A", Decimal("20.02")),
        (NEXT, "C", Decimal("100.01")),
    ]


def test_floors_and_zones_share_out_week_and_month(built: sa.Engine) -> None:
    for mart in ("mall", "floor", "zone", "business_type", "shop"):
        for period in ("weeks", "months"):
            summed = of_mall(built, "FLOORS", f"{mart}_{period}", "sum(net_sales), sum(days)")[0][0]
            assert summed == Decimal("246.12"), (mart, period)


def test_visitors_of_a_floor_are_not_those_of_its_shops(built: sa.Engine) -> None:
    columns = "floor, footfall_in, shop_visits, footfall_completeness"
    assert of_mall(built, "FLOORS", "floor_days", columns, f"business_date = '{DAY}'") == [
        ("", None, None, None),
        ("1F", 120, 48, 1),
        ("2F", 72, None, 1),
    ]
    assert of_mall(
        built, "FLOORS", "mall_days", "footfall_in, shop_visits", f"business_date = '{DAY}'"
    ) == [(120, 48)]


def test_hours_tell_missing_from_zero(built: sa.Engine) -> None:
    columns = (
        "extract(hour FROM hour_start AT TIME ZONE 'Asia/Shanghai')::int, net_sales, transactions,"
        " sales_expected, sales_received, footfall_in, footfall_expected, footfall_received"
    )
    hours = {row[0]: row[1:] for row in of_mall(built, "HOURS", "shop_hours", columns)}
    # Two sales; none, and the till's day came; the counter fell silent at 13:00. The day file of
    # the other till stands in no hour.
    assert hours[11] == (20, 2, 1, 1, 4, 1, 1)
    assert hours[12] == (0, 0, 1, 1, 4, 1, 1)
    assert hours[14] == (0, 0, 1, 1, None, 1, 0)
    assert hours[20] == (5, 1, 1, 1, None, 1, 0)
    # Visitors before opening are counted and were not owed.
    assert hours[3][-3:] == (4, 0, 0)
    assert of_mall(built, "HOURS", "business_type_hours", "sum(net_sales), count(*)")[0][0] == 25


def test_energy_stands_in_the_hour_in_which_it_was_used(built: sa.Engine) -> None:
    used = of_mall(
        built, "HOURS", "shop_hours", "hour_start, electricity_kwh", "electricity_kwh IS NOT NULL"
    )
    assert used == [
        (datetime(2026, 3, 10, hour - 8, tzinfo=UTC), Decimal(1)) for hour in (9, 10, 11)
    ]


def test_day_that_differs_from_its_declaration_is_not_final(built: sa.Engine) -> None:
    assert rows(
        built,
        "SELECT shops.code, net_sales, d.declared_sales, sales_state, is_sales_complete "
        "FROM marts.shop_days AS d JOIN app.shops ON shops.id = shop_id "
        "JOIN app.malls ON malls.id = d.mall_id WHERE malls.code = 'TILLS' ORDER BY 1",
    ) == [
        ("CENT", Decimal("80.10"), None, "UNRECONCILED", False),
        ("EQUAL", Decimal("80.10"), None, "COMPLETE", True),
        ("PAIR", Decimal("80.10"), Decimal("90.10"), "UNRECONCILED", False),
        ("ZERO", Decimal(0), None, "COMPLETE", True),
    ]
    assert rows(
        built,
        "SELECT code, sales_difference, is_reconciled, is_final FROM marts.till_days "
        "JOIN app.devices ON devices.id = device_id WHERE code LIKE 'P-%' ORDER BY 1",
    ) == [
        ("P-CENT", Decimal("-0.01"), False, False),
        ("P-EQUAL", Decimal(0), True, True),
        ("P-PAIR", None, None, True),
        ("P-ZERO", Decimal(0), True, True),
    ]


def meter_month(engine: sa.Engine, device: str, columns: str) -> list[tuple]:
    return rows(
        engine,
        f"SELECT {columns} FROM marts.meter_usage_months AS m JOIN app.devices AS d "
        "ON d.id = m.device_id JOIN app.malls ON malls.id = m.mall_id "
        f"WHERE malls.code = 'METERS' AND d.code = '{device}' ORDER BY 1",
    )


def test_meter_of_intervals_is_billed_without_registers(built: sa.Engine) -> None:
    columns = (
        "metric, consumption, billed_consumption, opening_register, hours_expected, hours_received"
    )
    assert meter_month(built, "NEM", columns) == [("electricity_used", 12, 24, None, 96, 48)]


def test_month_in_which_the_ratio_changed_has_a_row_for_each(built: sa.Engine) -> None:
    columns = "m.ratio, consumption, billed_consumption, opening_register, closing_register"
    assert meter_month(built, "TURNED", columns) == [(40, 3, 120, 10, 13), (60, 1, 60, 13, 14)]


def test_estimated_part_of_a_month_stands_beside_it(built: sa.Engine) -> None:
    columns = "consumption, estimated_consumption, hours_received, hours_estimated"
    assert meter_month(built, "SILENT", columns) == [(7, 6, 3, 5)]
    assert rows(
        built,
        "SELECT received_intervals, used_intervals, estimated_intervals FROM marts.device_days "
        "JOIN app.devices ON devices.id = device_id "
        f"WHERE code = 'SILENT' AND metric = 'water_register' AND business_date = '{NEXT}'",
    ) == [(3, 3, 5)]
    assert of_mall(
        built, "METERS", "mall_days", "water_m3, water_m3_estimated", f"business_date = '{NEXT}'"
    ) == [(7, 6)]


def test_flags_are_counted_by_rule_and_day(built: sa.Engine) -> None:
    columns = "business_date, metric, rule, hours, used_hours"
    assert of_mall(built, "HOURS", "flag_days", columns) == [
        (DAY, "footfall_out", "negative", 2, 0)
    ]
