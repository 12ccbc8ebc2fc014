"""DSMR P1 telegrams of several versions, and plain OBIS D0 ones."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from till_and_meter_samples import D0, P1, P1_LINES, P1_V2, RECEIVED, SOURCE, telegram

from domain.devices import Metric
from services.adapters.decoded import Measurement, Unreadable
from services.adapters.dsmr import decode
from services.adapters.refusals import Reason

AMSTERDAM = replace(SOURCE, zone=ZoneInfo("Europe/Amsterdam"))


def said(body: bytes) -> list[tuple[str, str, str, Metric | None, Decimal]]:
    return [
        (m.serial, m.channel, m.label, m.metric, m.value)
        for m in decode(body, AMSTERDAM).measurements
    ]


def only(body: bytes) -> Measurement:
    decoded = decode(body, AMSTERDAM)
    assert decoded.refusals == []
    (measurement,) = decoded.measurements
    return measurement


def test_telegram_gives_the_meters_register_and_those_of_its_m_bus() -> None:
    assert said(P1) == [
        ("AB120045", "", "1-0:1.8.1+1-0:1.8.2", Metric.ELECTRICITY, Decimal("324.000")),
        ("GAS00077", "", "0-1:24.2.1", Metric.GAS, Decimal("456.789")),
        # It names no serial of its own. Heat, in GJ, has no metric.
        ("AB120045", "0-2", "0-2:24.2.1", Metric.WATER, Decimal("12.300")),
    ]


def test_each_reading_has_its_own_time() -> None:
    measurements = decode(P1, AMSTERDAM).measurements
    assert [m.start for m in measurements] == [
        datetime(2026, 5, 12, 21, 15, tzinfo=UTC),
        datetime(2026, 5, 12, 21, 10, tzinfo=UTC),
        datetime(2026, 5, 12, 21, 10, 1, tzinfo=UTC),
    ]
    assert all(m.start == m.end for m in measurements)


@pytest.mark.parametrize(("mark", "hour"), [("S", 0), ("W", 1)])
def test_hour_that_comes_twice_is_told_apart_by_its_mark(mark: str, hour: int) -> None:
    lines = [line.replace("260512231500S", f"261025023000{mark}") for line in P1_LINES[:5]]
    assert only(telegram(*lines).encode()).start == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


def test_zone_of_the_meter_places_its_times() -> None:
    zones = {"AB120045": ZoneInfo("Asia/Tokyo")}
    at_home = replace(AMSTERDAM, zone_of=zones.get)
    electricity, gas, water = decode(P1, at_home).measurements
    assert electricity.start == datetime(2026, 5, 12, 14, 15, tzinfo=UTC)
    assert gas.start == datetime(2026, 5, 12, 21, 10, tzinfo=UTC)
    assert water.start == datetime(2026, 5, 12, 14, 10, 1, tzinfo=UTC)


def test_version_2_has_no_time_no_crc_and_gas_on_two_lines() -> None:
    assert said(P1_V2) == [
        ("AB120046", "", "1-0:1.8.1+1-0:1.8.2", Metric.ELECTRICITY, Decimal("333.300")),
        ("GAS00078", "", "0-1:24.3.0", Metric.GAS, Decimal("124.477")),
    ]
    electricity, gas = decode(P1_V2, AMSTERDAM).measurements
    assert electricity.start == RECEIVED
    assert gas.start == datetime(2026, 5, 12, 21, 0, tzinfo=UTC)


def test_total_register_counts_and_its_tariffs_do_not() -> None:
    body = telegram(*P1_LINES[:5], "1-0:1.8.0(000330.111*kWh)").encode()
    measurement = only(body)
    assert (measurement.label, measurement.value) == ("1-0:1.8.0", Decimal("330.111"))


def test_meter_that_names_no_serial_is_known_by_its_first_line() -> None:
    lines = ("0-0:1.0.0(260512231500S)", "1-0:1.8.0(00006678.394*kWh)")
    body = telegram(*lines, ident="/ELL5\\2MX-338_A").encode()
    assert (only(body).serial, only(body).value) == ("MX-338_A", Decimal("6678.394"))


def test_d0_telegram_gives_electricity_and_water() -> None:
    assert said(D0) == [
        ("M-4401", "", "1-0:1.8.0", Metric.ELECTRICITY, Decimal("20345.67")),
        ("M-4401", "8-0", "8-0:1.0.0", Metric.WATER, Decimal("733.125")),
    ]
    assert {m.start for m in decode(D0, AMSTERDAM).measurements} == {RECEIVED}


def test_d0_telegram_in_its_short_form_and_with_its_own_time() -> None:
    body = (
        b"\x02/ABC5METER9\n0.9.2(260512)\n0.9.1(231500)\n1.8.1(000100.5*kWh)\n"
        b"1.8.2(000050.25*kWh)\n!\n\x03x"
    )
    measurement = only(body)
    assert (measurement.serial, measurement.value) == ("METER9", Decimal("150.75"))
    assert measurement.start == datetime(2026, 5, 12, 21, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "value"),
    [("000001.2963*kWh", "1.2963"), ("1500*Wh", "1.500"), ("0.5*MWh", "500.0")],
)
def test_register_is_in_kwh_whatever_the_telegrams_unit(written: str, value: str) -> None:
    assert only(f"/EXA5M1\n1-0:1.8.0*255({written})\n!\n".encode()).value == Decimal(value)


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_stored_line_endings_do_not_break_the_crc(ending: bytes, mark: bytes) -> None:
    assert said(mark + P1.replace(b"\r\n", ending)) == said(P1)


def test_wrong_crc_refuses_the_telegram_and_the_next_is_read() -> None:
    bad = P1.replace(b"000123.456", b"000923.456")
    decoded = decode(bad + P1_V2 + D0, AMSTERDAM)
    (refusal,) = decoded.refusals
    assert (refusal.reason_code, refusal.row_number) == (Reason.CHECKSUM, 0)
    assert {m.serial for m in decoded.measurements} == {"AB120046", "GAS00078", "M-4401"}
    assert decoded.total == 1 + 2 + 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (P1[: P1.index(b"0-2:24")], Reason.MISSING_FIELD),
        (b"/EXA5M1\n1-0:1.8.0*255(12.3)\n!\n", Reason.WRONG_UNIT),
        (b"/EXA5M1\n1-0:1.8.0*255(a.b*kWh)\n!\n", Reason.BAD_NUMBER),
        (b"/EXA5\n1-0:1.8.0*255(1*kWh)\n!\n", Reason.MISSING_FIELD),
        (telegram(*P1_LINES[:3], "1-0:1.8.1(1.2.3*kWh)").encode(), Reason.WRONG_COLUMNS),
        (
            telegram("0-0:1.0.0(261342231500S)", *P1_LINES[2:5]).encode(),
            Reason.BAD_TIME,
        ),
        (b"/EXA5M1\n" + b"1-0:1.7.0(1*kW)\n" * 2000 + b"!\n", Reason.TOO_LARGE),
    ],
)
def test_telegram_that_cannot_be_read_is_refused_whole(body: bytes, code: Reason) -> None:
    decoded = decode(body, AMSTERDAM)
    assert [refusal.reason_code for refusal in decoded.refusals] == [code]
    assert (decoded.measurements, decoded.total) == ([], 1)


def test_telegram_without_a_register_is_skipped() -> None:
    decoded = decode(b"/EXA5M1\n1-0:2.8.0*255(5*kWh)\n1-0:16.7.0*255(3*kW)\n!\n", AMSTERDAM)
    assert (decoded.measurements, decoded.refusals, decoded.skipped) == ([], [], 1)


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"no telegram", b"1-0:1.8.0*255(1*kWh)\n!\n", b"\xff"]
)
def test_what_holds_no_telegram_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body, AMSTERDAM)
