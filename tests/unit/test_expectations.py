"""What the expectations say of whole batches, and the page that shows it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from domain.devices import Feed, Metric, Quality
from expectations import feeds
from expectations.feeds import PARTS, Validation, validate
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
    assert set(PARTS) == set(Feed)


def test_good_batches_of_every_feed_are_valid() -> None:
    for verdict in (
        validate(Feed.FOOTFALL_HOURS, visitors(), refused=0),
        validate(Feed.POS_DAYS, till_days(), refused=0),
        validate(Feed.METER_REGISTERS, registers(), refused=0),
    ):
        assert verdict.is_valid, broken(verdict)
        assert verdict.findings


def test_a_batch_of_nothing_is_valid() -> None:
    verdict = validate(Feed.POS_DAYS, pd.DataFrame(), refused=0)

    assert verdict.is_valid
    assert verdict.rows == 0


def test_a_batch_of_which_most_rows_were_refused_is_held_back() -> None:
    verdict = validate(Feed.FOOTFALL_HOURS, visitors(), refused=61)

    assert broken(verdict) == ["At most half of the rows were refused"]


def test_few_refused_rows_are_left_to_the_quarantine() -> None:
    assert validate(Feed.FOOTFALL_HOURS, visitors(), refused=3).is_valid


def test_a_small_file_of_dirt_does_not_hold_back() -> None:
    assert validate(Feed.FOOTFALL_HOURS, pd.DataFrame(), refused=5).is_valid


def test_sales_that_do_not_add_up_are_found_to_the_cent() -> None:
    verdict = validate(Feed.POS_DAYS, till_days(net="90.01"), refused=0)

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
    assert broken(validate(Feed.FOOTFALL_HOURS, frame, refused=0)) == [rule]


def test_a_register_below_zero_is_no_register() -> None:
    assert broken(validate(Feed.METER_REGISTERS, registers("-1"), refused=0)) == [
        "A register fits on a dial"
    ]


def test_the_page_shows_what_broke_in_both_languages_and_asks_for_nothing() -> None:
    verdict = validate(Feed.FOOTFALL_HOURS, visitors(metric="<script>"), refused=0)

    page = render_page(verdict, files=3, run_id="run-1", at=MIDNIGHT)

    assert "Every metric belongs to the feed" in page
    assert "每个指标都属于该数据源" in page
    assert "Held back 已暂缓" in page
    assert "<script>" not in page
    assert "://" not in page


@pytest.mark.parametrize(
    ("metric", "good", "bad", "rule"),
    [
        (Metric.FOOTFALL_IN, "12", "99999999", "Visitors fit through a door"),
        (Metric.ELECTRICITY, "1041.2", "-1", "A register fits on a dial"),
        (Metric.WATER_USED, "0.4", "-0.4", "Nothing was consumed backwards"),
        (Metric.TEMPERATURE, "21.5", "999", "A temperature of this world"),
        (Metric.HUMIDITY, "40", "140", "Humidity is a share of 100"),
    ],
)
def test_readings_of_a_make_are_judged_by_their_kind(metric, good, bad, rule) -> None:
    is_register = metric is Metric.ELECTRICITY
    width = timedelta(0) if is_register else timedelta(hours=1)
    for feed in (Feed.READINGS, Feed.GATEWAY):
        assert validate(feed, batch({metric: good}, width=width), refused=0).is_valid
        assert broken(validate(feed, batch({metric: bad}, width=width), refused=0)) == [rule]


def test_sales_of_a_make_of_tills_are_judged() -> None:
    sale = {
        "number": "A-1",
        "kind": "SALE",
        "gross_sales": Decimal("10.00"),
        "refunds": Decimal(0),
        "discounts": Decimal(0),
        "tax": Decimal(0),
    }
    verdicts = []
    for changed in ({}, {"number": ""}, {"kind": "GIFT"}, {"gross_sales": Decimal(-5)}):
        validation = Validation(Feed.POSLOG)
        validation.add("sales", pd.DataFrame([{**sale, **changed}] * 30))
        verdicts.append(broken(validation.verdict(refused=0)))
    assert verdicts == [
        [],
        ["Every sale has a number"],
        ["Every sale is of a known kind"],
        ["Gross sales of a sale are plausible"],
    ]


def test_pieces_are_judged_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two odd rows of 300 pass a rule for 99 of 100, also where both are in one piece of 60."""
    frame = visitors()
    frame = pd.concat([frame] * 5, ignore_index=True)
    frame.loc[:1, "value"] = Decimal(-4)
    whole = validate(Feed.FOOTFALL_HOURS, frame, refused=0)
    monkeypatch.setattr(feeds, "ROWS_AT_ONCE", 60)
    validation = Validation(Feed.FOOTFALL_HOURS)
    for at in range(0, len(frame), 60):
        file = validation.begin()
        file.add("readings", frame[at : at + 60])
        validation.absorb(file, f"inbox/{at}")
    merged = validation.verdict(refused=0)
    assert whole.is_valid
    assert merged.is_valid
    assert [(each.checked, each.unexpected) for each in merged.findings] == [
        (each.checked, each.unexpected) for each in whole.findings
    ]
    frame.loc[:5, "value"] = Decimal(-4)
    assert not validate(Feed.FOOTFALL_HOURS, frame, refused=0).is_valid
