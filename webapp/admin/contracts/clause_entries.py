"""Clauses as people type them: every field a text, so that nothing typed is ever lost.

Belongs here: from the fields of the editor to drafts of clauses and back, and where a fault of a
clause is shown. Not here: what a clause may be (`domain.clauses`), the page (clause_editor) and
the sentences (webapp.words.leasing).

People type percents and thousands (`8.5`, `1,200,000`); a clause keeps shares and plain decimals
(`0.085`, `1200000`). What cannot be read stays as it was typed, and the clause says so.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from domain.charges import ChargeType, PricingKind
from domain.lease_terms import ClauseDraft

# The fields of every clause, then those of each kind; the names are those of the form.
COMMON = ("charge_type", "pricing_kind", "valid_from", "valid_to", "tax_rate", "tax")
INDEXATION = ("old", "reference_index", "current_index", "floor", "cap")
FIELDS: Mapping[PricingKind, tuple[str, ...]] = {
    PricingKind.FIXED_MONTHLY: ("amount", "factor", *INDEXATION),
    PricingKind.PER_AREA_MONTH: ("rate", "factor", *INDEXATION),
    PricingKind.PER_AREA_DAY: ("rate", "factor", *INDEXATION),
    PricingKind.PERCENTAGE: (
        "share",
        "tier_kind",
        "breakpoint",
        "breakpoint_amount",
        "settlement",
        "minimum",
        "maximum",
    ),
    PricingKind.METERED: ("tariff", "loss"),
    PricingKind.ONE_OFF: ("amount",),
}
KNOWN = frozenset(COMMON) | {name for names in FIELDS.values() for name in names}
PERCENTS = frozenset({"tax_rate", "share", "loss", "floor", "cap"})
DECIMALS = frozenset(
    {
        *PERCENTS,
        "amount",
        "rate",
        "factor",
        "breakpoint_amount",
        "minimum",
        "maximum",
        "old",
        "reference_index",
        "current_index",
    }
)
# A clause with more bands than this is no clause that anybody wrote by hand.
MOST_TIERS = 20
MOST_CLAUSES = 200
_NAME = re.compile(r"clause-(\d{1,4})-(?:tier-(\d{1,3})-)?(\w+)")


@dataclass
class ClauseEntry:
    """One clause of the editor. `tiers` are (up to, percent) as typed; `faults` are sentences by
    field, those of the whole clause under the empty name, of a band under `tiers-<its place>`.
    """

    values: dict[str, str]
    tiers: list[tuple[str, str]] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def kind(self) -> PricingKind:
        return _member(PricingKind, self["pricing_kind"], PricingKind.FIXED_MONTHLY)

    @property
    def charge_type(self) -> ChargeType:
        return _member(ChargeType, self["charge_type"], ChargeType.RENT)

    @property
    def has_indexation(self) -> bool:
        return any(self[name].strip() for name in INDEXATION)

    def say(self, name: str, sentence: str) -> None:
        """Show a fault at a field; the sentence once."""
        said = self.faults.setdefault(name, [])
        if sentence not in said:
            said.append(sentence)

    def first_day(self) -> date | None:
        return read_day(self["valid_from"])

    def last_day(self) -> date | None:
        return read_day(self["valid_to"])

    def parameters(self) -> dict[str, Any]:
        """What the clause keeps, of the fields that its kind has."""
        found: dict[str, Any] = {}
        kind = self.kind
        for name in FIELDS[kind]:
            if name in INDEXATION or name == "share" or not self[name].strip():
                continue
            found[name] = _stored(name, self[name])
        if kind is PricingKind.PERCENTAGE:
            self._percentage(found)
        if self.has_indexation and "old" in FIELDS[kind]:
            found["indexation"] = {
                name: _stored(name, self[name]) for name in INDEXATION if self[name].strip()
            }
        if self["tax_rate"].strip():
            found["tax_rate"] = _stored("tax_rate", self["tax_rate"])
        if self["tax"] == "INCLUSIVE":
            found["tax"] = "INCLUSIVE"
        return found

    def _percentage(self, found: dict[str, Any]) -> None:
        tiers = [tier for tier in self.tiers if any(part.strip() for part in tier)]
        if tiers:
            found["tiers"] = [
                {
                    "up_to": read_decimal(bound) if bound.strip() else None,
                    "rate": read_percent(rate) if rate.strip() else None,
                }
                for bound, rate in tiers
            ]
        else:
            found.pop("tier_kind", None)
        if self["share"].strip():
            found["rate"] = read_percent(self["share"])
        if found.get("breakpoint") == "NONE":
            del found["breakpoint"]
        if found.get("breakpoint") != "ARTIFICIAL":
            found.pop("breakpoint_amount", None)

    def draft(self) -> ClauseDraft | None:
        """The clause as typed; None while its first day, or a last one, is no date."""
        first, last = self.first_day(), self.last_day()
        if first is None or (last is None and self["valid_to"].strip()):
            return None
        return ClauseDraft(self.charge_type, self.kind, self.parameters(), first, last)

    @classmethod
    def of(cls, draft: ClauseDraft) -> "ClauseEntry":
        """A clause as the editor shows it."""
        kept = draft.parameters
        values = {
            "charge_type": str(draft.charge_type),
            "pricing_kind": str(draft.pricing_kind),
            "valid_from": draft.valid_from.isoformat(),
            "valid_to": draft.valid_to.isoformat() if draft.valid_to else "",
            "tax": str(kept.get("tax", "EXCLUSIVE")),
        }
        for name in KNOWN - {*COMMON, *INDEXATION, "share", "rate"} | {"tax_rate"}:
            if kept.get(name) is not None:
                values[name] = _typed(name, kept[name])
        if kept.get("rate") is not None:
            is_share = draft.pricing_kind is PricingKind.PERCENTAGE
            values["share" if is_share else "rate"] = _typed(
                "share" if is_share else "rate", kept["rate"]
            )
        for name, value in (kept.get("indexation") or {}).items():
            if value is not None:
                values[name] = _typed(name, value)
        tiers = [
            (
                _typed("amount", tier["up_to"]) if tier.get("up_to") is not None else "",
                _typed("share", tier.get("rate") or ""),
            )
            for tier in kept.get("tiers") or ()
        ]
        return cls(values, tiers)


def read_entries(form: Mapping[str, str]) -> list[ClauseEntry]:
    """The clauses of a posted editor, in their order."""
    found: dict[int, ClauseEntry] = {}
    tiers: dict[int, dict[int, dict[str, str]]] = {}
    for name, value in form.items():
        match = _NAME.fullmatch(name)
        if match is None or int(match[1]) >= MOST_CLAUSES:
            continue
        at = int(match[1])
        entry = found.setdefault(at, ClauseEntry({}))
        if match[2] is not None:
            if int(match[2]) < MOST_TIERS:
                tiers.setdefault(at, {}).setdefault(int(match[2]), {})[match[3]] = value
        elif match[3] in KNOWN:
            entry.values[match[3]] = value
    for at, of_one in tiers.items():
        found[at].tiers = [
            (one.get("up_to", ""), one.get("rate", "")) for _place, one in sorted(of_one.items())
        ]
    return [entry for _at, entry in sorted(found.items())]


def new_entry(first_day: date, entries: Sequence[ClauseEntry] = ()) -> ClauseEntry:
    """A clause to fill in, of a charge that the others leave out."""
    taken = {entry.charge_type for entry in entries}
    charge, kind = next(
        ((charge, kind) for charge, kind in _USUAL if charge not in taken),
        (ChargeType.RENT, PricingKind.FIXED_MONTHLY),
    )
    return ClauseEntry(
        {
            "charge_type": charge.value,
            "pricing_kind": kind.value,
            "valid_from": first_day.isoformat(),
            "tax": "EXCLUSIVE",
        }
    )


_USUAL = (
    (ChargeType.RENT, PricingKind.PER_AREA_DAY),
    (ChargeType.PROPERTY_FEE, PricingKind.PER_AREA_MONTH),
    (ChargeType.TURNOVER_RENT, PricingKind.PERCENTAGE),
    (ChargeType.ELECTRICITY, PricingKind.METERED),
)


def field_at_fault(kind: PricingKind, name: str) -> tuple[str, int | None]:
    """Where the editor shows a fault of a parameter: (field, tier): `tiers[1].rate` → tiers, 1."""
    tier = re.match(r"tiers\[(\d+)\]", name)
    if tier is not None:
        return "tiers", int(tier[1])
    name = name.removeprefix("indexation.")
    if name == "rate" and kind is PricingKind.PERCENTAGE:
        return "share", None
    if name in KNOWN or name == "tiers":
        return name, None
    return ("old" if name == "indexation" else ""), None


def read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def read_decimal(text: str) -> str:
    """A decimal as a clause keeps it; what is none, as it was typed."""
    plain = unicodedata.normalize("NFKC", text).replace(" ", "").strip("¥￥").replace(",", "")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return text.strip()
    return format(number, "f") if number.is_finite() and abs(number.adjusted()) < 20 else plain


def read_percent(text: str) -> str:
    """`8.5` or `8.5%` → `0.085`; what is no number, as it was typed."""
    plain = read_decimal(unicodedata.normalize("NFKC", text).strip().removesuffix("%"))
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return text.strip()
    return _plain(number / 100) if number.is_finite() else plain


def _stored(name: str, text: str) -> str:
    if name in PERCENTS:
        return read_percent(text)
    return read_decimal(text) if name in DECIMALS else text.strip()


def _typed(name: str, stored: Any) -> str:
    text = str(stored)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite():
        return text
    if name in PERCENTS:
        return _plain(number * 100)
    return format(number, ",f") if name in _SUMS else text


_SUMS = frozenset({"amount", "breakpoint_amount", "minimum", "maximum"})


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _member(kind: Any, value: str, default: Any) -> Any:
    return kind(value) if value in kind.__members__ else default
