"""Clauses as people type them come back as they were, and what cannot be read stays visible."""

from datetime import date
from typing import Any

import pytest

from domain.charges import ChargeType, PricingKind
from domain.lease_terms import ClauseDraft
from webapp.admin.contracts.clause_entries import (
    ClauseEntry,
    field_at_fault,
    read_decimal,
    read_entries,
    read_percent,
)

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
CLAUSES: list[tuple[ChargeType, PricingKind, dict[str, Any]]] = [
    (ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": "10000.00"}),
    (ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": "10000", "factor": "0"}),
    (
        ChargeType.RENT,
        PricingKind.FIXED_MONTHLY,
        {
            "amount": "10300.00",
            "indexation": {
                "old": "10000",
                "reference_index": "101.2",
                "current_index": "104.3",
                "cap": "0.03",
            },
        },
    ),
    (ChargeType.PROPERTY_FEE, PricingKind.PER_AREA_MONTH, {"rate": "38", "tax_rate": "0.06"}),
    (ChargeType.RENT, PricingKind.PER_AREA_DAY, {"rate": "6.5", "tax": "INCLUSIVE"}),
    (
        ChargeType.TURNOVER_RENT,
        PricingKind.PERCENTAGE,
        {
            "rate": "0.085",
            "breakpoint": "ARTIFICIAL",
            "breakpoint_amount": "1000000",
            "settlement": "QUARTER",
            "minimum": "3000",
            "maximum": "90000",
        },
    ),
    (
        ChargeType.TURNOVER_RENT,
        PricingKind.PERCENTAGE,
        {
            "tiers": [{"up_to": "500000", "rate": "0.08"}, {"up_to": None, "rate": "0.06"}],
            "tier_kind": "WHOLE",
            "settlement": "LEASE_YEAR",
        },
    ),
    (ChargeType.ELECTRICITY, PricingKind.METERED, {"tariff": "E-2026", "loss": "0.035"}),
    (ChargeType.OTHER, PricingKind.ONE_OFF, {"amount": "-1200.50"}),
]


def posted(entry: ClauseEntry, at: int = 0) -> dict[str, str]:
    """The fields of the editor that shows the clause."""
    fields = {f"clause-{at}-{name}": value for name, value in entry.values.items()}
    for tier, (up_to, rate) in enumerate(entry.tiers):
        fields[f"clause-{at}-tier-{tier}-up_to"] = up_to
        fields[f"clause-{at}-tier-{tier}-rate"] = rate
    return fields


@pytest.mark.parametrize(("charge", "kind", "parameters"), CLAUSES)
def test_clause_comes_back_from_the_editor_as_it_was(
    charge: ChargeType, kind: PricingKind, parameters: dict[str, Any]
) -> None:
    clause = ClauseDraft(charge, kind, parameters, FIRST, LAST)
    clause.parsed(1)
    (entry,) = read_entries(posted(ClauseEntry.of(clause)))
    assert entry.draft() == clause


def test_people_type_percents_and_thousands() -> None:
    assert read_percent("8.5") == read_percent("8.5%") == read_percent("８.５％") == "0.085"
    assert read_decimal("1,200,000.50") == read_decimal("￥1 200 000.50") == "1200000.50"


def test_what_is_no_number_stays_as_it_was_typed() -> None:
    assert read_decimal("ten") == "ten"
    assert read_percent("8..5") == "8..5"
    (entry,) = read_entries({"clause-0-amount": "ten", "clause-0-valid_from": "soon"})
    assert (entry["amount"], entry["valid_from"]) == ("ten", "soon")
    assert entry.draft() is None


def test_fields_of_another_kind_are_kept_in_the_editor_and_out_of_the_clause() -> None:
    (entry,) = read_entries(
        {
            "clause-0-charge_type": "RENT",
            "clause-0-pricing_kind": "FIXED_MONTHLY",
            "clause-0-valid_from": "2026-01-01",
            "clause-0-amount": "100",
            "clause-0-rate": "6.5",
        }
    )
    draft = entry.draft()
    assert draft is not None and draft.parameters == {"amount": "100"}
    assert entry["rate"] == "6.5"


def test_clauses_stand_in_the_order_of_their_places() -> None:
    entries = read_entries({"clause-10-amount": "2", "clause-9-amount": "1", "other": "x"})
    assert [entry["amount"] for entry in entries] == ["1", "2"]


def test_fault_is_shown_at_the_field_that_people_see() -> None:
    assert field_at_fault(PricingKind.PERCENTAGE, "rate") == ("share", None)
    assert field_at_fault(PricingKind.PERCENTAGE, "tiers[1].rate") == ("tiers", 1)
    assert field_at_fault(PricingKind.PER_AREA_DAY, "rate") == ("rate", None)
    assert field_at_fault(PricingKind.FIXED_MONTHLY, "indexation.cap") == ("cap", None)
    assert field_at_fault(PricingKind.FIXED_MONTHLY, "something") == ("", None)
