"""What the expectations say of whole batches, and the page that shows it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from domain.devices import Feed, Metric, Quality
from expectations import footfall_hours, meter_registers, pos_days
from expectations.feeds import VALIDATIONS
from expectations.page import render_page
from expectations.suite import Verdict

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def batch(
    metrics: dict[Metric, str], *, lines: int = 30, width: timedelta = timedelta(hours=1)
) -> pd.DataFrame:
    """`lines` lines of a file, each giving one reading per metric."""
    rows = [
        {
            "row_number": line,
            "device_id": 7,
            "device_code": "D-7",
            "metric": metric.value,
            "interval_start": pd.Timestamp(MIDNIGHT + line * timedelta(days=1)),
            "interval_end": pd.Timestamp(MIDNIGHT + line * timedelta(days=1) + width),
            "value": Decimal(value),
            "quality": Quality.GOOD.value,
            "file": "inbox/M/x/a.csv",
        }
        for line in range(lines)
        for metric, value in metrics.items()
    ]
    return pd.DataFrame(rows)


def visitors(**changes: object) -> pd.DataFrame:
    return batch({Metric.FOOTFALL_IN: "12", Metric.FOOTFALL_OUT: "11"}).assign(**changes)


def till_days(net: str = "90.00") -> pd.DataFrame:
    return batch(
        {
            Metric.SALES: net,
            Metric.GROSS_SALES: "100.00",
            Metric.REFUNDS: "7.00",
            Metric.DISCOUNTS: "3.00",
            Metric.TAX: "7.43",
            Metric.TRANSACTIONS: "4",
        },
        width=timedelta(days=1),
    )


def registers(value: str = "1041.2") -> pd.DataFrame:
    return batch({Metric.ELECTRICITY: value}, width=timedelta(0))


def broken(verdict: Verdict) -> list[str]:
    return [finding.english for finding in verdict.broken]


def test_every_feed_has_a_suite() -> None:
    assert set(VALIDATIONS) == set(Feed)


def test_good_batches_of_every_feed_are_valid() -> None:
    for verdict in (
        footfall_hours.validate(visitors(), refused=0),
        pos_days.validate(till_days(), refused=0),
        meter_registers.validate(registers(), refused=0),
    ):
        assert verdict.is_valid, broken(verdict)
        assert verdict.findings


def test_a_batch_of_nothing_is_valid() -> None:
    verdict = VALIDATIONS[Feed.POS_DAYS](pd.DataFrame(), refused=0)

    assert verdict.is_valid
    assert verdict.rows == 0


def test_a_batch_of_which_most_rows_were_refused_is_held_back() -> None:
    verdict = footfall_hours.validate(visitors(), refused=61)

    assert broken(verdict) == ["At most half of the rows were refused"]


def test_few_refused_rows_are_left_to_the_quarantine() -> None:
    assert footfall_hours.validate(visitors(), refused=3).is_valid


def test_a_small_file_of_dirt_does_not_hold_back() -> None:
    assert footfall_hours.validate(pd.DataFrame(), refused=5).is_valid


def test_sales_that_do_not_add_up_are_found_to_the_cent() -> None:
    verdict = pos_days.validate(till_days(net="90.01"), refused=0)

    assert broken(verdict) == ["Net sales are gross sales less refunds and discounts"]


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (visitors(device_id=None), "Every row names a registered device"),
        (visitors(metric="temperature"), "Every metric belongs to the feed"),
        (visitors(quality="FINE"), "Every quality is known"),
        (visitors(value=Decimal(-4)), "Visitors of an hour fit through a door"),
        (
            visitors().drop(columns="device_code"),
            "The batch has all columns of a reading",
        ),
    ],
)
def test_a_broken_promise_of_the_parser_is_named(frame: pd.DataFrame, rule: str) -> None:
    assert broken(footfall_hours.validate(frame, refused=0)) == [rule]


def test_a_register_below_zero_is_no_register() -> None:
    assert broken(meter_registers.validate(registers("-1"), refused=0)) == [
        "A register fits on a dial"
    ]


def test_the_page_shows_what_broke_in_both_languages_and_asks_for_nothing() -> None:
    verdict = footfall_hours.validate(visitors(metric="<script>"), refused=0)

    page = render_page(verdict, files=3, run_id="run-1", at=MIDNIGHT)

    assert "Every metric belongs to the feed" in page
    assert "每个指标都属于该数据源" in page
    assert "Held back 已暂缓" in page
    assert "<script>" not in page
    assert "://" not in page
