"""The editor of clauses: of a draft, and of what an amendment wants from a day on.

Belongs here: what the editor's buttons do to what was typed, the faults shown at their fields,
and the schedule beside it. Not here: reading fields (clause_entries) and saving (clause_pages,
changing).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _

from domain.charges import ChargeType, PricingKind
from domain.clause_edits import PRICE_OF, EditRefused, index_clause, rent_free, rent_steps
from domain.clauses import TAX_RATES, Breakpoint, Settlement, TierKind
from domain.lease_terms import ClauseDraft, LeaseTerms
from domain.term_checks import UNFIT_FOR_A_DRAFT, TermFault, TermProblem, check_terms
from services.language import number
from webapp.admin import labels
from webapp.admin.contracts.clause_entries import (
    MOST_CLAUSES,
    MOST_TIERS,
    ClauseEntry,
    field_at_fault,
    new_entry,
    read_day,
    read_decimal,
    read_entries,
    read_percent,
)
from webapp.admin.contracts.schedule import ScheduleTable, schedule_table
from webapp.words.leasing import SETTING_WORDS, edit_refusal, parameter_fault, term_sentence

GUIDED = (
    "steps-clause",
    "steps-months",
    "steps-percent",
    "steps-amount",
    "free-first",
    "free-last",
    "index-clause",
    "index-day",
    "index-reference",
    "index-current",
    "index-floor",
    "index-cap",
)
# Buttons of the editor that change what is typed, and save nothing.
_AT = re.compile(r"(copy|remove|tier|untier)-(\d{1,4})(?:-(\d{1,3}))?")


class _Unreadable(Exception):
    """A field of a guided action holds what cannot be; the sentence says so."""


@dataclass
class Editing:
    """What the editor shows. `terms` are those of the lease, whose clauses the entries replace;
    `tariffs` the mall's codes with what each prices. Of an amendment the terms begin on its day;
    `before` are then the lease's own terms until the day before.
    """

    terms: LeaseTerms
    tariffs: Mapping[str, ChargeType]
    entries: list[ClauseEntry]
    guided: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # what is wrong with the whole
    hints: list[str] = field(default_factory=list)  # what may be meant
    opened: str = ""  # the guided action that is being filled in
    before: LeaseTerms | None = None

    @classmethod
    def of(
        cls,
        terms: LeaseTerms,
        tariffs: Mapping[str, ChargeType],
        clauses: Sequence[ClauseDraft] | None = None,
    ) -> "Editing":
        shown = terms.clauses if clauses is None else clauses
        return cls(terms, tariffs, [ClauseEntry.of(clause) for clause in shown])

    @classmethod
    def posted(
        cls, terms: LeaseTerms, tariffs: Mapping[str, ChargeType], form: Mapping[str, str]
    ) -> "Editing":
        guided = {name: form.get(name, "") for name in GUIDED}
        return cls(terms, tariffs, read_entries(form), guided)

    # -- buttons ----------------------------------------------------------------------------

    def press(self, button: str) -> bool:
        """Do what a button says to what is typed; False for one that is not the editor's."""
        found = _AT.fullmatch(button)
        if found is not None:
            self._at(found[1], int(found[2]), int(found[3] or 0))
            return True
        if button == "add":
            if len(self.entries) < MOST_CLAUSES:
                self.entries.append(new_entry(self.terms.start, self.entries))
            return True
        act = {"steps": self._steps, "free": self._free, "index": self._index}.get(button)
        if act is None:
            return button == "preview"
        self.opened = button
        self._guide(act)
        return True

    def _at(self, deed: str, at: int, tier: int) -> None:
        if at >= len(self.entries):
            return
        entry = self.entries[at]
        if deed == "remove":
            del self.entries[at]
        elif deed == "copy" and len(self.entries) < MOST_CLAUSES:
            self.entries.insert(at + 1, ClauseEntry(dict(entry.values), list(entry.tiers)))
        elif deed == "tier" and len(entry.tiers) < MOST_TIERS:
            entry.tiers.append(("", ""))
            entry.values.setdefault("tier_kind", TierKind.MARGINAL.value)
        elif deed == "untier" and tier < len(entry.tiers):
            del entry.tiers[tier]

    def _guide(self, act: Callable[[], None]) -> None:
        try:
            act()
        except EditRefused as error:
            self.said.append(edit_refusal(error))
        except _Unreadable as error:
            self.said.append(str(error))
        else:
            self.opened = ""

    def _steps(self) -> None:
        at = self._chosen("steps-clause")
        percent, amount = self.guided["steps-percent"], self.guided["steps-amount"]
        months = re.fullmatch(r"\s*(\d{1,3})\s*", self.guided["steps-months"])
        steps = rent_steps(
            self._readable(at),
            last_day=self.terms.end,
            every_months=int(months[1]) if months else 0,
            percent=self._number("steps-percent", read_percent) if percent.strip() else None,
            amount=self._number("steps-amount", read_decimal) if amount.strip() else None,
        )
        self.entries[at : at + 1] = [ClauseEntry.of(step) for step in steps]

    def _free(self) -> None:
        first, last = read_day(self.guided["free-first"]), read_day(self.guided["free-last"])
        if first is None or last is None:
            raise _Unreadable(_("Write the first and the last free day as 2026-01-31."))
        clauses = [self._readable(at) for at in range(len(self.entries))]
        freed = rent_free(clauses, first, last, last_day=self.terms.end)
        self.entries = [ClauseEntry.of(clause) for clause in freed]

    def _index(self) -> None:
        at = self._chosen("index-clause")
        day = read_day(self.guided["index-day"])
        if day is None:
            raise _Unreadable(_("Write the day from which the index applies as 2026-01-31."))
        floor, cap = self.guided["index-floor"], self.guided["index-cap"]
        parts = index_clause(
            self._readable(at),
            from_day=day,
            reference_index=self._number("index-reference", read_decimal),
            current_index=self._number("index-current", read_decimal),
            floor=self._number("index-floor", read_percent) if floor.strip() else None,
            cap=self._number("index-cap", read_percent) if cap.strip() else None,
            last_day=self.terms.end,
        )
        self.entries[at : at + 1] = [ClauseEntry.of(part) for part in parts]

    def _chosen(self, name: str) -> int:
        found = re.fullmatch(r"\d{1,4}", self.guided[name])
        if found is None or int(found[0]) >= len(self.entries):
            raise _Unreadable(_("Choose the clause."))
        return int(found[0])

    def _readable(self, at: int) -> ClauseDraft:
        """The clause at a place, when it can be read: no edit makes sense of another."""
        draft = self.entries[at].draft()
        try:
            if draft is not None:
                draft.parsed(at + 1)
                return draft
        except ValueError:
            pass
        raise _Unreadable(_("Correct clause %(number)s first.", number=at + 1))

    def _number(self, name: str, read: Callable[[str], str]) -> Decimal:
        typed = self.guided[name]
        try:
            value = Decimal(read(typed))
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            raise _Unreadable(_("“%(value)s” is not a number.", value=typed))
        return value

    # -- faults -----------------------------------------------------------------------------

    def clauses(self) -> list[ClauseDraft]:
        """The clauses that can be read so far, in their order."""
        return [draft for _place, draft in self._numbered()]

    def _numbered(self) -> list[tuple[int, ClauseDraft]]:
        return [
            (at, draft)
            for at, entry in enumerate(self.entries)
            if (draft := entry.draft()) is not None
        ]

    def typed_terms(self) -> LeaseTerms:
        return replace(self.terms, clauses=tuple(self.clauses()))

    def judge(self, *, is_strict: bool = False) -> bool:
        """Show every fault at its clause and field; whether it may be kept as a draft, or with
        `is_strict` be handed in. What may be meant is said beside it.
        """
        is_kept = True
        for entry in self.entries:
            for name, day in (("valid_from", entry.first_day()), ("valid_to", entry.last_day())):
                if day is None and (entry[name].strip() or name == "valid_from"):
                    entry.say(name, _("Write the day as 2026-01-31."))
                    is_kept = False
        numbered = self._numbered()
        places = [at for at, _draft in numbered]
        for problem in check_terms(self.typed_terms(), tariffs=self.tariffs):
            if problem.fault is TermFault.NO_CLAUSE and self.entries:
                continue
            stops = not problem.is_warning and (is_strict or problem.fault in UNFIT_FOR_A_DRAFT)
            self._show(problem, places)
            is_kept = is_kept and not stops
        return is_kept

    def _show(self, problem: TermProblem, places: Sequence[int]) -> None:
        sentence = term_sentence(problem, places)
        if problem.clause is None:
            (self.hints if problem.is_warning else self.said).append(sentence)
            return
        at = places[problem.clause - 1]
        entry = self.entries[at]
        if problem.is_warning:
            self.hints.append(_("Clause %(number)s: %(said)s", number=at + 1, said=sentence))
        elif problem.problem is None:
            entry.say(_FIELD_OF.get(problem.fault, ""), sentence)
        else:
            name, tier = field_at_fault(entry.kind, problem.field)
            sentence = parameter_fault(problem.problem, problem.details, name)
            entry.say(name if tier is None else f"tiers-{tier}", sentence)

    @property
    def faulty(self) -> list[tuple[int, ClauseEntry]]:
        """(place, clause) of those with a fault."""
        return [(at, entry) for at, entry in enumerate(self.entries) if entry.faults]

    @property
    def priced(self) -> list[tuple[int, ClauseEntry]]:
        """(place, clause) of those whose price may rise in steps or follow an index."""
        return [(at, entry) for at, entry in enumerate(self.entries) if entry.kind in PRICE_OF]

    @property
    def has_faults(self) -> bool:
        return bool(self.said) or bool(self.faulty)

    def schedule(self) -> ScheduleTable:
        """Of the whole lease, an amended one too."""
        if self.before is None:
            return schedule_table(self.typed_terms())
        clauses = (*self.before.clauses, *self.clauses())
        return schedule_table(replace(self.before, clauses=clauses))


