"""NEM12 and NEM13: intervals, reads, their qualities and their market time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from till_and_meter_samples import NEM12, NEM13, SOURCE, nem12, nem12_day

from domain.devices import Metric, Quality
from services.adapters.decoded import Unreadable
from services.adapters.nem12 import decode
from services.adapters.refusals import Reason

SYDNEY = replace(SOURCE, zone=ZoneInfo("Australia/Sydney"))


def test_each_interval_is_a_measurement_with_the_quality_that_its_400_record_gives() -> None:
    decoded = decode(NEM12, SOURCE)
    day = [m for m in decoded.measurements if m.start >= datetime(2026, 5, 11, 16, tzinfo=UTC)]
    assert len(day) == 46
    assert {(m.serial, m.channel, m.label, m.metric) for m in day} == {
        ("NMI7700001", "E1", "E1", Metric.ELECTRICITY_USED)
    }
    assert [m.quality for m in day] == [Quality.GOOD] * 40 + [Quality.ESTIMATED] * 6
    assert {m.end - m.start for m in day} == {timedelta(minutes=30)}
    (refusal,) = decoded.refusals
    assert refusal.reason.startswith("interval 47 and 1 more: the quality is N")
    # 48 and 46 intervals, and two that are refused as one piece
    assert (decoded.total, decoded.skipped) == (48 + 46 + 1, 0)
    assert sum((m.value for m in decoded.measurements), Decimal(0)) == Decimal("0.735") * 94


@pytest.mark.parametrize(
    ("method", "quality"),
    [
        ("A", Quality.GOOD),
        ("E52", Quality.ESTIMATED),
        ("F14", Quality.ESTIMATED),
        ("S14", Quality.ESTIMATED),
        # Nobody says what the intervals are: never silently used.
        ("V", Quality.UNCERTAIN),
    ],
)
def test_quality_of_a_day(method: str, quality: Quality) -> None:
    decoded = decode(nem12(nem12_day(quality=method)), SOURCE)
    assert {m.quality for m in decoded.measurements} == {quality}
    assert len(decoded.measurements) == 48


@pytest.mark.parametrize("method", ["N", "X", ""])
def test_day_without_data_or_of_an_unknown_quality_is_refused_once(method: str) -> None:
    decoded = decode(nem12(nem12_day(quality=method)), SOURCE)
    assert decoded.measurements == []
    assert len(decoded.refusals) == decoded.total == 1


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("kWh", "0.1", "0.1"),
        ("KWH", "123456.789", "123456.789"),
        ("Wh", "1", "0.001"),
        ("MWh", "0.0003", "0.3"),
    ],
)
def test_values_are_the_files_own_digits_in_kwh(unit: str, value: str, expected: str) -> None:
    decoded = decode(nem12(nem12_day(value=value), unit=unit), SOURCE)
    assert {m.value for m in decoded.measurements} == {Decimal(expected)}


def test_reactive_energy_and_export_are_skipped_and_an_unknown_unit_is_refused() -> None:
    for skipped in (nem12(nem12_day(), unit="kVArh"), nem12(nem12_day(), suffix="B1")):
        decoded = decode(skipped, SOURCE)
        assert (decoded.measurements, decoded.refusals, decoded.skipped) == ([], [], 1)
        assert decoded.heard == {"NMI7700001"}
    (refusal,) = decode(nem12(nem12_day(), unit="GJ"), SOURCE).refusals
    assert refusal.reason_code is Reason.WRONG_UNIT


@pytest.mark.parametrize(("length", "count"), [(5, 288), (15, 96), (30, 48)])
def test_day_has_as_many_intervals_as_its_length_says(length: int, count: int) -> None:
    decoded = decode(nem12(nem12_day(count=count), length=length), SOURCE)
    assert len(decoded.measurements) == count
    first, last = decoded.measurements[0], decoded.measurements[-1]
    assert last.end - first.start == timedelta(days=1)


@pytest.mark.parametrize("count", [1, 47, 49])
def test_day_with_another_number_of_values_is_refused(count: int) -> None:
    decoded = decode(nem12(nem12_day(count=count)), SOURCE)
    assert decoded.measurements == []
    assert len(decoded.refusals) == 1


def test_times_are_at_the_standard_offset_of_the_meters_zone_all_year() -> None:
    # 5 October 2025: the clocks of Sydney went forward, the market's did not.
    decoded = decode(nem12(nem12_day("20251005"), nem12_day("20260112")), SYDNEY)
    starts = [m.start for m in decoded.measurements]
    assert starts[0] == datetime(2025, 10, 4, 14, tzinfo=UTC)
    assert starts[48] == datetime(2026, 1, 11, 14, tzinfo=UTC)
    for day in (starts[:48], starts[48:]):
        assert [start - day[0] for start in day] == [timedelta(minutes=30 * n) for n in range(48)]


def test_zone_of_a_registered_meter_goes_before_the_malls() -> None:
    perth = replace(SYDNEY, zone_of=lambda serial: ZoneInfo("Australia/Perth"))
    decoded = decode(nem12(nem12_day("20260112")), perth)
    assert decoded.measurements[0].start == datetime(2026, 1, 11, 16, tzinfo=UTC)


def test_day_that_stands_twice_supersedes() -> None:
    decoded = decode(
        nem12(nem12_day(value="1"), nem12_day("20260511"), nem12_day(value="2")), SOURCE
    )
    later = [m for m in decoded.measurements if m.start >= datetime(2026, 5, 11, 16, tzinfo=UTC)]
    assert [m.value for m in later] == [Decimal(2)] * 48
    assert (len(decoded.measurements), decoded.skipped, decoded.total) == (96, 48, 144)
    assert len({m.place for m in decoded.measurements}) == 96


def test_accumulated_reads_are_moments_of_the_register() -> None:
    decoded = decode(NEM13, SYDNEY)
    assert [(m.serial, m.channel, m.metric, m.value) for m in decoded.measurements] == [
        ("NMI7700002", "11", Metric.ELECTRICITY, Decimal("4410.6")),
        ("NMI7700002", "11", Metric.ELECTRICITY, Decimal("5120.2")),
    ]
    # February is summer time in Sydney: the market's 09:30 is UTC 23:30.
    assert [m.start for m in decoded.measurements] == [
        datetime(2026, 2, 11, 23, 30, tzinfo=UTC),
        datetime(2026, 5, 11, 23, 45, tzinfo=UTC),
    ]
    assert all(m.start == m.end for m in decoded.measurements)
    assert (decoded.total, decoded.skipped) == (3, 1)


def test_read_of_a_new_meter_has_no_previous_one() -> None:
    body = NEM13.replace(b"004410.6,20260212093000,A", b",,").replace(b"709.6", b"")
    (measurement,) = decode(body, SYDNEY).measurements
    assert measurement.value == Decimal("5120.2")


def test_energy_fed_into_the_grid_is_skipped() -> None:
    decoded = decode(NEM13.replace(b"M-772,E,", b"M-772,I,"), SYDNEY)
    assert (decoded.measurements, decoded.skipped) == ([], 2)


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_endings_and_a_mark_change_nothing(ending: str, mark: bytes) -> None:
    body = mark + NEM12.replace(b"\n", ending.encode())
    assert decode(body, SOURCE) == decode(NEM12, SOURCE)


def test_file_that_is_cut_off_says_so() -> None:
    (refusal,) = decode(NEM12[: NEM12.rindex(b"900")], SOURCE).refusals[1:]
    assert "900" in refusal.reason


def test_broken_records_are_refused_and_the_rest_is_taken() -> None:
    decoded = decode(
        nem12(
            nem12_day("20261340"),
            nem12_day(value="x"),
            "400,5,1,A,,",
            nem12_day("20260510"),
            "400,10,20,S14,53,",
            "400,15,30,A,,",
            "777,what",
            "200,NMI7700003,E1,1,E1,N1,M,kWh,0,",
            nem12_day("20260509"),
        ),
        SOURCE,
    )
    assert len(decoded.measurements) == 48
    assert [refusal.reason_code for refusal in decoded.refusals] == [
        Reason.BAD_TIME,
        Reason.WRONG_COLUMNS,
        Reason.BAD_NUMBER,
        Reason.BAD_INTERVAL,
        Reason.WRONG_COLUMNS,
        Reason.BAD_INTERVAL,
        Reason.MISSING_FIELD,
    ]
    qualities = [measurement.quality for measurement in decoded.measurements]
    assert [n + 1 for n, quality in enumerate(qualities) if quality is Quality.ESTIMATED] == list(
        range(10, 21)
    )


@pytest.mark.parametrize(
    "body", [b"", b"\n\n", b"200,NMI,E1", b"100,NEM99,2026", b"\xff\xfe1", b"PK\x03\x04", b"{}"]
)
def test_what_is_no_nem_file_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body, SOURCE)


def test_file_of_more_intervals_than_a_message_may_have_is_unreadable() -> None:
    days = [
        nem12_day(f"{year}{month:02}{day:02}", count=1440)
        for year in range(2020, 2026)
        for month in range(1, 13)
        for day in (1, 2, 3)
    ]
    with pytest.raises(Unreadable):
        decode(nem12(*days, length=1), SOURCE)
