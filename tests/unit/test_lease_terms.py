"""Terms keep their JSON and their hash, and two versions lie side by side."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest
from lease_samples import START, clause, lease, rent, turnover

from domain.charges import ChargeType as C
from domain.charges import PricingKind as K
from domain.charges import Proration
from domain.lease_terms import LeasedUnit, LeaseTerms, in_reading_order
from domain.term_differences import ClauseRow, TermField, compare_terms

TERMS = lease(
    rent("10000", last=date(2026, 12, 31)),
    rent("10500", date(2027, 1, 1)),
    turnover(tiers=[{"up_to": "500", "rate": "0.1"}, {"up_to": None, "rate": "0.05"}]),
)


def test_terms_come_back_from_what_is_stored():
    stored = json.loads(json.dumps(TERMS.terms_json()))
    again = LeaseTerms.from_json(stored)
    # The days of a unit are looked up, not agreed on.
    assert again == replace(TERMS, units=(LeasedUnit("A-101", "1F", D("120.5")),))
    assert again.terms_sha256 == TERMS.terms_sha256


def test_hash_of_terms_stays_what_it_was():
    """Stored beside papers and versions: another hash for the same terms would deny them."""
    assert TERMS.terms_sha256 == (
        "5312f8d02108be8898bec93d286f000de0a2c5d39023f0b5ab1d688e10c1f50f"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"number": "L-2"},
        {"shop_code": "S-2"},
        {"shop_name": "Coffee"},
        {"start": date(2026, 1, 2)},
        {"end": date(2029, 1, 1)},
        {"deposit": D("30000.01")},
        {"currency": "EUR"},
        {"proration": Proration.DAYS_365},
        {"payment_term_days": 11},
        {"units": (LeasedUnit("A-101", "1F", D("120.6")),)},
        {"clauses": TERMS.clauses[:2]},
    ],
)
def test_hash_follows_everything_that_is_agreed(changed):
    assert replace(TERMS, **changed).terms_sha256 != TERMS.terms_sha256


def test_clauses_are_read_rent_first_and_by_their_day():
    water = clause(C.WATER, K.METERED, tariff="TAP")
    late, early = rent("2", date(2027, 1, 1)), rent("1")
    assert in_reading_order([water, late, turnover(rate="0.1"), early]) == (
        early,
        late,
        turnover(rate="0.1"),
        water,
    )


def test_same_terms_do_not_differ():
    difference = compare_terms(TERMS, replace(TERMS, clauses=tuple(reversed(TERMS.clauses))))
    assert difference.is_same
    assert len(difference.clauses) == 3


def test_changed_fields_stand_beside_what_they_were():
    after = replace(TERMS, deposit=D(1), units=(LeasedUnit("B-1", "2F", D(9)),))
    changed = {
        row.field: (row.before, row.after)
        for row in compare_terms(TERMS, after).fields
        if not row.is_same
    }
    assert changed == {
        TermField.DEPOSIT: (D("30000.00"), D(1)),
        TermField.UNITS: ((("A-101", D("120.5")),), (("B-1", D(9)),)),
    }


def test_clause_stands_beside_what_became_of_it():
    first, second, percentage = TERMS.clauses
    dearer = rent("11000", date(2027, 1, 1))
    fee = clause(C.PROPERTY_FEE, K.FIXED_MONTHLY, amount="100")
    after = replace(TERMS, clauses=(fee, dearer, first))
    assert compare_terms(TERMS, after).clauses == (
        ClauseRow(first, first),
        ClauseRow(second, dearer),
        ClauseRow(percentage, None),
        ClauseRow(None, fee),
    )


def test_clause_that_moved_is_found_by_its_kind_then_by_its_charge():
    before = lease(rent("1"), clause(C.RENT, K.PER_AREA_DAY, date(2027, 1, 1), rate="2"))
    moved = rent("1", date(2026, 2, 1))
    other = clause(C.RENT, K.PER_AREA_MONTH, date(2027, 3, 1), rate="60")
    rows = compare_terms(before, lease(moved, other)).clauses
    assert rows == (ClauseRow(before.clauses[0], moved), ClauseRow(before.clauses[1], other))


def test_as_many_rows_as_the_pairs_and_the_rest():
    before = lease(*[rent(str(n), START) for n in range(3)])
    after = lease(*[rent(str(n), START) for n in range(2, 7)])
    rows = compare_terms(before, after).clauses
    assert len(rows) == 5
    assert [row.is_same for row in rows].count(True) == 1
