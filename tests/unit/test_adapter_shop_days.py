"""Shops' day summaries."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from till_and_meter_samples import SHOP_DAYS, SOURCE

from domain.devices import Metric
from services.adapters.decoded import Unreadable
from services.adapters.refusals import Reason
from services.adapters.shop_days import decode


def test_each_figure_is_of_the_malls_whole_business_day() -> None:
    decoded = decode(SHOP_DAYS, SOURCE)
    assert [(m.serial, m.label, m.metric, m.value) for m in decoded.measurements] == [
        ("F2-11", "SaleMoney", Metric.SALES, Decimal("20417.55")),
        ("F2-11", "SaleNum", Metric.TRANSACTIONS, Decimal(87)),
        ("F2-11", "SaleDiscountMoney", Metric.DISCOUNTS, Decimal("803.45")),
        ("F2-12", "SaleMoney", Metric.SALES, Decimal(0)),
        ("F2-12", "SaleNum", Metric.TRANSACTIONS, Decimal(0)),
    ]
    assert {(m.start, m.end) for m in decoded.measurements} == {
        (datetime(2026, 5, 11, 20, tzinfo=UTC), datetime(2026, 5, 12, 20, tzinfo=UTC))
    }
    assert {m.channel for m in decoded.measurements} == {""}
    assert (decoded.total, decoded.heard) == (5, {"F2-11", "F2-12"})


def test_business_day_of_a_clock_change_has_23_hours() -> None:
    berlin = replace(SOURCE, zone=ZoneInfo("Europe/Berlin"), cutoff_hour=0)
    body = b'{"ShopCode":"A","SaleDate":"2026-03-29","SaleMoney":1}'
    (measurement,) = decode(body, berlin).measurements
    assert (measurement.end - measurement.start).total_seconds() == 23 * 3600


def test_one_object_a_mark_and_numbers_as_text_are_read() -> None:
    body = b'\xef\xbb\xbf {"ShopCode":12,"SaleDate":"20260512","SaleMoney":"0.10"}'
    (measurement,) = decode(body, SOURCE).measurements
    assert (measurement.serial, str(measurement.value)) == ("12", "0.10")


def test_amounts_are_those_written_and_no_floats() -> None:
    body = b'[{"ShopCode":"A","SaleDate":"2026-05-12","SaleMoney":123456789.13}]'
    (measurement,) = decode(body, SOURCE).measurements
    assert str(measurement.value) == "123456789.13"


def test_one_bad_object_is_refused_alone() -> None:
    body = (
        b'[{"ShopCode":"A","SaleDate":"2026-05-12","SaleMoney":1},'
        b'{"SaleDate":"2026-05-12","SaleMoney":1},'
        b'{"ShopCode":"B","SaleDate":"12.5.26","SaleMoney":1},'
        b'{"ShopCode":"B","SaleDate":"2026-05-12","SaleNum":1.5},'
        b'{"ShopCode":"B","SaleDate":"2026-05-12","SaleMoney":"much"},'
        b'{"ShopCode":"B","SaleDate":"2026-05-12","SaleMoney":1,"Currency":"USD"},'
        b'{"ShopCode":"B","SaleDate":"2026-05-12"},7]'
    )
    decoded = decode(body, SOURCE)
    assert len(decoded.measurements) == 1
    assert [refusal.reason_code for refusal in decoded.refusals] == [
        Reason.MISSING_FIELD,
        Reason.BAD_TIME,
        Reason.BAD_NUMBER,
        Reason.BAD_NUMBER,
        Reason.WRONG_CURRENCY,
        Reason.MISSING_FIELD,
        Reason.NOT_AN_OBJECT,
    ]
    assert decoded.total == 8


@pytest.mark.parametrize(
    "body", [b"", b"[", b"7", b'"a"', b"[" * 100_000, b"null", b"\xff{}", b'[{"a":NaN}]']
)
def test_what_is_no_summary_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body, SOURCE)
