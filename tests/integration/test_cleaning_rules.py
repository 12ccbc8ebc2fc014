"""Soft rules, estimates, sales one by one and people's decisions, by numbers worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
import sqlalchemy as sa
from measured_mall import NOW, MeasuredMall, rows
from rung_sales import Rung, ring
from sqlalchemy.orm import Session

from domain.cleaning import CleaningVerdict, robust_score
from domain.devices import DeviceKind, FeedKind, Metric
from domain.metering import interpolated
from domain.sales import SaleKind
from domain.scopes import Actor, ActorKind
from services.operations.cleaning import clean_touched_dates
from services.operations.cleaning_decisions import DecisionError, decide, withdraw
from services.queries.cleaning_flags import (
    FlagFilter,
    count_flags,
    get_hour,
    list_flagged_hours,
)

DAY = date(2026, 3, 31)
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)
OFFICER = Actor(ActorKind.PERSON, "officer@mall.example", id=7, role="OPERATION")


@pytest.fixture
def mall(engine: sa.Engine) -> MeasuredMall:
    return MeasuredMall(engine)


def at_ten(mall: MeasuredMall, counter: int, weeks_ago: int, entered: object, hour: int = 10):
    """One hour of a counter, and a visitor at night that lets the day go on."""
    start = mall.at(DAY - weeks_ago * WEEK, hour)
    mall.read(counter, Metric.FOOTFALL_IN, [(start, start + HOUR, entered)])


def hour_of(mall: MeasuredMall, device: int, metric: Metric, start: datetime) -> tuple:
    found = rows(
        mall.engine,
        "SELECT value, flags, is_used, is_estimated, rules FROM ingest.reading_hours "
        "WHERE device_id = :device AND metric = :metric AND hour_start = :start",
        device=device,
        metric=metric.value,
        start=start,
    )
    return found[0] if found else ()


def test_outlier_is_flagged_with_its_robust_score_and_used(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE")
    seen = [100, 104, 96, 98, 102, 110, 90, 100]
    for weeks_ago, entered in enumerate(seen, start=1):
        at_ten(mall, counter, weeks_ago, entered)
    at_ten(mall, counter, 0, 130)
    clean_touched_dates(mall.engine, now=NOW)
    # Median 100; deviations 0 0 2 2 4 4 10 10, so MAD 3: 0.6745 x 30 / 3 = 6.745.
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10)) == (
        130,
        ["outlier"],
        True,
        False,
        {"outlier": {"version": 1, "z": 6.75, "median": 100, "mad": 3, "spread": 3, "n": 8}},
    )
    score = robust_score(Decimal(130), [Decimal(value) for value in seen])
    assert score is not None
    assert (score.z, score.median, score.spread) == (Decimal("6.745"), 100, 3)


@pytest.mark.parametrize(
    ("seen", "entered", "is_flagged"),
    [
        # MAD 3, so the border of 3.5 lies 15.567 from the median.
        ([100, 104, 96, 98, 102, 110, 90, 100], 115, False),
        ([100, 104, 96, 98, 102, 110, 90, 100], 116, True),
        ([100, 104, 96, 98, 102, 110, 90, 100], 84, True),
        # MAD 0: the floor is 5 % of the median, 2, and the border lies 10.378 from it.
        ([40] * 8, 50, False),
        ([40] * 8, 51, True),
        # Four weeks are too few to say what is usual.
        ([40] * 4, 500, False),
    ],
)
def test_outlier_begins_beyond_three_and_a_half(
    mall: MeasuredMall, seen: list[int], entered: int, is_flagged: bool
) -> None:
    counter = mall.counter("F1", zone="ENTRANCE")
    for weeks_ago, value in enumerate(seen, start=1):
        at_ten(mall, counter, weeks_ago, value)
    at_ten(mall, counter, 0, entered)
    clean_touched_dates(mall.engine, now=NOW)
    flags = hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10))[1]
    assert ("outlier" in flags) == is_flagged


def test_late_week_before_judges_later_weeks_again_and_revises_only_what_changed(
    mall: MeasuredMall,
) -> None:
    counter = mall.counter("F1", zone="ENTRANCE")
    for weeks_ago in (1, 2, 3, 4):
        at_ten(mall, counter, weeks_ago, 100)
    at_ten(mall, counter, 0, 130)
    clean_touched_dates(mall.engine, now=NOW)
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10))[1] == []
    at_ten(mall, counter, 5, 100)
    result = clean_touched_dates(mall.engine, now=NOW)
    assert result.dates == ((mall.id, DAY - 5 * WEEK),)
    assert result.revised == ((mall.id, DAY),)
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10))[1] == ["outlier"]


def test_same_number_hour_after_hour_is_stuck(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE")
    ten = mall.at(DAY, 10)
    values = [37] * 6 + [36, 37, 37]
    mall.read(
        counter,
        Metric.FOOTFALL_IN,
        [(ten + i * HOUR, ten + (i + 1) * HOUR, value) for i, value in enumerate(values)],
    )
    result = clean_touched_dates(mall.engine, now=NOW)
    assert result.flagged == {"stuck": 6}
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, ten)[4] == {
        "stuck": {"version": 1, "hours": 6, "value": 37}
    }


def test_register_that_has_stopped_is_flagged_at_the_end_of_its_day(mall: MeasuredMall) -> None:
    meter = mall.meter("E1", mall.shop("S1"), interval=1440)
    for days_ago in range(12):
        value = 500 if days_ago < 8 else 500 - days_ago
        mall.dial(meter, (mall.at(DAY - timedelta(days=days_ago), 9), value))
    clean_touched_dates(mall.engine, now=NOW)
    flagged = rows(
        mall.engine,
        "SELECT business_date, rules FROM ingest.reading_hours WHERE flags = '{still}' ORDER BY 1",
    )
    assert [day for day, _ in flagged] == [DAY - timedelta(days=1), DAY]
    assert flagged[0][1] == {"still": {"version": 1, "days": 7, "value": 500}}


def test_place_that_swallows_people_is_flagged_when_its_day_is_over(mall: MeasuredMall) -> None:
    """All entrances are one place: who comes in by one may leave by the other."""
    east, west = mall.counter("F1", zone="ENTRANCE-E"), mall.counter("F2", zone="ENTRANCE-W")
    shop = mall.counter("F3", shop_id=mall.shop("S1"))
    ten, close = mall.at(DAY, 10), mall.at(DAY, 11)
    for counter, entered, left in ((east, 900, 100), (west, 100, 850), (shop, 200, 150)):
        mall.read(counter, Metric.FOOTFALL_IN, [(ten, close, entered)])
        mall.read(counter, Metric.FOOTFALL_OUT, [(close, close + HOUR, left)])
    assert clean_touched_dates(mall.engine, now=NOW).flagged == {}
    mall.sell(mall.till("P1", mall.shop("S2")), DAY + timedelta(days=1), 100)
    result = clean_touched_dates(mall.engine, now=NOW)
    assert result.revised == ((mall.id, DAY),)
    assert rows(
        mall.engine,
        "SELECT device_id, metric, rules FROM ingest.reading_hours "
        "WHERE flags = '{imbalance}' ORDER BY 2",
    ) == [
        (shop, metric, {"imbalance": {"version": 1, "in": 200, "out": 150, "share": 0.25}})
        for metric in ("footfall_in", "footfall_out")
    ]


def test_missing_open_hour_is_the_median_of_its_weekday_until_the_real_one_comes(
    mall: MeasuredMall,
) -> None:
    counter = mall.counter("F1", zone="ENTRANCE")
    for weeks_ago, entered in enumerate((40, 44, 60), start=1):
        at_ten(mall, counter, weeks_ago, entered)
        at_ten(mall, counter, weeks_ago, 7, hour=3)
    at_ten(mall, counter, 0, 50, hour=11)
    clean_touched_dates(mall.engine, now=NOW)
    # The last day is not over: nothing is missing from it yet.
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10)) == ()
    mall.count(counter, DAY + timedelta(days=1), 5, hours=1)
    result = clean_touched_dates(mall.engine, now=NOW)
    assert (mall.id, DAY) in result.revised
    estimate = {"method": "weekday_median", "version": 1, "n": 3}
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10)) == (
        44, [], True, True, {"estimate": estimate},
    )  # fmt: skip
    # At three in the morning nobody was expected.
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 3)) == ()
    at_ten(mall, counter, 0, 51)
    clean_touched_dates(mall.engine, now=NOW)
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10)) == (51, [], True, False, {})


def test_blind_counter_is_estimated_beside_what_it_said(mall: MeasuredMall) -> None:
    counter, till = mall.counter("F1", zone="ENTRANCE"), mall.till("P1", mall.shop("S1"))
    for weeks_ago in (1, 2, 3):
        mall.count(counter, DAY - weeks_ago * WEEK, 20 + weeks_ago)
    mall.count(counter, DAY, 0)
    mall.sell(till, DAY, 100)
    mall.sell(till, DAY + timedelta(days=1), 100)
    clean_touched_dates(mall.engine, now=NOW)
    value, flags, is_used, is_estimated, told = hour_of(
        mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 12)
    )
    assert (value, flags, is_used, is_estimated) == (22, ["dead_zeros"], True, True)
    assert (told["estimate"]["measured"]["value"], told["dead_zeros"]["open_minutes"]) == (0, 720)
    # Two of the three weeks turn out to be wrong: too few are left, and the zeros stand again.
    for weeks_ago in (1, 2):
        mall.count(counter, DAY - weeks_ago * WEEK, -1)
    clean_touched_dates(mall.engine, now=NOW)
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 12))[:4] == (
        0, ["dead_zeros"], False, False,
    )  # fmt: skip


def test_sales_are_never_estimated(mall: MeasuredMall) -> None:
    till = mall.till("P1", mall.shop("S1"))
    for weeks_ago in range(1, 9):
        mall.sell(till, DAY - weeks_ago * WEEK, 100)
    mall.sell(till, DAY + timedelta(days=1), 100)
    clean_touched_dates(mall.engine, now=NOW)
    assert rows(mall.engine, "SELECT 1 FROM ingest.reading_hours WHERE is_estimated") == []


def test_register_is_interpolated_at_the_full_hours_between(mall: MeasuredMall) -> None:
    meter = mall.meter("E1", mall.shop("S1"))
    before = (mall.at(DAY, 8, 30), Decimal("100"))
    after = (mall.at(DAY, 12, 30), Decimal("110"))
    mall.dial(meter, before, after)
    clean_touched_dates(mall.engine, now=NOW)
    found = rows(
        mall.engine,
        "SELECT measured_at, value, is_estimated FROM ingest.reading_hours ORDER BY 1",
    )
    assert found == [
        (*before, False),
        (mall.at(DAY, 9), Decimal("101.25"), True),
        (mall.at(DAY, 10), Decimal("103.75"), True),
        (mall.at(DAY, 11), Decimal("106.25"), True),
        (*after, False),
    ]
    for moment, value, _ in found:
        assert value == interpolated(before, after, moment)
    steps = [later[1] - earlier[1] for earlier, later in pairwise(found)]
    assert sum(steps) == after[1] - before[1]
    mall.dial(meter, (mall.at(DAY, 10, 20), 109))
    clean_touched_dates(mall.engine, now=NOW)
    between = (mall.at(DAY, 10, 20), Decimal(109))
    assert [value for _, value in rows(
        mall.engine, "SELECT measured_at, value FROM ingest.reading_hours ORDER BY 1"
    )] == [
        100,
        interpolated(before, between, mall.at(DAY, 9)),
        109,
        interpolated(between, after, mall.at(DAY, 11)),
        110,
    ]  # fmt: skip


@pytest.mark.parametrize("case", ["fell", "far", "expected", "moved"])
def test_register_is_not_interpolated(mall: MeasuredMall, case: str) -> None:
    shop = mall.shop("S1")
    interval = 1440 if case == "expected" else 60
    meter = mall.meter("E1", shop, modulus="1000", interval=interval)
    later = DAY + timedelta(days=32 if case == "far" else 1)
    if case == "moved":
        mall.remove(meter, DAY)
        mall.install(meter, later, shop_id=shop)
    mall.dial(meter, (mall.at(DAY, 8), 990), (mall.at(later, 8), 5 if case == "fell" else 995))
    clean_touched_dates(mall.engine, now=NOW)
    assert rows(mall.engine, "SELECT count(*) FROM ingest.reading_hours") == [(2,)]


@pytest.mark.parametrize(("day", "length"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25)])
def test_register_is_interpolated_over_a_clock_change(
    engine: sa.Engine, day: date, length: int
) -> None:
    mall = MeasuredMall(engine, time_zone="America/New_York")
    meter = mall.meter("E1", mall.shop("S1"))
    start, end = mall.clock.business_day(day)
    mall.dial(meter, (start, 0), (end, length))
    clean_touched_dates(engine, now=NOW)
    found = rows(
        engine,
        "SELECT value, business_date FROM ingest.reading_hours WHERE is_estimated ORDER BY 1",
    )
    assert found == [(Decimal(hour), day) for hour in range(1, length)]


def till_rows(mall: MeasuredMall) -> list[tuple]:
    return rows(
        mall.engine,
        "SELECT hour_start, business_date, metric, value FROM ingest.reading_hours "
        "WHERE metric IN ('sales', 'transactions') AND is_used ORDER BY 1, 2, 3",
    )


def event_till(mall: MeasuredMall) -> int:
    return mall.device("P1", DeviceKind.POS, FeedKind.EVENT, shop_id=mall.shop("S1"))


def test_sales_and_returns_count_and_nothing_else_does(mall: MeasuredMall) -> None:
    till = event_till(mall)
    ten = mall.at(DAY, 10, 5)
    ring(
        mall,
        till,
        [
            Rung("1", ten, "100.00", discount="10.00", tax="9.00"),
            Rung("2", ten, "30.00", kind=SaleKind.RETURN, tax="2.70"),
            Rung("3", ten, "77.00", kind=SaleKind.TRAINING),
            Rung("4", ten, "88.00", kind=SaleKind.CANCELLED),
            Rung("5", ten, kind=SaleKind.CONTROL),
        ],
    )
    clean_touched_dates(mall.engine, now=NOW)
    found = rows(
        mall.engine,
        "SELECT metric, value, samples, covers_minutes, flags FROM ingest.reading_hours ORDER BY 1",
    )
    assert found == [
        ("discounts", 10, 2, 60, []),
        ("gross_sales", 100, 2, 60, []),
        ("refunds", 30, 2, 60, []),
        ("sales", 60, 2, 60, []),
        ("tax", Decimal("6.30"), 2, 60, []),
        ("transactions", 2, 2, 60, []),
    ]


def test_hour_at_midnight_stands_under_both_of_the_tills_dates(mall: MeasuredMall) -> None:
    till = event_till(mall)
    half_past = mall.at(DAY, 0, 30)
    before = DAY - timedelta(days=1)
    ring(mall, till, [Rung("9", half_past, 10, day=before), Rung("1", half_past, 20, day=DAY)])
    clean_touched_dates(mall.engine, now=NOW)
    midnight = mall.at(DAY, 0)
    assert till_rows(mall) == [
        (midnight, before, "sales", 10),
        (midnight, before, "transactions", 1),
        (midnight, DAY, "sales", 20),
        (midnight, DAY, "transactions", 1),
    ]


@pytest.mark.parametrize("is_void_first", [False, True])
def test_void_takes_back_the_nearest_of_its_number(mall: MeasuredMall, is_void_first: bool) -> None:
    """Whichever came first; the date of what it names is cleaned again, though another's came."""
    till = event_till(mall)
    days = [DAY - timedelta(days=days) for days in (5, 1, 0)]
    sold = [Rung("7", mall.at(day, 10), 10 + i, day=day) for i, day in enumerate(days[:2])]
    void = [Rung("8", mall.at(DAY, 11), kind=SaleKind.VOID, voids="7", day=DAY)]
    for part in (void, sold[:1], sold[1:]) if is_void_first else (sold, void):
        ring(mall, till, part)
        clean_touched_dates(mall.engine, now=NOW)
    assert till_rows(mall) == [
        (mall.at(days[0], 10), days[0], "sales", 10),
        (mall.at(days[0], 10), days[0], "transactions", 1),
        (mall.at(days[1], 10), days[1], "sales", 0),
        (mall.at(days[1], 10), days[1], "transactions", 0),
    ]


