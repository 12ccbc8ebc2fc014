"""How an amount on a bill came about, stored with the line, and the way back from it.

A derivation is JSON:
  formula    which way of charging, one of FORMULAS
  operands   everything the amount is computed from, numbers as strings beside their units
  clause_id  the term of the lease
  tax        {"rate", "is_inclusive"}
  sources    where operands come from: units, sales days, meter registers, tariff, other bills
The amount follows from `formula` and `operands` alone; of an adjustment its tax does, too.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from typing import Any

from domain.money import MONEY_CONTEXT, Taxed, with_tax
from domain.pricing import (
    adjustment,
    fixed_monthly,
    metered,
    one_off,
    per_area_day,
    per_area_month,
    percentage,
)

FORMULAS: dict[str, Callable[[Mapping[str, Any]], Decimal]] = {
    fixed_monthly.FORMULA: fixed_monthly.recompute,
    per_area_month.FORMULA: per_area_month.recompute,
    per_area_day.FORMULA: per_area_day.recompute,
    percentage.FORMULA: percentage.recompute,
    metered.FLAT: metered.recompute_flat,
    metered.TIME_OF_USE: metered.recompute_time_of_use,
    metered.TIERED: metered.recompute_tiered,
    one_off.FORMULA: one_off.recompute,
    adjustment.FORMULA: adjustment.recompute,
}


def recompute(derivation: Mapping[str, Any]) -> Decimal:
    """The amount of a line, as its clause states it, from what was stored with it.

    Raises KeyError when the formula is unknown or an operand is missing.
    """
    with localcontext(MONEY_CONTEXT):
        return FORMULAS[derivation["formula"]](derivation["operands"])


def recompute_taxed(derivation: Mapping[str, Any]) -> Taxed:
    """Net, tax and total of a line from what was stored with it."""
    tax = derivation["tax"]
    with localcontext(MONEY_CONTEXT):
        if derivation["formula"] == adjustment.FORMULA:
            return adjustment.recompute_taxed(derivation["operands"])
        return with_tax(
            FORMULAS[derivation["formula"]](derivation["operands"]),
            Decimal(tax["rate"]),
            inclusive=tax["is_inclusive"],
        )
