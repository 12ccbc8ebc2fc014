"""A bill line's derivation as a page shows it: its sentences, its operands, its sources.

Belongs here: words for the names and units that domain.derivations stores. The sentences are
those of the bill's paper. Not here: arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from services.documents.explanations import explain
from webapp.admin import formats


@dataclass(frozen=True)
class Reasons:
    """`operands` and `sources` are (label, value)."""

    sentences: tuple[str, ...]
    operands: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]


def reasons(derivation: Mapping[str, Any], *, locale: str, currency: str) -> Reasons:
    return Reasons(
        sentences=explain(derivation, locale=locale, currency=currency).sentences,
        operands=tuple(
            (_name(name), _value(value)) for name, value in _shown(derivation["operands"])
        ),
        sources=tuple(
            (_name(name), _value(value)) for name, value in derivation.get("sources", {}).items()
        ),
    )


def _shown(operands: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """A share that begins with the month needs no "billed before"."""
    return [
        (name, value)
        for name, value in operands.items()
        if not (name == "before" and value["value"].startswith("0/"))
    ]


def _name(name: str) -> str:
    words = {
        "amount": _("Amount"),
        "rate": _("Rate"),
        "area": _("Area"),
        "factor": _("Factor"),
        "before": _("Before this line"),
        "through": _("Through this line"),
        "share": _("Share of the month"),
        "sales": _("Net sales"),
        "base": _("Base rent of the period"),
        "billed": _("Already billed"),
        "tiers": _("Tiers"),
        "tier_kind": _("Tier kind"),
        "breakpoint": _("Breakpoint"),
        "natural_breakpoint": _("Natural breakpoint"),
        "breakpoint_amount": _("Breakpoint amount"),
        "settlement": _("Settlement"),
        "scale": _("Part of the settlement period"),
        "minimum": _("Minimum"),
        "maximum": _("Maximum"),
        "meters": _("Meters"),
        "loss": _("Loss"),
        "price": _("Price"),
        "bands": _("Bands"),
        "units": _("Units"),
        "tariff": _("Tariff"),
        "device": _("Device"),
        "consumption": _("Consumption"),
        "ratio": _("Ratio (CT/PT)"),
        "days": _("Days"),
        "opening_register": _("Opening register"),
        "closing_register": _("Closing register"),
        "opening_at": _("Opened at"),
        "closing_at": _("Closed at"),
        "rollovers": _("Rollovers"),
        "completeness": _("Completeness"),
        "area_m2": _("Area (m²)"),
        "code": _("Code"),
        "name": _("Name"),
        "up_to": _("Up to"),
        "from_hour": _("From hour"),
        "to_hour": _("To hour"),
        "sales_days": _("Sales days"),
        "first": _("First day"),
        "last": _("Last day"),
        "period": _("Period"),
        "device_id": _("Device number"),
        "tariff_id": _("Tariff number"),
        "valid_from": _("Valid from"),
        "kind": _("Kind"),
        "expected": _("Expected"),
        "received": _("Received"),
        "days_expected": _("Days expected"),
        "days_received": _("Days received"),
        "hours_expected": _("Hours expected"),
        "hours_received": _("Hours received"),
    }
    return words.get(name, name.replace("_", " "))


def _constant(text: str) -> str:
    words = {
        "MARGINAL": _("each band at its own rate"),
        "WHOLE": _("the band reached prices all sales"),
        "NATURAL": _("natural"),
        "ARTIFICIAL": _("stated"),
        "NONE": _("none"),
        "MONTH": _("month"),
        "QUARTER": _("quarter"),
        "LEASE_YEAR": _("lease year"),
    }
    return words.get(text, text)


def _unit(unit: str) -> str:
    units = {
        "1": "",
        "m2": "m²",
        "m3": "m³",
        "month": _("of the month"),
        "day": _("days"),
        "settlement period": _("of the period"),
    }
    if "/" in unit:
        return unit.replace("m2", "m²").replace("/month", _("/month")).replace("/day", _("/day"))
    return units.get(unit, unit)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        if set(value) == {"value", "unit"}:
            amount = str(value["value"]).removesuffix("/1")
            return f"{_number(amount)} {_unit(str(value['unit']))}".strip()
        return ", ".join(f"{_name(str(key))} {_value(part)}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(_value(part) for part in value)
    if value is None:
        return "—"
    if isinstance(value, bool):
        return formats.yes_no(value)
    return _constant(_number(str(value)))


def _number(text: str) -> str:
    """A plain decimal with thousands separators; anything else as it is."""
    whole, dot, rest = text.partition(".")
    digits = whole.removeprefix("-")
    if not digits.isdecimal() or (rest and not rest.isdecimal()) or len(digits) < 5:
        return text
    return f"{int(whole):,}{dot}{rest}"
