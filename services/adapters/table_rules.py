"""How a feed of tables is written down: its columns, its rules in order, what a row says.

Belongs here: that vocabulary, and the rules that several feeds share. Not here: a feed's own
rules (its module), running them (tables).

Rules are SQL for DuckDB over a row `came` of trimmed texts. Beside it stand `mall`, one row
(code, currency, earliest, latest, latest_certain, earliest_certain: instants in UTC without
zone), and `device` (code, device_id, kind, feed_kind, minutes, ratio, places), found by the
feed's `device_column`. A rule is judged only where all rules before it hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.devices import DeviceKind, FeedKind
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Reason, shown

NUMBER = r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,6})?"
WHOLE_NUMBER = r"[+-]?[0-9]{1,12}"
INSTANT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
)
A_NUMBER = "a number such as 1234.50 (at most 12 digits and 6 decimals)"
A_WHOLE_NUMBER = "a whole number such as 120"
AN_INSTANT = "an ISO time with its offset such as 2026-03-05T10:00:00+08:00"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is judged: what its sentence may name."""

    where: MallDevices
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Rule:
    """`holds`: SQL; NULL does not hold. `sentence` is made of a refused row: its columns and what
    the feed added to them.
    """

    code: Reason
    holds: str
    sentence: Callable[[Row, Place], str]


@dataclass(frozen=True, slots=True)
class TableFeed:
    """`added` names SQL expressions over the row, each may use those before it; they are NULL
    where the text makes no sense. `start`, `end` and `stated_quality` are SQL over all of these,
    `readings` the metric and the value of each reading of a row.
    """

    columns: tuple[str, ...]
    device_column: str
    added: tuple[tuple[str, str], ...]
    rules: tuple[Rule, ...]
    readings: tuple[tuple[str, str], ...]
    start: str
    end: str
    optional: tuple[str, ...] = ()
    stated_quality: str = "'GOOD'"
    # Whether rows are joined to the spans of their `business_date` (day, day_begins, day_ends),
    # and to what their device measures of their `data_type` (measure_kind, measure_unit).
    looks_up_days: bool = False
    looks_up_measures: bool = False


def device_rules(column: str, *, kind: DeviceKind, feed_kind: FeedKind) -> tuple[Rule, ...]:
    """The code in `column` is that of a device of this kind that counts in this way."""
    return (
        Rule(Reason.UNKNOWN_DEVICE, "registered_id IS NOT NULL", _unknown_device(column)),
        Rule(
            Reason.WRONG_KIND,
            f"device_kind = '{kind.value}'",
            lambda row, place: (
                f"{row[column]} is a device of kind {row['device_kind']}; this feed is for {kind}"
            ),
        ),
        Rule(
            Reason.WRONG_FEED,
            f"device_feed_kind = '{feed_kind.value}'",
            lambda row, place: (
                f"{row[column]} is registered to count as {row['device_feed_kind']}; this feed is "
                f"{feed_kind}, and using both would count twice"
            ),
        ),
    )


def known_device_rule(column: str) -> Rule:
    return Rule(Reason.UNKNOWN_DEVICE, "registered_id IS NOT NULL", _unknown_device(column))


def _unknown_device(column: str) -> Callable[[Row, Place], str]:
    return lambda row, place: (
        f"{column} is {shown(row[column])}; expected the code of a device registered in mall "
        f"{place.where.mall.code}"
    )


def number_rules(names: Sequence[str], *, whole: bool = False) -> tuple[Rule, ...]:
    """NaN, exponents, separators and blanks are no numbers."""
    pattern, expected = (WHOLE_NUMBER, A_WHOLE_NUMBER) if whole else (NUMBER, A_NUMBER)
    return tuple(
        Rule(
            Reason.BAD_NUMBER,
            f"regexp_full_match(\"{name}\", '{pattern}')",
            quoting(name, expected),
        )
        for name in names
    )


def amount_of(name: str) -> str:
    """The number in a column, exact; NULL where it is none."""
    return f'TRY_CAST("{name}" AS DECIMAL(18, 6))'


def instant_of(name: str) -> str:
    """The ISO time in a column as a moment in UTC; NULL where it is none."""
    return (
        f"CASE WHEN regexp_full_match(\"{name}\", '{INSTANT}') THEN "
        f"CAST(TRY_CAST(replace(\"{name}\", 'z', 'Z') AS TIMESTAMPTZ) AS TIMESTAMP) END"
    )


def instant_rules(name: str, parsed: str) -> tuple[Rule, ...]:
    """The column holds a time that a device can mean; `parsed` is its `instant_of`."""
    return (
        Rule(Reason.BAD_TIME, f"{parsed} IS NOT NULL", quoting(name, AN_INSTANT)),
        Rule(
            Reason.IMPOSSIBLE_TIME,
            f"{parsed} BETWEEN mall_earliest AND mall_latest",
            lambda row, place: (
                f"{name} is {shown(row[name])}; expected a time from 2000 on and at most a year "
                f"after {place.arrival.received_at:%Y-%m-%d}"
            ),
        ),
    )


def quoting(name: str, expected: str) -> Callable[[Row, Place], str]:
    """A sentence about one column: what stands there, what is expected."""
    return lambda row, place: f"{name} is {shown(row[name])}; expected {expected}"