def test_figures_beside_transactions_are_not_counted_twice(mall: MeasuredMall) -> None:
    till = event_till(mall)
    ring(mall, till, [Rung("1", mall.at(DAY, 10), 100)])
    mall.dial(till, (mall.at(DAY, 10, 1), 100), metric=Metric.SALES)
    mall.sell(till, DAY + timedelta(days=1), 100)
    start, end = mall.clock.business_day(DAY)
    mall.read(till, Metric.DECLARED_SALES, [(start, end, 100)])
    clean_touched_dates(mall.engine, now=NOW)
    assert [row[3] for row in till_rows(mall)] == [100, 1]
    assert rows(
        mall.engine,
        "SELECT metric, value, covers_minutes FROM ingest.reading_hours WHERE is_used "
        "AND metric LIKE 'declared%'",
    ) == [("declared_sales", 100, 1440)]


def test_interval_meter_is_summed_by_hour(mall: MeasuredMall) -> None:
    meter = mall.device("U1", DeviceKind.METER, FeedKind.INTERVAL, shop_id=mall.shop("S1"))
    ten = mall.at(DAY, 10)
    mall.read(
        meter, Metric.ELECTRICITY_USED, [(ten, ten + HOUR / 2, 1), (ten + HOUR / 2, ten + HOUR, 2)]
    )
    mall.dial(meter, (ten, 555))
    clean_touched_dates(mall.engine, now=NOW)
    assert rows(
        mall.engine, "SELECT metric, value, flags, is_used FROM ingest.reading_hours ORDER BY 1"
    ) == [
        ("electricity_register", 555, ["other_kind"], False),
        ("electricity_used", 3, [], True),
    ]


