"""The rules that judge a reading before the marts may use it, and how a missing one is estimated.

Belongs here: each rule and each way of estimating as data: its name, version and parameters; the
robust score by which an outlier is told. Not here: how readings are gathered into hours and the
rules applied to them (services.operations.cleaning), and what a register consumed between two
readings (the marts).

Cleaning never deletes: a rule flags, and what it flags is kept beside what is used. A hard rule
takes its value out of use and looks at one business date of one mall alone. A soft one flags and
leaves the value in use; it may look at other dates, but only at what the hard rules and people
left in use there. So no flag follows from a soft flag, and any order of arrival gives the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from domain.devices import (
    REGISTER_METRICS,
    SALES_METRICS,
    USED_METRICS,
    Metric,
)


class CleaningVerdict(StrEnum):
    """RELEASE: a rule's flag does not hold, the value counts. EXCLUDE: the value does not count,
    though no rule spoke.
    """

    RELEASE = "RELEASE"
    EXCLUDE = "EXCLUDE"


@dataclass(frozen=True, slots=True)
class CleaningRule:
    """`version` changes whenever the rule would judge a reading differently."""

    name: str
    version: int
    explanation: str
    is_hard: bool
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EstimateMethod:
    """How an hour without a usable measurement gets a value that is marked as estimated."""

    name: str
    version: int
    explanation: str
    parameters: Mapping[str, object] = field(default_factory=dict)


def _named(*metrics: Metric) -> tuple[str, ...]:
    return tuple(sorted(metric.value for metric in metrics))


FOOTFALL = (Metric.FOOTFALL_IN, Metric.FOOTFALL_OUT)

# Net sales and tax may fall below zero on a day of refunds, a temperature in winter.
NEVER_NEGATIVE = _named(
    *(
        metric
        for metric in Metric
        if metric not in {Metric.SALES, Metric.DECLARED_SALES, Metric.TAX, Metric.TEMPERATURE}
    )
)

UNCERTAIN_CLOCK = CleaningRule(
    name="uncertain_clock",
    version=1,
    explanation="the device's clock was beyond the limit when the reading was received",
    is_hard=True,
)
NEGATIVE = CleaningRule(
    name="negative",
    version=1,
    explanation="a quantity that cannot be below zero is",
    is_hard=True,
    parameters={"metrics": NEVER_NEGATIVE},
)
OTHER_KIND = CleaningRule(
    name="other_kind",
    version=2,
    explanation="the reading is not of the kind that counts for its device and metric: a running "
    "figure where intervals count, an interval where events or a register do, or a figure of a "
    "till beside the transactions it sent one by one",
    is_hard=True,
)
ABOVE_MAXIMUM = CleaningRule(
    name="above_maximum",
    version=1,
    explanation="an hour's quantity is above what the device can physically measure",
    is_hard=True,
    parameters={"largest_value": 10**12 - 1, "not_metrics": _named(*REGISTER_METRICS)},
)
DEAD_ZEROS = CleaningRule(
    name="dead_zeros",
    version=1,
    explanation="a counter reports nothing but zeros for a whole business day on which other "
    "counters or tills of the mall saw people: it is blind, and missing is not zero",
    is_hard=True,
    parameters={
        "metrics": _named(*FOOTFALL),
        "evidence_metrics": _named(*FOOTFALL, Metric.SALES, Metric.TRANSACTIONS),
        "minimum_opening_hours": 4,
    },
)
EXCLUDED_BY_HAND = CleaningRule(
    name="excluded_by_hand",
    version=1,
    explanation="somebody decided, with a reason, that the value does not count",
    is_hard=True,
)
STUCK = CleaningRule(
    name="stuck",
    version=1,
    explanation="a counter says the same number, not zero, in one open hour after the other",
    is_hard=False,
    parameters={"metrics": _named(*FOOTFALL), "hours": 6},
)
STILL = CleaningRule(
    name="still",
    version=1,
    explanation="a register has not moved, or a counter has seen nobody, for as many days as "
    "`still_days` though it did in the `moved_days` before; said at the last hour of the day",
    is_hard=False,
    parameters={
        "metrics": _named(*FOOTFALL, *REGISTER_METRICS),
        "still_days": 7,
        "moved_days": 14,
    },
)
OUTLIER = CleaningRule(
    name="outlier",
    version=1,
    explanation="far from the same weekday and hour of the weeks before, by the robust score "
    "0.6745 (x - median) / MAD (Iglewicz and Hoaglin 1993); where the MAD is 0, the larger of "
    "`floor` and `floor_share` of the median stands for it",
    is_hard=False,
    parameters={
        "metrics": _named(*FOOTFALL, *USED_METRICS, Metric.SALES, Metric.TRANSACTIONS),
        "weeks": 8,
        "minimum_samples": 5,
        "limit": Decimal("3.5"),
        "floor": Decimal(1),
        "floor_share": Decimal("0.05"),
    },
)
IMBALANCE = CleaningRule(
    name="imbalance",
    version=1,
    explanation="at the close of the day more people had gone into a place than had come out of "
    "it, or the reverse, by more than `share` of the larger number; all entrances of the mall are "
    "one place; said at the last hour of each of its counters",
    is_hard=False,
    parameters={"share": Decimal("0.2"), "minimum": 100},
)

# In the order in which an hour names them.
CLEANING_RULES = (
    UNCERTAIN_CLOCK,
    NEGATIVE,
    OTHER_KIND,
    ABOVE_MAXIMUM,
    DEAD_ZEROS,
    EXCLUDED_BY_HAND,
    STUCK,
    STILL,
    OUTLIER,
    IMBALANCE,
)
RULE_OF_NAME: Mapping[str, CleaningRule] = {rule.name: rule for rule in CLEANING_RULES}

WEEKDAY_MEDIAN = EstimateMethod(
    name="weekday_median",
    version=1,
    explanation="the median of the same weekday and hour of the weeks before, of what was "
    "measured in full; only for open hours, where a counter or an interval meter hangs, and never "
    "for the last day that the mall has sent anything of",
    parameters={
        "metrics": _named(*FOOTFALL, *USED_METRICS),
        "weeks": OUTLIER.parameters["weeks"],
        "minimum_samples": 3,
    },
)
INTERPOLATION = EstimateMethod(
    name="interpolation",
    version=1,
    explanation="what the dial would have shown at the full hour, had it run evenly between the "
    "readings before and after; not where it fell, nor from one installation to the next",
    parameters={
        "metrics": _named(*REGISTER_METRICS),
        "expected_intervals": Decimal("1.5"),
        "longest_days": 31,
    },
)
# Sales are never estimated.
ESTIMATE_METHODS = (WEEKDAY_MEDIAN, INTERPOLATION)

# A void names a transaction of the same till at most so many days away.
VOID_REACH_DAYS = 31

# What is told of a till's transactions hour by hour.
TILL_METRICS = _named(*SALES_METRICS)

NORMAL_SHARE = Decimal("0.6745")


@dataclass(frozen=True, slots=True)
class RobustScore:
    """How far a value stands from others: `z` = 0.6745 (x - median) / spread, where `spread` is
    the median absolute deviation, or the floor where that is 0.
    """

    z: Decimal
    median: Decimal
    spread: Decimal
    samples: int


def median(values: Sequence[Decimal]) -> Decimal:
    """The middle value, or the mean of the two in the middle. Raises ValueError for none."""
    if not values:
        raise ValueError("nothing has no median")
    ordered = sorted(values)
    size = len(ordered)
    return (ordered[(size - 1) // 2] + ordered[size // 2]) / 2


def robust_score(value: Decimal, seen: Sequence[Decimal]) -> RobustScore | None:
    """The score of `value` among `seen`; None when fewer than the minimum were seen.

    The reference for what services.operations.cleaning computes in Postgres.
    """
    given = OUTLIER.parameters
    if len(seen) < int(str(given["minimum_samples"])):
        return None
    middle = median(seen)
    spread = median([abs(one - middle) for one in seen]) or max(
        Decimal(str(given["floor"])), Decimal(str(given["floor_share"])) * abs(middle)
    )
    return RobustScore(NORMAL_SHARE * (value - middle) / spread, middle, spread, len(seen))
