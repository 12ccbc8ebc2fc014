"""A rate per m2 and month: rate x area x factor, by the share of the month."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.calendar import Share, parse_share
from domain.clauses import PerAreaMonth
from domain.pricing.priced import Priced, operand, value_of

FORMULA = "per_area_month"


def amount_of(rate: Decimal, area_m2: Decimal, factor: Decimal, share: Share) -> Decimal:
    return share.of(rate * area_m2 * factor)


def price(terms: PerAreaMonth, area_m2: Decimal, share: Share, currency: str) -> Priced:
    return Priced(
        amount_of(terms.rate, area_m2, terms.factor, share),
        area_m2,
        "m2",
        FORMULA,
        {
            "rate": operand(terms.rate, f"{currency}/m2/month"),
            "area": operand(area_m2, "m2"),
            "factor": operand(terms.factor, "1"),
            "before": {"value": share.before_text, "unit": "month"},
            "through": {"value": share.through_text, "unit": "month"},
        },
    )


def recompute(operands: Mapping[str, Any]) -> Decimal:
    share = parse_share(operands["before"]["value"], operands["through"]["value"])
    return amount_of(
        value_of(operands, "rate"),
        value_of(operands, "area"),
        value_of(operands, "factor"),
        share,
    )