def test_hours_do_not_survive_under_the_date_of_an_earlier_cutoff(mall: MeasuredMall) -> None:
    till = event_till(mall)
    mall.dial(till, (mall.at(DAY, 2), 10), (mall.at(DAY, 12), 20), metric=Metric.SALES)
    clean_touched_dates(mall.engine, now=NOW)
    with mall.engine.begin() as connection:
        connection.execute(sa.text("UPDATE app.malls SET business_day_cutoff_hour = 4"))
    # A sale of the day before has this date cleaned, and not the one that had the hour so far.
    mall.dial(till, (mall.at(DAY - timedelta(days=1), 12), 30), metric=Metric.SALES)
    while clean_touched_dates(mall.engine, now=NOW).dates:
        pass
    assert rows(
        mall.engine, "SELECT business_date, value FROM ingest.reading_hours ORDER BY hour_start"
    ) == [(DAY - timedelta(days=1), 30), (DAY - timedelta(days=1), 10), (DAY, 20)]


def choose(mall: MeasuredMall, device: int, verdict: CleaningVerdict, rule: str, **other: object):
    given: dict[str, object] = {"reason": "looked at it", "hour_start": mall.at(DAY, 10), **other}
    with Session(mall.engine) as session, session.begin():
        return decide(
            session,
            device_id=device,
            metric="footfall_in",
            business_date=DAY,
            rule=rule,
            verdict=verdict,
            actor=OFFICER,
            now=NOW,
            **given,
        )


