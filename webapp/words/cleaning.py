"""What cleaning did to an hour, in words: the name of a rule, and why it spoke.

Belongs here: words for domain.cleaning's rules and ways of estimating, from the figures kept with
each flag (ingest.reading_hours.rules). A test holds that every rule has its words.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.cleaning import (
    ABOVE_MAXIMUM,
    DEAD_ZEROS,
    EXCLUDED_BY_HAND,
    IMBALANCE,
    INTERPOLATION,
    NEGATIVE,
    OTHER_KIND,
    OUTLIER,
    STILL,
    STUCK,
    UNCERTAIN_CLOCK,
    WEEKDAY_MEDIAN,
)
from services.language import number

RULES: Mapping[str, Any] = {
    UNCERTAIN_CLOCK.name: _l("Clock not to be trusted"),
    NEGATIVE.name: _l("Below zero"),
    OTHER_KIND.name: _l("Counted in another way"),
    ABOVE_MAXIMUM.name: _l("Above the possible"),
    DEAD_ZEROS.name: _l("Blind counter"),
    EXCLUDED_BY_HAND.name: _l("Excluded by hand"),
    STUCK.name: _l("Stuck value"),
    STILL.name: _l("Stands still"),
    OUTLIER.name: _l("Unusual value"),
    IMBALANCE.name: _l("In and out differ"),
}


def rule_name(rule: str) -> str:
    """The name of a rule; one that is no longer known is shown as it is stored."""
    return str(RULES.get(rule, rule))


def rule_reason(rule: str, told: Mapping[str, Any]) -> str:
    """Why the rule spoke, with the figures it was told by."""
    say = _REASONS.get(rule)
    return say(_Told(told)) if say else ""


def estimate_reason(told: Mapping[str, Any]) -> str:
    """How an estimated value came about."""
    figures = _Told(told)
    if told.get("method") == WEEKDAY_MEDIAN.name:
        return _(
            "Nothing was measured. The value is the median of %(n)s hours of the same weekday "
            "and time in the eight weeks before.",
            n=figures["n"],
        )
    if told.get("method") == INTERPOLATION.name:
        return _(
            "Nothing was read. The value lies on the line between %(from_value)s before and "
            "%(to_value)s after.",
            from_value=figures["from_value"],
            to_value=figures["to_value"],
        )
    return ""


class _Told:
    """Figures of a flag as a reader sees them; a missing one is a dash."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told

    def __getitem__(self, name: str) -> str:
        value = self.told.get(name)
        return "–" if value is None else number(Decimal(str(value)))

    def percent(self, name: str) -> str:
        value = self.told.get(name)
        return "–" if value is None else f"{number((Decimal(str(value)) * 100).normalize())}%"


_REASONS: Mapping[str, Callable[[_Told], str]] = {
    UNCERTAIN_CLOCK.name: lambda told: _(
        "When the reading came, the device's time was further from ours than is believed."
    ),
    NEGATIVE.name: lambda told: _("A quantity that cannot be below zero is."),
    OTHER_KIND.name: lambda told: _(
        "The reading is not of the kind that counts for this device: counting both would count "
        "twice."
    ),
    ABOVE_MAXIMUM.name: lambda told: _(
        "More than %(maximum)s in an hour is more than the device can measure.",
        maximum=told["maximum"],
    ),
    DEAD_ZEROS.name: lambda told: _(
        "Nothing but zeros in %(minutes)s open minutes, on a day on which others saw people: the "
        "counter is blind, and missing is not zero.",
        minutes=told["open_minutes"],
    ),
    EXCLUDED_BY_HAND.name: lambda told: _("Somebody decided that the value does not count."),
    STUCK.name: lambda told: _(
        "The same %(value)s in %(hours)s open hours, one after the other.",
        value=told["value"],
        hours=told["hours"],
    ),
    STILL.name: lambda told: _(
        "It has not moved from %(value)s for %(days)s days, though it did before.",
        value=told["value"],
        days=told["days"],
    ),
    OUTLIER.name: lambda told: _(
        "Far from the same weekday and hour of the eight weeks before: their median is "
        "%(median)s (%(n)s hours, spread %(spread)s), so the score is %(z)s; beyond 3.5 is "
        "unusual.",
        median=told["median"],
        n=told["n"],
        spread=told["spread"],
        z=told["z"],
    ),
    IMBALANCE.name: lambda told: _(
        "At close %(entered)s had gone in and %(left)s come out, %(share)s apart.",
        entered=told["in"],
        left=told["out"],
        share=told.percent("share"),
    ),
}
