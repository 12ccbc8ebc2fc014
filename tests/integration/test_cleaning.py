"""Cleaning: readings become judged hours on the mall's clock."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from measured_mall import NOW, MeasuredMall, rows
from sqlalchemy.orm import Session

from domain.devices import DeviceKind, FeedKind, Metric, Quality
from services.operations.cleaning import clean_touched_dates, touch_dates

DAY = date(2026, 3, 10)
HOUR = timedelta(hours=1)


@pytest.fixture
def mall(engine: sa.Engine) -> MeasuredMall:
    return MeasuredMall(engine)


def hours(mall: MeasuredMall, device_id: int, metric: Metric) -> list[tuple]:
    return rows(
        mall.engine,
        "SELECT hour_start, value, flags, is_used FROM ingest.reading_hours "
        "WHERE device_id = :device AND metric = :metric ORDER BY hour_start",
        device=device_id,
        metric=metric.value,
    )


def used(mall: MeasuredMall, device_id: int, metric: Metric) -> list[tuple]:
    return [(row[2], row[3]) for row in hours(mall, device_id, metric)]


def test_quarter_hours_become_the_sum_of_their_hour(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE-A", interval=15)
    ten = mall.at(DAY, 10)
    quarter = timedelta(minutes=15)
    mall.read(
        counter,
        Metric.FOOTFALL_IN,
        [(ten + i * quarter, ten + (i + 1) * quarter, i) for i in range(5)],
    )
    result = clean_touched_dates(mall.engine, now=NOW)
    assert result.dates == ((mall.id, DAY),)
    assert result.hours_written == 2
    assert rows(
        mall.engine,
        "SELECT hour_start, value, samples, covers_minutes, measured_at, business_date, is_used "
        "FROM ingest.reading_hours ORDER BY hour_start",
    ) == [
        (ten, Decimal(6), 4, 60, ten + HOUR, DAY, True),
        (ten + HOUR, Decimal(4), 1, 15, ten + HOUR + quarter, DAY, True),
    ]


def test_register_hour_holds_its_last_value(mall: MeasuredMall) -> None:
    meter = mall.meter("E1", mall.shop("S1"))
    mall.dial(meter, (mall.at(DAY, 8), "100.5"), (mall.at(DAY, 8, 45), "101.25"))
    clean_touched_dates(mall.engine, now=NOW)
    assert rows(
        mall.engine, "SELECT hour_start, value, measured_at, samples FROM ingest.reading_hours"
    ) == [(mall.at(DAY, 8), Decimal("101.25"), mall.at(DAY, 8, 45), 2)]


def test_temperature_hour_is_the_mean(mall: MeasuredMall) -> None:
    sensor = mall.device("T1", DeviceKind.ENVIRONMENT, FeedKind.EVENT, zone="ATRIUM")
    mall.dial(sensor, (mall.at(DAY, 8), -2), (mall.at(DAY, 8, 30), 4), metric=Metric.TEMPERATURE)
    clean_touched_dates(mall.engine, now=NOW)
    assert hours(mall, sensor, Metric.TEMPERATURE) == [(mall.at(DAY, 8), Decimal(1), [], True)]


@pytest.mark.parametrize(
    ("zone", "cutoff", "instant", "business_date"),
    [
        ("Asia/Shanghai", 0, datetime(2026, 3, 31, 16, 30, tzinfo=UTC), date(2026, 4, 1)),
        ("Asia/Shanghai", 0, datetime(2026, 3, 31, 15, 59, tzinfo=UTC), date(2026, 3, 31)),
        ("Asia/Shanghai", 4, datetime(2026, 3, 31, 19, 59, tzinfo=UTC), date(2026, 3, 31)),
        ("Asia/Shanghai", 4, datetime(2026, 3, 31, 20, 0, tzinfo=UTC), date(2026, 4, 1)),
        # Clocks went forward at 02:00 on 8 March: 04:30 in New York is 08:30Z from then on.
        ("America/New_York", 4, datetime(2026, 3, 8, 8, 30, tzinfo=UTC), date(2026, 3, 8)),
        ("America/New_York", 4, datetime(2026, 3, 7, 8, 30, tzinfo=UTC), date(2026, 3, 6)),
        ("Asia/Kolkata", 0, datetime(2026, 3, 31, 18, 30, tzinfo=UTC), date(2026, 4, 1)),
    ],
)
def test_business_date_follows_the_clock_and_the_cutoff(
    engine: sa.Engine, zone: str, cutoff: int, instant: datetime, business_date: date
) -> None:
    mall = MeasuredMall(engine, time_zone=zone, cutoff_hour=cutoff)
    till = mall.device("P1", DeviceKind.POS, FeedKind.EVENT, shop_id=mall.shop("S1"))
    mall.dial(till, (instant, 12), metric=Metric.SALES)
    clean_touched_dates(engine, now=NOW)
    assert rows(engine, "SELECT business_date FROM ingest.reading_hours") == [(business_date,)]


@pytest.mark.parametrize(("day", "length"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25)])
def test_clock_change_day_has_its_own_number_of_hours(
    engine: sa.Engine, day: date, length: int
) -> None:
    mall = MeasuredMall(engine, time_zone="America/New_York")
    counter = mall.counter("F1", zone="ENTRANCE")
    start, end = mall.clock.business_day(day)
    span = int((end - start) / HOUR)
    mall.count(counter, day, 1, hours=span)
    till = mall.till("P1", mall.shop("S1"))
    mall.sell(till, day, "10.00")
    clean_touched_dates(engine, now=NOW)
    assert span == length
    assert rows(
        engine,
        "SELECT count(*), count(DISTINCT hour_start), min(business_date), max(business_date) "
        "FROM ingest.reading_hours WHERE metric = 'footfall_in'",
    ) == [(length, length, day, day)]
    assert rows(
        engine,
        "SELECT covers_minutes, business_date FROM ingest.reading_hours WHERE metric = 'sales'",
    ) == [(1440, day)]


def test_negative_count_is_kept_and_not_used(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE")
    ten = mall.at(DAY, 10)
    mall.read(counter, Metric.FOOTFALL_IN, [(ten, ten + HOUR, -3), (ten + HOUR, ten + 2 * HOUR, 3)])
    result = clean_touched_dates(mall.engine, now=NOW)
    assert used(mall, counter, Metric.FOOTFALL_IN) == [(["negative"], False), ([], True)]
    assert result.flagged == {"negative": 1}
    assert rows(mall.engine, "SELECT rules FROM ingest.reading_hours WHERE NOT is_used") == [
        ({"negative": {"version": 1}},)
    ]


def test_negative_net_sales_of_a_day_of_refunds_are_used(mall: MeasuredMall) -> None:
    till = mall.till("P1", mall.shop("S1"))
    mall.sell(till, DAY, "-120.00")
    clean_touched_dates(mall.engine, now=NOW)
    assert used(mall, till, Metric.SALES) == [([], True)]


def test_hour_above_the_physical_maximum_is_not_used(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE", maximum="5000")
    ten = mall.at(DAY, 10)
    mall.read(
        counter, Metric.FOOTFALL_IN, [(ten, ten + HOUR, 5001), (ten + HOUR, ten + 2 * HOUR, 5000)]
    )
    till = mall.till("P1", mall.shop("S1"), maximum="1000")
    mall.sell(till, DAY, "24000.00")
    clean_touched_dates(mall.engine, now=NOW)
    assert used(mall, counter, Metric.FOOTFALL_IN) == [(["above_maximum"], False), ([], True)]
    assert used(mall, till, Metric.SALES) == [([], True)]


def test_number_too_large_to_store_stops_nothing(mall: MeasuredMall) -> None:
    meter = mall.meter("E1", mall.shop("S1"))
    mall.dial(meter, (mall.at(DAY, 8), "1e30"), (mall.at(DAY, 9), 7))
    clean_touched_dates(mall.engine, now=NOW)
    assert used(mall, meter, Metric.ELECTRICITY) == [(["above_maximum"], False), ([], True)]


def test_uncertain_reading_is_left_out_of_its_hour(mall: MeasuredMall) -> None:
    till = mall.device("P1", DeviceKind.POS, FeedKind.EVENT, shop_id=mall.shop("S1"))
    mall.dial(till, (mall.at(DAY, 10, 5), 30), metric=Metric.SALES)
    sale = mall.at(DAY, 10, 6), mall.at(DAY, 11, 6)
    mall.read(till, Metric.SALES, [(at, at, 500) for at in sale], quality=Quality.UNCERTAIN)
    clean_touched_dates(mall.engine, now=NOW)
    assert hours(mall, till, Metric.SALES) == [
        (mall.at(DAY, 10), Decimal(30), ["uncertain_clock"], True),
        (mall.at(DAY, 11), Decimal(500), ["uncertain_clock"], False),
    ]


def test_running_figure_of_an_interval_counter_is_not_counted_twice(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE")
    ten = mall.at(DAY, 10)
    later = ten + timedelta(minutes=20)
    mall.read(counter, Metric.FOOTFALL_IN, [(ten, ten + HOUR, 40), (later, later, 9729)])
    clean_touched_dates(mall.engine, now=NOW)
    assert hours(mall, counter, Metric.FOOTFALL_IN) == [(ten, Decimal(40), ["other_kind"], True)]


def test_blind_counter_is_missing_not_zero(mall: MeasuredMall) -> None:
    blind, seeing = mall.counter("F1", zone="ENTRANCE-A"), mall.counter("F2", zone="ENTRANCE-B")
    mall.count(blind, DAY, 0)
    mall.count(seeing, DAY, 9)
    result = clean_touched_dates(mall.engine, now=NOW)
    # The other says the same number all day long, which is odd, and yet somebody was there.
    assert result.flagged == {"dead_zeros": 48, "stuck": 24}
    assert set(map(str, used(mall, blind, Metric.FOOTFALL_IN))) == {"(['dead_zeros'], False)"}
    assert {is_used for _, is_used in used(mall, seeing, Metric.FOOTFALL_IN)} == {True}


def test_zeros_are_dead_when_only_the_tills_saw_people(mall: MeasuredMall) -> None:
    counter, till = mall.counter("F1", zone="ENTRANCE"), mall.till("P1", mall.shop("S1"))
    mall.count(counter, DAY, 0)
    mall.sell(till, DAY, "99.00")
    assert clean_touched_dates(mall.engine, now=NOW).flagged == {"dead_zeros": 48}


def test_zeros_of_a_closed_mall_are_zeros(mall: MeasuredMall) -> None:
    for code in ("F1", "F2"):
        mall.count(mall.counter(code, zone="ENTRANCE"), DAY, 0)
    assert clean_touched_dates(mall.engine, now=NOW).flagged == {}


def test_zeros_at_night_are_zeros(mall: MeasuredMall) -> None:
    quiet, seeing = mall.counter("F1", zone="ENTRANCE-A"), mall.counter("F2", zone="ENTRANCE-B")
    mall.count(quiet, DAY, 0, hours=10)
    mall.count(seeing, DAY, 3)
    assert "dead_zeros" not in clean_touched_dates(mall.engine, now=NOW).flagged


def test_opening_hours_may_pass_midnight(engine: sa.Engine) -> None:
    mall = MeasuredMall(engine, cutoff_hour=6, opens_at=time(20), closes_at=time(2))
    blind, seeing = mall.counter("F1", zone="ENTRANCE-A"), mall.counter("F2", zone="ENTRANCE-B")
    start = mall.at(DAY, 22)
    mall.read(
        blind, Metric.FOOTFALL_IN, [(start + i * HOUR, start + (i + 1) * HOUR, 0) for i in range(4)]
    )
    mall.count(seeing, DAY, 3)
    assert clean_touched_dates(engine, now=NOW).flagged["dead_zeros"] == 4


def test_late_data_recomputes_only_its_date(mall: MeasuredMall) -> None:
    till = mall.till("P1", mall.shop("S1"))
    for offset in range(3):
        mall.sell(till, DAY + timedelta(days=offset), 100)
    clean_touched_dates(mall.engine, now=NOW)
    mall.sell(till, DAY, 70)
    result = clean_touched_dates(mall.engine, now=NOW)
    assert result.dates == ((mall.id, DAY),)
    assert [row[1] for row in hours(mall, till, Metric.SALES)] == [70, 100, 100]
    assert rows(
        mall.engine,
        "SELECT revision, hours_used, cleaned_at IS NOT NULL FROM ingest.touched_dates "
        "ORDER BY business_date",
    ) == [(2, 2, True), (1, 2, True), (1, 2, True)]


def test_cleaning_again_finds_nothing(mall: MeasuredMall) -> None:
    mall.sell(mall.till("P1", mall.shop("S1")), DAY, 100)
    clean_touched_dates(mall.engine, now=NOW)
    result = clean_touched_dates(mall.engine, now=NOW)
    assert (result.dates, result.hours_written, result.flagged) == ((), 0, {})


def test_any_order_of_arrival_gives_the_same_hours(engine: sa.Engine) -> None:
    found = []
    for code, order in (("M1", 1), ("M2", -1)):
        mall = MeasuredMall(engine, code=code, cutoff_hour=4)
        till, counter = mall.till("P1", mall.shop("S1")), mall.counter("F1", zone="ENTRANCE")
        for offset in range(4)[::order]:
            day = DAY + timedelta(days=offset)
            mall.sell(till, day, 100 + offset)
            clean_touched_dates(engine, now=NOW)
            mall.count(counter, day, 0 if offset == 2 else 5)
            clean_touched_dates(engine, now=NOW)
        found.append(
            rows(
                engine,
                "SELECT metric, hour_start, business_date, value, samples, flags, is_used "
                "FROM ingest.reading_hours WHERE mall_id = :mall ORDER BY 1, 2",
                mall=mall.id,
            )
        )
    assert found[0] == found[1]


def test_days_up_to_the_next_register_are_marked_for_the_marts(mall: MeasuredMall) -> None:
    meter = mall.meter("E1", mall.shop("S1"))
    for day in (8, 9, 10, 13, 14):
        mall.dial(meter, (mall.at(date(2026, 3, day), 8), day))
    clean_touched_dates(mall.engine, now=NOW)
    statement = "SELECT extract(day FROM business_date)::int, revision FROM ingest.touched_dates"
    before = dict(rows(mall.engine, statement))
    mall.dial(meter, (mall.at(DAY, 9), 11))
    assert clean_touched_dates(mall.engine, now=NOW).dates == ((mall.id, DAY),)
    after = dict(rows(mall.engine, statement))
    assert {day for day in after if after[day] != before.get(day)} == {10, 11, 12, 13}


def test_dates_of_one_mall_are_cleaned_alone(engine: sa.Engine) -> None:
    malls = [MeasuredMall(engine, code=code) for code in ("M1", "M2")]
    for mall in malls:
        mall.sell(mall.till("P1", mall.shop("S1")), DAY, 100)
    result = clean_touched_dates(engine, now=NOW, mall_id=malls[1].id)
    assert result.dates == ((malls[1].id, DAY),)


def test_touched_dates_are_cleaned_again(mall: MeasuredMall) -> None:
    """Those that are known: a date of which nothing was ever heard has nothing to clean."""
    till = mall.till("P1", mall.shop("S1"))
    later = DAY + timedelta(days=2)
    mall.sell(till, DAY, 100)
    mall.sell(till, later, 100)
    clean_touched_dates(mall.engine, now=NOW)
    with Session(mall.engine) as session, session.begin():
        touch_dates(session, mall_id=mall.id, first=DAY, last=later - timedelta(days=1), now=NOW)
    assert clean_touched_dates(mall.engine, now=NOW).dates == ((mall.id, DAY),)
    with Session(mall.engine) as session, session.begin():
        touch_dates(session, mall_id=mall.id, first=DAY, now=NOW)
    assert clean_touched_dates(mall.engine, now=NOW).dates == ((mall.id, DAY), (mall.id, later))