def test_released_flag_stays_visible_and_its_value_counts(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE", maximum="100")
    at_ten(mall, counter, 0, 120)
    clean_touched_dates(mall.engine, now=NOW)
    revision = "SELECT revision FROM ingest.touched_dates"
    assert rows(mall.engine, revision) == [(1,)]
    number = choose(mall, counter, CleaningVerdict.RELEASE, "above_maximum")
    assert clean_touched_dates(mall.engine, now=NOW).dates == ((mall.id, DAY),)
    value, flags, is_used, _, told = hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10))
    assert (value, flags, is_used) == (120, ["above_maximum"], True)
    assert told["above_maximum"] == {"version": 1, "maximum": 100, "released": number}
    assert rows(mall.engine, revision) == [(2,)]
    with Session(mall.engine) as session, session.begin():
        withdraw(session, decision_id=number, reason="a parade", actor=OFFICER, now=NOW)
    clean_touched_dates(mall.engine, now=NOW)
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10))[2] is False
    assert rows(
        mall.engine,
        "SELECT action, subject_type, subject_id, note FROM audit.events "
        "WHERE action LIKE 'FLAG%' ORDER BY seq",
    ) == [
        ("FLAG_DECIDED", "cleaning_decisions", str(number), "looked at it"),
        ("FLAG_DECISION_WITHDRAWN", "cleaning_decisions", str(number), "a parade"),
    ]


