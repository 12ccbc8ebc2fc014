"""Turnover rent: a percentage of sales over a breakpoint, settled for a period.

The greater of base rent and percentage, max(base, sales x rate), is base + overage over the
natural breakpoint base / rate: so one function serves both. It computes the overage as
max(0, sales x rate - base), which needs no division and therefore no rounding before the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.clauses import Breakpoint, Percentage, SalesTier, TierKind
from domain.money import ONE, ZERO, round_cents
from domain.pricing.priced import Operands, Priced, operand, text, value_of
from domain.tariffs import band_reached, marginal

FORMULA = "percentage"


@dataclass(frozen=True, slots=True)
class Scale:
    """The part of a settlement period that the clause was in force, as a fraction.

    Stated amounts (breakpoint, tier bounds, minimum, maximum) belong to a whole period and
    shrink with it; a natural breakpoint shrinks by itself, with its base.
    """

    part: Decimal = ONE
    whole: Decimal = ONE

    def of(self, amount: Decimal) -> Decimal:
        return amount if self.part == self.whole else amount * self.part / self.whole

    def __str__(self) -> str:
        return f"{text(self.part)}/{text(self.whole)}"


WHOLE_PERIOD = Scale()


def due(terms: Percentage, *, sales: Decimal, base: Decimal, scale: Scale) -> Decimal:
    """Turnover rent due for a settlement period, half up to 0.01; never below 0.

    `sales` and `base` (the rent of the same period) are in the currency, on the clause's own
    tax basis.
    """
    tiers = tuple(
        (None if tier.up_to is None else scale.of(tier.up_to), tier.rate) for tier in terms.tiers
    )
    sales = max(sales, ZERO)
    match terms.breakpoint:
        case Breakpoint.NONE:
            amount = _price_of(sales, tiers, terms.tier_kind)
        case Breakpoint.NATURAL:
            amount = _price_of(sales, tiers, terms.tier_kind) - base
        case Breakpoint.ARTIFICIAL:
            threshold = scale.of(terms.breakpoint_amount or ZERO)
            if terms.tier_kind is TierKind.WHOLE:
                amount = (sales - threshold) * band_reached(sales, tiers)
            else:
                amount = marginal(sales, tiers) - marginal(threshold, tiers)
    amount = max(amount, ZERO)
    if terms.minimum is not None:
        amount = max(amount, scale.of(terms.minimum))
    if terms.maximum is not None:
        amount = min(amount, scale.of(terms.maximum))
    return round_cents(amount)


def _price_of(
    sales: Decimal, tiers: tuple[tuple[Decimal | None, Decimal], ...], kind: TierKind
) -> Decimal:
    if kind is TierKind.WHOLE:
        return sales * band_reached(sales, tiers)
    return marginal(sales, tiers)


def price(
    terms: Percentage,
    *,
    sales: Decimal,
    base: Decimal,
    billed: Decimal,
    scale: Scale,
    currency: str,
) -> Priced:
    """True-up: due for the settlement period minus what was `billed` for it; may be negative."""
    operands: Operands = {
        "sales": operand(sales, currency),
        "tiers": [
            {
                "up_to": None if tier.up_to is None else text(tier.up_to),
                "rate": text(tier.rate),
            }
            for tier in terms.tiers
        ],
        "tier_kind": terms.tier_kind.value,
        "breakpoint": terms.breakpoint.value,
        "settlement": terms.settlement.value,
        "scale": {"value": str(scale), "unit": "settlement period"},
        "billed": operand(billed, currency),
    }
    if terms.breakpoint is Breakpoint.NATURAL:
        operands["base"] = operand(base, currency)
        if len(terms.tiers) == 1:
            # For the reader of the bill; the amount is computed from the base.
            natural = round_cents(base / terms.tiers[0].rate)
            operands["natural_breakpoint"] = operand(natural, currency)
    for name, amount in (
        ("breakpoint_amount", terms.breakpoint_amount),
        ("minimum", terms.minimum),
        ("maximum", terms.maximum),
    ):
        if amount is not None:
            operands[name] = operand(amount, currency)
    total = due(terms, sales=sales, base=base, scale=scale)
    return Priced(total - billed, sales, currency, FORMULA, operands)


def recompute(operands: Mapping[str, Any]) -> Decimal:
    def stated(name: str) -> Decimal | None:
        return value_of(operands, name) if name in operands else None

    terms = Percentage(
        tuple(
            SalesTier(
                None if tier["up_to"] is None else Decimal(tier["up_to"]), Decimal(tier["rate"])
            )
            for tier in operands["tiers"]
        ),
        TierKind(operands["tier_kind"]),
        Breakpoint(operands["breakpoint"]),
        stated("breakpoint_amount"),
        minimum=stated("minimum"),
        maximum=stated("maximum"),
    )
    part, whole = operands["scale"]["value"].split("/")
    total = due(
        terms,
        sales=value_of(operands, "sales"),
        base=stated("base") or ZERO,
        scale=Scale(Decimal(part), Decimal(whole)),
    )
    return total - value_of(operands, "billed")
