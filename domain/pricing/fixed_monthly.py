"""An amount a month: amount x factor, by the share of the month."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.calendar import Share, parse_share
from domain.clauses import FixedMonthly
from domain.pricing.priced import Priced, operand, value_of

FORMULA = "fixed_monthly"


def amount_of(amount: Decimal, factor: Decimal, share: Share) -> Decimal:
    return share.of(amount * factor)


def price(terms: FixedMonthly, share: Share, currency: str) -> Priced:
    return Priced(
        amount_of(terms.amount, terms.factor, share),
        share.fraction,
        "month",
        FORMULA,
        {
            "amount": operand(terms.amount, f"{currency}/month"),
            "factor": operand(terms.factor, "1"),
            "before": {"value": share.before_text, "unit": "month"},
            "through": {"value": share.through_text, "unit": "month"},
        },
    )


def recompute(operands: Mapping[str, Any]) -> Decimal:
    share = parse_share(operands["before"]["value"], operands["through"]["value"])
    return amount_of(value_of(operands, "amount"), value_of(operands, "factor"), share)
