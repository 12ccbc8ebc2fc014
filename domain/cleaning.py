"""The rules that judge a reading before the marts may use it.

Belongs here: each rule as data: its name, version and parameters. Not here: how readings are
gathered into hours (services.operations.cleaning), and what a register consumed between two
readings (the marts): a dial's height says nothing, only its steps do.

Cleaning never deletes: a rule flags, and what it flags is kept beside what is used. Every rule
looks at one business date of one mall and at nothing else, so that any order of arrival gives
the same answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.devices import REGISTER_METRICS, Metric


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
    parameters: Mapping[str, object] = field(default_factory=dict)


# Net sales and tax may fall below zero on a day of refunds, a temperature in winter.
NEVER_NEGATIVE = tuple(
    metric.value
    for metric in Metric
    if metric not in {Metric.SALES, Metric.TAX, Metric.TEMPERATURE}
)

UNCERTAIN_CLOCK = CleaningRule(
    name="uncertain_clock",
    version=1,
    explanation="the device's clock was beyond the limit when the reading was received",
)
NEGATIVE = CleaningRule(
    name="negative",
    version=1,
    explanation="a quantity that cannot be below zero is",
    parameters={"metrics": NEVER_NEGATIVE},
)
OTHER_KIND = CleaningRule(
    name="other_kind",
    version=1,
    explanation="the reading is not of the kind that counts for its device: a running figure of "
    "a device that counts intervals, or an interval of one that sends events",
)
ABOVE_MAXIMUM = CleaningRule(
    name="above_maximum",
    version=1,
    explanation="an hour's quantity is above what the device can physically measure",
    parameters={"largest_value": 10**12 - 1, "not_metrics": tuple(sorted(REGISTER_METRICS))},
)
DEAD_ZEROS = CleaningRule(
    name="dead_zeros",
    version=1,
    explanation="a counter reports nothing but zeros for a whole business day on which other "
    "counters or tills of the mall saw people: it is blind, and missing is not zero",
    parameters={
        "metrics": (Metric.FOOTFALL_IN.value, Metric.FOOTFALL_OUT.value),
        "evidence_metrics": (
            Metric.FOOTFALL_IN.value,
            Metric.FOOTFALL_OUT.value,
            Metric.SALES.value,
            Metric.TRANSACTIONS.value,
        ),
        "minimum_opening_hours": 4,
    },
)

CLEANING_RULES = (UNCERTAIN_CLOCK, NEGATIVE, OTHER_KIND, ABOVE_MAXIMUM, DEAD_ZEROS)
