"""A rate per m2 and day: rate x area x days x factor. There is no month denominator."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.calendar import Share, parse_share
from domain.clauses import PerAreaDay
from domain.pricing.priced import Priced, operand, value_of

FORMULA = "per_area_day"


def amount_of(rate: Decimal, area_m2: Decimal, factor: Decimal, days: Share) -> Decimal:
    return days.of(rate * area_m2 * factor)


def price(terms: PerAreaDay, area_m2: Decimal, days: Share, currency: str) -> Priced:
    """`days` is a slice of a row of days, see `domain.calendar.day_share`."""
    return Priced(
        amount_of(terms.rate, area_m2, terms.factor, days),
        area_m2 * days.days,
        "m2*day",
        FORMULA,
        {
            "rate": operand(terms.rate, f"{currency}/m2/day"),
            "area": operand(area_m2, "m2"),
            "factor": operand(terms.factor, "1"),
            "before": {"value": days.before_text, "unit": "day"},
            "through": {"value": days.through_text, "unit": "day"},
        },
    )


def recompute(operands: Mapping[str, Any]) -> Decimal:
    days = parse_share(operands["before"]["value"], operands["through"]["value"])
    return amount_of(
        value_of(operands, "rate"),
        value_of(operands, "area"),
        value_of(operands, "factor"),
        days,
    )
