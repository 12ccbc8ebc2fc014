"""A bill line's derivation as a page shows it: sentences, operands, meters, other sources.

Belongs here: words for the names and units that domain.derivations stores. The sentences are
those of the bill's paper; what they say in full (tiers, bands, tariff, sales days) is not
repeated. Not here: arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _

from services.documents.explanations import explain


@dataclass(frozen=True)
class Register:
    """What a dial showed, in dial units."""

    value: str
    at: datetime | None


@dataclass(frozen=True)
class MeterSource:
    """The readings of a meter that a line was computed from; None was not received."""

    device_id: int
    device: str
    opening: Register | None
    closing: Register | None
    rollovers: int
    hours_expected: int
    hours_received: int


@dataclass(frozen=True)
class Reasons:
    """`operands` are (label, value); `units` and `billed` name what the line refers to."""

    sentences: tuple[str, ...]
    operands: tuple[tuple[str, str], ...]
    meters: tuple[MeterSource, ...]
    units: tuple[str, ...]
    billed: tuple[str, ...]


def reasons(derivation: Mapping[str, Any], *, locale: str, currency: str) -> Reasons:
    sources = derivation["sources"]
    return Reasons(
        sentences=explain(derivation, locale=locale, currency=currency).sentences,
        operands=tuple(
            (_name(name), _quantity(operand))
            for name, operand in derivation["operands"].items()
            if _is_quantity(operand) and not _is_start_of_month(name, operand)
        ),
        meters=tuple(_meter(meter) for meter in sources.get("meters", ())),
        units=tuple(
            f"{unit['code']} ({_number(unit['area_m2'])} m²)" for unit in sources.get("units", ())
        ),
        billed=tuple(sources.get("billed", ())),
    )


def _meter(meter: Mapping[str, Any]) -> MeterSource:
    return MeterSource(
        device_id=meter["device_id"],
        device=meter["device"],
        opening=_register(meter["opening"]),
        closing=_register(meter["closing"]),
        rollovers=meter["rollovers"],
        hours_expected=meter["hours_expected"],
        hours_received=meter["hours_received"],
    )


def _register(reading: Mapping[str, str] | None) -> Register | None:
    if reading is None:
        return None
    at = datetime.fromisoformat(reading["at"]) if reading["at"] else None
    return Register(_register_value(reading["register"]), at)


def _is_quantity(operand: Any) -> bool:
    return isinstance(operand, Mapping) and set(operand) == {"value", "unit"}


def _is_start_of_month(name: str, operand: Mapping[str, str]) -> bool:
    """A line that begins with the month has nothing before it to tell."""
    return name == "before" and operand["value"].startswith("0/")


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
        "billed_tax": _("Tax already billed"),
        "due": _("Due by the terms as changed"),
        "due_tax": _("Tax on what is due"),
        "natural_breakpoint": _("Natural breakpoint"),
        "breakpoint_amount": _("Breakpoint amount"),
        "scale": _("Part of the settlement period"),
        "minimum": _("Minimum"),
        "maximum": _("Maximum"),
        "loss": _("Loss"),
        "price": _("Price"),
    }
    return words.get(name, name.replace("_", " "))


def _quantity(operand: Mapping[str, str]) -> str:
    return f"{_number(operand['value'].removesuffix('/1'))} {_unit(operand['unit'])}".strip()


def _unit(unit: str) -> str:
    if "/" in unit:
        return unit.replace("m2", "m²").replace("/month", _("/month")).replace("/day", _("/day"))
    units = {
        "1": "",
        "m2": "m²",
        "m3": "m³",
        "month": _("of the month"),
        "day": _("days"),
        "settlement period": _("of the period"),
    }
    return units.get(unit, unit)


def _register_value(text: str) -> str:
    """What the dial shows, without the zeros that only the column's scale has put behind."""
    return f"{Decimal(text).normalize():,f}"


def _number(text: str) -> str:
    """A plain decimal with thousands separators; anything else as it is."""
    whole, dot, rest = text.partition(".")
    digits = whole.removeprefix("-")
    if not digits.isdecimal() or (rest and not rest.isdecimal()) or len(digits) < 5:
        return text
    return f"{int(whole):,}{dot}{rest}"
