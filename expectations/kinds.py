"""What readings of each kind of device must look like, whichever make sent them.

A feed of a make of device, and our own format, may carry several kinds: each part of a batch is
judged by its own rules. What the marts add up (net sales, consumption) dbt tests, not these.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from domain.devices import (
    DECLARED_METRICS,
    METRICS_OF_KIND,
    MONEY_METRICS,
    REGISTER_METRICS,
    SALES_METRICS,
    USED_METRICS,
    DeviceKind,
    Metric,
)
from domain.sales import SaleKind
from expectations.suite import Rule, door_rules

LONGEST_MINUTES = 26 * 60
# A door four metres wide at one person per metre and second.
VISITORS_A_MINUTE = 240
HIGHEST_DIAL = 9_999_999_999  # the widest dial made has ten digits
HIGHEST_DAY = 50_000_000  # ten times the busiest day known of a department store's main till


@dataclass(frozen=True)
class Part:
    """Rows of a batch that are judged together. `subject` is what the rows are: readings, or a
    till's sales; `of` picks them, `with_columns` adds what the rules look at.
    """

    rules: tuple[Rule, ...]
    of: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    with_columns: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    subject: str = "readings"


def measured(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with `minutes` between start and end, and their `number`."""
    minutes = (frame["interval_end"] - frame["interval_start"]).dt.total_seconds() / 60
    value = frame["value"]
    is_number = pd.api.types.is_numeric_dtype(value)
    number = value if is_number else pd.to_numeric(value.astype(str), errors="coerce")
    return frame.assign(minutes=minutes, number=number)


def _only(metrics: frozenset[Metric]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    names = [metric.value for metric in metrics]
    return lambda frame: frame[frame["metric"].isin(names)]


def _values(metrics: frozenset[Metric]) -> list[str]:
    return sorted(metric.value for metric in metrics)


def _between(
    column: str,
    low: float | None,
    high: float | None,
    english: str,
    chinese: str,
    mostly: float | None = None,
) -> Rule:
    arguments: dict[str, object] = {"column": column}
    arguments |= {"min_value": low} if low is not None else {}
    arguments |= {"max_value": high} if high is not None else {}
    arguments |= {"mostly": mostly} if mostly is not None else {}
    return Rule("ExpectColumnValuesToBeBetween", arguments, english, chinese)


def _a_minute(frame: pd.DataFrame) -> pd.DataFrame:
    rows = measured(frame)
    return rows.assign(visitors_a_minute=rows["number"] / rows["minutes"].clip(lower=1))


FOOTFALL = Part(
    rules=(
        _between(
            "minutes", 0, LONGEST_MINUTES, "A count covers at most a day", "一次计数最多覆盖一天"
        ),
        _between(
            "visitors_a_minute",
            0,
            VISITORS_A_MINUTE,
            "Visitors fit through a door",
            "客流量不超过门的通行能力",
            0.99,
        ),
    ),
    of=_only(METRICS_OF_KIND[DeviceKind.FOOTFALL]),
    with_columns=_a_minute,
)
REGISTERS = Part(
    rules=(
        _between("minutes", 0, 0, "A register is read at an instant", "表底数是某一时刻的读数"),
        _between(
            "number", 0, HIGHEST_DIAL, "A register fits on a dial", "表底数在表盘范围内", 0.99
        ),
    ),
    of=_only(REGISTER_METRICS),
    with_columns=measured,
)
CONSUMPTION = Part(
    rules=(
        _between(
            "minutes",
            1,
            LONGEST_MINUTES,
            "What was consumed covers at most a day",
            "用量最多覆盖一天",
        ),
        _between("number", 0, None, "Nothing was consumed backwards", "用量不为负", 0.99),
    ),
    of=_only(USED_METRICS),
    with_columns=measured,
)


def _state(metric: Metric, low: float, high: float, english: str, chinese: str) -> Part:
    return Part(
        rules=(_between("number", low, high, english, chinese, 0.99),),
        of=_only(frozenset({metric})),
        with_columns=measured,
    )


ENVIRONMENT = (
    _state(Metric.TEMPERATURE, -50, 80, "A temperature of this world", "温度在合理范围内"),
    _state(Metric.HUMIDITY, 0, 100, "Humidity is a share of 100", "湿度在 0 到 100 之间"),
    _state(
        Metric.CARBON_DIOXIDE,
        0,
        40_000,
        "Carbon dioxide within a sensor's range",
        "二氧化碳在量程内",
    ),
)
TILL_FIGURES = Part(
    rules=(
        _between(
            "amount",
            -HIGHEST_DAY,
            HIGHEST_DAY,
            "A till's figure stays within what a till can take",
            "单台收银机的金额在合理范围内",
            0.99,
        ),
    ),
    of=_only(SALES_METRICS | DECLARED_METRICS),
    with_columns=lambda frame: measured(frame).assign(
        amount=lambda rows: rows["number"].where(rows["metric"].isin(_values(MONEY_METRICS)))
    ),
)


def _as_floats(frame: pd.DataFrame) -> pd.DataFrame:
    names = ("gross_sales", "refunds", "discounts", "tax")
    return frame.assign(**{name: frame[name].astype(float) for name in names})


SALES = Part(
    rules=(
        Rule(
            "ExpectColumnValueLengthsToBeBetween",
            {"column": "number", "min_value": 1},
            "Every sale has a number",
            "每笔交易都有单号",
        ),
        Rule(
            "ExpectColumnValuesToBeInSet",
            {"column": "kind", "value_set": [kind.value for kind in SaleKind]},
            "Every sale is of a known kind",
            "每笔交易的类型都是已知的",
        ),
        *(
            _between(name, 0, HIGHEST_DAY, f"{english} of a sale are plausible", chinese, 0.99)
            for name, english, chinese in (
                ("gross_sales", "Gross sales", "单笔总额合理"),
                ("refunds", "Refunds", "单笔退款合理"),
                ("discounts", "Discounts", "单笔折扣合理"),
            )
        ),
    ),
    with_columns=_as_floats,
    subject="sales",
)
ANY_READING = Part(rules=door_rules(_values(frozenset(Metric))))
BY_KIND = (ANY_READING, FOOTFALL, REGISTERS, CONSUMPTION, *ENVIRONMENT, TILL_FIGURES, SALES)