_FIELD_OF = {
    TermFault.CLAUSE_ENDS_BEFORE_START: "valid_to",
    TermFault.CLAUSE_OUTSIDE_LEASE: "valid_from",
    TermFault.TWO_ON_ONE_DAY: "valid_from",
    TermFault.UNKNOWN_TARIFF: "tariff",
    TermFault.TARIFF_OF_ANOTHER_CHARGE: "tariff",
}


@dataclass(frozen=True)
class EditorWords:
    """What the fields of a clause offer."""

    currency: str
    area: Decimal
    tariffs: Mapping[str, ChargeType]
    charges: Sequence[tuple[str, Any]] = ()
    kinds: Sequence[tuple[str, Any]] = ()

    @classmethod
    def of(cls, editing: Editing) -> "EditorWords":
        return cls(
            editing.terms.currency,
            editing.terms.area_m2,
            editing.tariffs,
            # A late fee follows from the days it is late, not from a clause.
            [(v, w) for v, w in labels.labels_of(ChargeType) if v != ChargeType.LATE_FEE],
            labels.labels_of(PricingKind),
        )

    @property
    def breakpoints(self) -> list[tuple[str, Any]]:
        order = (Breakpoint.NONE, Breakpoint.NATURAL, Breakpoint.ARTIFICIAL)
        return [(one.value, SETTING_WORDS[one]) for one in order]

    @property
    def settlements(self) -> list[tuple[str, Any]]:
        return [(one.value, SETTING_WORDS[one]) for one in Settlement]

    @property
    def tier_kinds(self) -> list[tuple[str, Any]]:
        return [(one.value, SETTING_WORDS[one]) for one in TierKind]

    @property
    def taxes(self) -> list[tuple[str, Any]]:
        return [("EXCLUSIVE", _("comes on top")), ("INCLUSIVE", _("is included"))]

    def tariffs_for(self, chosen: str) -> list[tuple[str, Any]]:
        """The mall's tariffs; one that was chosen and is not among them stays to be seen."""
        known = [
            (code, f"{code} · {labels.label(charge)}") for code, charge in self.tariffs.items()
        ]
        strange = [(chosen, chosen)] if chosen and chosen not in self.tariffs else []
        return [("", _("Choose a tariff")), *strange, *known]

    def usual_tax(self, charge: ChargeType) -> str:
        return number(TAX_RATES[charge] * 100)

    def usual_taxes(self) -> dict[str, str]:
        return {charge.value: self.usual_tax(charge) for charge in ChargeType}
