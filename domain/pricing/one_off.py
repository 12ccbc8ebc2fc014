"""An amount once, on the clause's first day."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.clauses import OneOff
from domain.money import ONE, round_cents
from domain.pricing.priced import Priced, operand, value_of

FORMULA = "one_off"


def price(terms: OneOff, currency: str) -> Priced:
    return Priced(
        round_cents(terms.amount),
        ONE,
        "item",
        FORMULA,
        {"amount": operand(terms.amount, currency)},
    )


def recompute(operands: Mapping[str, Any]) -> Decimal:
    return round_cents(value_of(operands, "amount"))
