"""What every way of charging returns, and how its operands are written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# JSON: strings, lists and objects; a quantity is {"value": "120.5", "unit": "m2"}.
Operands = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Priced:
    """An amount in whole cents, before it is seen with tax, and how it came about."""

    amount: Decimal
    quantity: Decimal
    unit: str
    formula: str
    operands: Operands


def text(value: Decimal) -> str:
    """A decimal without an exponent, its trailing zeros as they are."""
    plain = str(value)
    return format(value, "f") if "E" in plain else plain


def operand(value: Decimal, unit: str) -> dict[str, str]:
    return {"value": text(value), "unit": unit}


def value_of(operands: Mapping[str, Any], name: str) -> Decimal:
    """The value of a quantity. Raises KeyError when the operand is not there."""
    return Decimal(operands[name]["value"])
