"""An earlier month that was billed at other terms than it has now: due minus billed.

Both sides stand with their tax, so that what all bills say of the month is what is due, to the
cent, and not the tax of a difference.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.money import Taxed
from domain.pricing.priced import Operands, operand, value_of

FORMULA = "adjustment"


def operands_of(due: Taxed, billed: Taxed, currency: str) -> Operands:
    return {
        "due": operand(due.net, currency),
        "due_tax": operand(due.tax, currency),
        "billed": operand(billed.net, currency),
        "billed_tax": operand(billed.tax, currency),
    }


def recompute(operands: Mapping[str, Any]) -> Decimal:
    return value_of(operands, "due") - value_of(operands, "billed")


def recompute_taxed(operands: Mapping[str, Any]) -> Taxed:
    net = recompute(operands)
    tax = value_of(operands, "due_tax") - value_of(operands, "billed_tax")
    return Taxed(net, tax, net + tax)