def test_excluded_hour_does_not_count_and_is_no_example_for_others(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE")
    for weeks_ago in range(6):
        at_ten(mall, counter, weeks_ago, 100)
    clean_touched_dates(mall.engine, now=NOW)
    number = choose(mall, counter, CleaningVerdict.EXCLUDE, "")
    clean_touched_dates(mall.engine, now=NOW)
    assert hour_of(mall, counter, Metric.FOOTFALL_IN, mall.at(DAY, 10)) == (
        100,
        ["excluded_by_hand"],
        False,
        False,
        {"excluded_by_hand": {"version": 1, "decision": number}},
    )


@pytest.mark.parametrize(
    ("verdict", "rule", "other"),
    [
        (CleaningVerdict.RELEASE, "above_maximum", {"reason": "  "}),
        (CleaningVerdict.RELEASE, "negative", {}),
        (CleaningVerdict.RELEASE, "nonsense", {}),
        (CleaningVerdict.RELEASE, "", {}),
        (CleaningVerdict.EXCLUDE, "above_maximum", {}),
        (CleaningVerdict.EXCLUDE, "", {"hour_start": datetime(2020, 1, 1, tzinfo=UTC)}),
    ],
)
def test_decision_without_ground_is_refused(
    mall: MeasuredMall, verdict: CleaningVerdict, rule: str, other: dict
) -> None:
    counter = mall.counter("F1", zone="ENTRANCE", maximum="100")
    at_ten(mall, counter, 0, 120)
    clean_touched_dates(mall.engine, now=NOW)
    with pytest.raises(DecisionError):
        choose(mall, counter, verdict, rule, **other)
    assert clean_touched_dates(mall.engine, now=NOW).dates == ()


def test_second_decision_about_a_flag_is_refused(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE", maximum="100")
    at_ten(mall, counter, 0, 120)
    clean_touched_dates(mall.engine, now=NOW)
    choose(mall, counter, CleaningVerdict.RELEASE, "above_maximum")
    with pytest.raises(DecisionError, match="decided this already"):
        choose(mall, counter, CleaningVerdict.RELEASE, "above_maximum")


def test_flagged_hours_are_listed_page_by_page_and_counted(mall: MeasuredMall) -> None:
    counter = mall.counter("F1", zone="ENTRANCE", maximum="100")
    for weeks_ago in range(5):
        at_ten(mall, counter, weeks_ago, 120 if weeks_ago < 3 else -1)
    clean_touched_dates(mall.engine, now=NOW)
    choose(mall, counter, CleaningVerdict.RELEASE, "above_maximum")
    clean_touched_dates(mall.engine, now=NOW)
    days = [DAY - weeks_ago * WEEK for weeks_ago in range(5)]
    with Session(mall.engine) as session:
        first = list_flagged_hours(session, mall_id=mall.id, size=2)
        second = list_flagged_hours(session, mall_id=mall.id, size=2, after=first.rows[-1].place)
        third = list_flagged_hours(session, mall_id=mall.id, size=2, after=second.rows[-1].place)
        back = list_flagged_hours(session, mall_id=mall.id, size=2, before=third.rows[0].place)
        assert [row.business_date for page in (first, second, third) for row in page.rows] == days
        assert [page.has_next for page in (first, second, third)] == [True, True, False]
        assert (first.has_previous, back.rows, back.has_previous) == (False, second.rows, True)

        def listed(**wanted: object) -> list[date]:
            page = list_flagged_hours(session, mall_id=mall.id, wanted=FlagFilter(**wanted))
            return [row.business_date for row in page.rows]

        assert listed(rule="negative") == days[3:]
        assert listed(first=days[3], last=days[1]) == days[1:4]
        assert listed(is_decided=True) == days[:1]
        assert listed(is_decided=False, rule="above_maximum") == days[1:3]
        assert listed(device_id=counter + 1) == []
        row = get_hour(session, mall_id=mall.id, place=first.rows[0].place)
        assert row == first.rows[0]
        assert [(one.reason, one.decided_by) for one in row.decisions] == [
            ("looked at it", OFFICER.name)
        ]
        assert get_hour(session, mall_id=mall.id + 1, place=row.place) is None
        counts = count_flags(session, mall_id=mall.id, first=days[-1], last=days[0])
        assert [(one.rule, one.hours, one.devices, one.decided) for one in counts] == [
            ("above_maximum", 3, 1, 1),
            ("negative", 2, 1, 0),
        ]
