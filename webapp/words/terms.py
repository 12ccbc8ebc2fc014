"""A clause's terms in one or two sentences, from its pricing kind and parameters."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _

from domain.charges import PricingKind
from services.language import money, number


def terms(kind: PricingKind, parameters: Mapping[str, Any], currency: str) -> tuple[str, ...]:
    """What the clause charges, each part a sentence. Parameters as in `domain.clauses`."""
    said = _KINDS[kind](parameters, currency)
    if "factor" in parameters:
        factor = Decimal(parameters["factor"])
        said.append(_("rent-free") if factor == 0 else _("× %(factor)s", factor=number(factor)))
    if "tax_rate" in parameters or "tax" in parameters:
        said.append(_tax(parameters))
    return tuple(said)


def _tax(parameters: Mapping[str, Any]) -> str:
    inside = parameters.get("tax") == "INCLUSIVE"
    if "tax_rate" not in parameters:
        return _("tax included") if inside else _("tax on top")
    rate = percent(parameters["tax_rate"])
    return _("tax %(rate)s included", rate=rate) if inside else _("tax %(rate)s on top", rate=rate)


def percent(share: str) -> str:
    """`0.085` → `8.5%`."""
    return f"{number((Decimal(share) * 100).normalize())}%"


def _price(text: str, currency: str) -> str:
    """A price with the decimals it has: ¥6.5."""
    sign = "¥" if currency == "CNY" else f"{currency} "
    return sign + number(Decimal(text))


def _amount(text: Any, currency: str) -> str:
    try:
        return money(Decimal(str(text)), currency)
    except InvalidOperation:
        return str(text)


def _fixed_monthly(p: Mapping[str, Any], currency: str) -> list[str]:
    return [_("%(amount)s per month", amount=_amount(p["amount"], currency))]


def _per_area_month(p: Mapping[str, Any], currency: str) -> list[str]:
    return [_("%(rate)s per m² and month", rate=_price(p["rate"], currency))]


def _per_area_day(p: Mapping[str, Any], currency: str) -> list[str]:
    return [_("%(rate)s per m² and day", rate=_price(p["rate"], currency))]


def _one_off(p: Mapping[str, Any], currency: str) -> list[str]:
    return [_("%(amount)s, once", amount=_amount(p["amount"], currency))]


def _metered(p: Mapping[str, Any], currency: str) -> list[str]:
    said = [_("tariff %(code)s", code=p["tariff"])]
    if Decimal(p.get("loss", "0")):
        said.append(_("%(share)s loss added", share=percent(p["loss"])))
    return said


def _percentage(p: Mapping[str, Any], currency: str) -> list[str]:
    said = []
    if "tiers" in p:
        said.extend(
            _(
                "%(rate)s up to %(bound)s",
                rate=percent(tier["rate"]),
                bound=_amount(tier["up_to"], currency),
            )
            if tier["up_to"] is not None
            else _("%(rate)s above", rate=percent(tier["rate"]))
            for tier in p["tiers"]
        )
        said.append(
            _("the band reached prices all sales")
            if p.get("tier_kind") == "WHOLE"
            else _("each band at its own rate")
        )
    else:
        said.append(_("%(rate)s of sales", rate=percent(p["rate"])))
    match p.get("breakpoint"):
        case "NATURAL":
            said.append(_("over the natural breakpoint (base rent ÷ rate)"))
        case "ARTIFICIAL":
            said.append(_("over %(bound)s", bound=_amount(p.get("breakpoint_amount"), currency)))
    for name, words in (("minimum", _("at least %(bound)s")), ("maximum", _("at most %(bound)s"))):
        if p.get(name) is not None:
            said.append(words % {"bound": _amount(p[name], currency)})
    settled = {
        "MONTH": _("settled every month"),
        "QUARTER": _("settled every quarter"),
        "LEASE_YEAR": _("settled every lease year"),
    }
    said.append(settled.get(p.get("settlement", "MONTH"), ""))
    return [part for part in said if part]


_KINDS = {
    PricingKind.FIXED_MONTHLY: _fixed_monthly,
    PricingKind.PER_AREA_MONTH: _per_area_month,
    PricingKind.PER_AREA_DAY: _per_area_day,
    PricingKind.PERCENTAGE: _percentage,
    PricingKind.METERED: _metered,
    PricingKind.ONE_OFF: _one_off,
}
