"""A clause's terms in a few sentences, from its pricing kind and parameters.

Belongs here: the words, for papers and pages alike. Not here: the reasons of a billed amount
(explanations).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from domain.charges import PricingKind
from services.language import CURRENCY_SIGNS, money, number, translator

Parameters = Mapping[str, Any]


class _Words:
    """What every kind needs to speak."""

    def __init__(self, locale: str, currency: str) -> None:
        self.translate = translator(locale, "documents")
        self._currency = currency

    def amount(self, text: Any) -> str:
        try:
            return money(Decimal(str(text)), self._currency)
        except InvalidOperation:
            return str(text)

    def price(self, text: Any) -> str:
        """A price with the decimals it has: ¥6.5."""
        sign = CURRENCY_SIGNS.get(self._currency, f"{self._currency} ")
        return sign + number(Decimal(str(text)))


def clause_terms(
    kind: PricingKind, parameters: Parameters, *, currency: str, locale: str
) -> tuple[str, ...]:
    """What the clause charges, each part a sentence. Parameters as in `domain.clauses`."""
    words = _Words(locale, currency)
    _ = words.translate
    said = _KINDS[kind](parameters, words)
    if "indexation" in parameters:
        said.append(_indexation(kind, parameters["indexation"], words))
    if "factor" in parameters:
        factor = Decimal(parameters["factor"])
        said.append(
            _("rent-free") if factor == 0 else _("× {factor}").format(factor=number(factor))
        )
    if "tax_rate" in parameters or "tax" in parameters:
        said.append(_tax(parameters, words))
    return tuple(said)


def percent(share: Any) -> str:
    """`0.085` → `8.5%`."""
    return f"{number((Decimal(str(share)) * 100).normalize())}%"


def _tax(parameters: Parameters, words: _Words) -> str:
    _ = words.translate
    inside = parameters.get("tax") == "INCLUSIVE"
    if "tax_rate" not in parameters:
        return _("tax included") if inside else _("tax on top")
    text = _("tax {rate} included") if inside else _("tax {rate} on top")
    return text.format(rate=percent(parameters["tax_rate"]))


def _indexation(kind: PricingKind, index: Parameters, words: _Words) -> str:
    """Where the amount comes from: the old one and both values of the index."""
    _ = words.translate
    is_rate = kind in (PricingKind.PER_AREA_MONTH, PricingKind.PER_AREA_DAY)
    old = words.price(index["old"]) if is_rate else words.amount(index["old"])
    text = _("indexed: {old} × {current} ÷ {reference}").format(
        old=old,
        current=number(Decimal(index["current_index"])),
        reference=number(Decimal(index["reference_index"])),
    )
    if index.get("floor") is not None:
        text += _(", change at least {share}").format(share=percent(index["floor"]))
    if index.get("cap") is not None:
        text += _(", change at most {share}").format(share=percent(index["cap"]))
    return text


def _fixed_monthly(p: Parameters, words: _Words) -> list[str]:
    _ = words.translate
    return [_("{amount} per month").format(amount=words.amount(p["amount"]))]


def _per_area_month(p: Parameters, words: _Words) -> list[str]:
    _ = words.translate
    return [_("{rate} per m² and month").format(rate=words.price(p["rate"]))]


def _per_area_day(p: Parameters, words: _Words) -> list[str]:
    _ = words.translate
    return [_("{rate} per m² and day").format(rate=words.price(p["rate"]))]


def _one_off(p: Parameters, words: _Words) -> list[str]:
    _ = words.translate
    return [_("{amount}, once").format(amount=words.amount(p["amount"]))]


def _metered(p: Parameters, words: _Words) -> list[str]:
    _ = words.translate
    said = [_("tariff {code}").format(code=p["tariff"])]
    if Decimal(p.get("loss") or "0"):
        said.append(_("{share} loss added").format(share=percent(p["loss"])))
    return said


def _percentage(p: Parameters, words: _Words) -> list[str]:
    _ = words.translate
    said: list[str] = []
    if p.get("tiers") is not None:
        said.extend(_tier(tier, words) for tier in p["tiers"])
        said.append(
            _("the band reached prices all sales")
            if p.get("tier_kind") == "WHOLE"
            else _("each band at its own rate")
        )
    else:
        said.append(_("{rate} of sales").format(rate=percent(p["rate"])))
    match p.get("breakpoint"):
        case "NATURAL":
            said.append(_("over the natural breakpoint (base rent ÷ rate)"))
        case "ARTIFICIAL":
            said.append(_("over {bound}").format(bound=words.amount(p.get("breakpoint_amount"))))
    for name, text in (("minimum", _("at least {bound}")), ("maximum", _("at most {bound}"))):
        if p.get(name) is not None:
            said.append(text.format(bound=words.amount(p[name])))
    settled = {
        "MONTH": _("settled every month"),
        "QUARTER": _("settled every quarter"),
        "LEASE_YEAR": _("settled every lease year"),
    }
    said.append(settled.get(p.get("settlement") or "MONTH", ""))
    return [part for part in said if part]


def _tier(tier: Parameters, words: _Words) -> str:
    _ = words.translate
    rate = percent(tier["rate"])
    if tier["up_to"] is None:
        return _("{rate} above").format(rate=rate)
    return _("{rate} up to {bound}").format(rate=rate, bound=words.amount(tier["up_to"]))


_KINDS: Mapping[PricingKind, Callable[[Parameters, _Words], list[str]]] = {
    PricingKind.FIXED_MONTHLY: _fixed_monthly,
    PricingKind.PER_AREA_MONTH: _per_area_month,
    PricingKind.PER_AREA_DAY: _per_area_day,
    PricingKind.PERCENTAGE: _percentage,
    PricingKind.METERED: _metered,
    PricingKind.ONE_OFF: _one_off,
}
