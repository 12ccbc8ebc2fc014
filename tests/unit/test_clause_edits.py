"""Edits of clauses: steps, free days, an index, an amendment, a renewal; no day gets lost."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lease_samples import END, START, clause, lease, rent, turnover

from domain.charges import ChargeType as C
from domain.charges import PricingKind as K
from domain.clause_edits import (
    EditRefused,
    amend,
    carried_over,
    cut_at,
    index_clause,
    rent_free,
    rent_steps,
    split_clause,
)
from domain.lease_figures import straight_line
from domain.rent_schedule import rent_schedule
from domain.term_checks import check_terms


def steps_of(first, **given):
    return rent_steps(first, last_day=END, **given)


def said(clauses):
    return [
        (one.parameters.get("amount") or one.parameters.get("rate"), one.valid_from, one.valid_to)
        for one in clauses
    ]


def test_rent_rises_each_year_by_a_share_of_the_year_before():
    assert said(steps_of(rent("10000.00"), every_months=12, percent=D("0.05"))) == [
        ("10000.00", START, date(2026, 12, 31)),
        ("10500.00", date(2027, 1, 1), date(2027, 12, 31)),
        ("11025.00", date(2028, 1, 1), None),
    ]


def test_rent_rises_by_an_amount_and_keeps_the_rest_of_the_clause():
    first = rent("10000", date(2026, 1, 31), date(2026, 9, 14), tax="INCLUSIVE")
    steps = steps_of(first, every_months=3, amount=D("-100"))
    assert said(steps) == [
        ("10000", date(2026, 1, 31), date(2026, 4, 29)),
        ("9900.00", date(2026, 4, 30), date(2026, 7, 30)),
        ("9800.00", date(2026, 7, 31), date(2026, 9, 14)),
    ]
    assert {one.parameters["tax"] for one in steps} == {"INCLUSIVE"}


def test_rate_per_area_keeps_four_decimals():
    by_area = clause(C.RENT, K.PER_AREA_DAY, rate="6.55")
    assert [rate for rate, _, _ in said(steps_of(by_area, every_months=12, percent=D("0.03")))] == [
        "6.55",
        "6.7465",
        "6.9489",
    ]


def test_each_step_is_made_of_the_rounded_one_before():
    steps = steps_of(rent("0.03"), every_months=12, percent=D("0.5"))
    assert [amount for amount, _, _ in said(steps)] == ["0.03", "0.05", "0.08"]


@pytest.mark.parametrize(
    ("first", "given", "reason"),
    [
        (turnover(rate="0.1"), {"every_months": 12, "amount": D(1)}, EditRefused.NO_PRICE),
        (clause(C.OTHER, K.ONE_OFF, amount="1"), {"every_months": 12, "amount": D(1)},
         EditRefused.NO_PRICE),
        (rent("1"), {"every_months": 0, "amount": D(1)}, EditRefused.NO_STEP),
        (rent("1"), {"every_months": 10**6, "amount": D(1)}, EditRefused.NO_STEP),
        (rent("1"), {"every_months": 12}, EditRefused.NO_STEP),
        (rent("1"), {"every_months": 12, "amount": D(1), "percent": D(1)}, EditRefused.NO_STEP),
        (rent("1"), {"every_months": 12, "amount": D("-1.5")}, EditRefused.BELOW_NOTHING),
        (rent("9"), {"every_months": 1, "percent": D(10)}, EditRefused.TOO_GREAT),
        (rent("1", date(2029, 1, 1)), {"every_months": 12, "amount": D(1)},
         EditRefused.NOT_ITS_DAY),
    ],
)  # fmt: skip
def test_steps_that_make_no_sense_are_refused(first, given, reason):
    with pytest.raises(EditRefused) as refused:
        steps_of(first, **given)
    assert refused.value.reason == reason


def test_rent_free_days_split_the_rent_and_nothing_else():
    fee = clause(C.PROPERTY_FEE, K.FIXED_MONTHLY, amount="100")
    free = rent_free((rent("10000"), fee), date(2026, 3, 15), date(2026, 4, 30), last_day=END)
    assert said(free) == [
        ("10000", START, date(2026, 3, 14)),
        ("10000", date(2026, 3, 15), date(2026, 4, 30)),
        ("10000", date(2026, 5, 1), None),
        ("100", START, None),
    ]
    assert [one.parameters.get("factor") for one in free] == [None, "0", None, None]


def test_rent_free_period_reaches_over_a_step():
    steps = (rent("1", last=date(2026, 12, 31)), rent("2", date(2027, 1, 1)))
    free = rent_free(steps, date(2026, 12, 1), date(2027, 1, 31), last_day=END)
    assert [(one.parameters["amount"], "factor" in one.parameters) for one in free] == [
        ("1", False),
        ("1", True),
        ("2", True),
        ("2", False),
    ]
    assert check_terms(lease(*free)) == ()


def test_free_from_the_first_day_or_to_the_last_leaves_no_empty_clause():
    assert said(rent_free((rent("1"),), START, date.max, last_day=END)) == [("1", START, None)]


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (date(2026, 2, 1), date(2026, 1, 31), EditRefused.ENDS_BEFORE_START),
        (date(2029, 1, 1), date(2029, 1, 31), EditRefused.NO_FREE_KIND),
    ],
)
def test_free_days_that_make_no_sense_are_refused(first, last, reason):
    with pytest.raises(EditRefused) as refused:
        rent_free((rent("1"), turnover(rate="0.1")), first, last, last_day=END)
    assert refused.value.reason == reason


def test_three_free_months_and_yearly_steps_come_to_the_straight_line_of_the_golden_case():
    steps = steps_of(rent("10000.00"), every_months=12, percent=D("0.05"))
    free = rent_free(steps, START, date(2026, 3, 31), last_day=END)
    schedule = rent_schedule(lease(*free))
    assert straight_line([(month.net, 1) for month in schedule]) == D("9675.00")
    assert [month.is_free for month in schedule[:4]] == [True, True, True, False]


def test_indexed_clause_carries_both_index_values_and_can_be_read():
    before, after = index_clause(
        rent("10000"),
        from_day=date(2027, 1, 1),
        reference_index=D("101.2"),
        current_index=D("104.3"),
        cap=D("0.03"),
        last_day=END,
    )
    assert said([before, after]) == [
        ("10000", START, date(2026, 12, 31)),
        ("10300.00", date(2027, 1, 1), None),
    ]
    assert after.parameters["indexation"] == {
        "old": "10000",
        "reference_index": "101.2",
        "current_index": "104.3",
        "cap": "0.03",
    }
    assert check_terms(lease(before, after)) == ()


def test_rate_is_indexed_to_four_decimals_from_the_first_day_on():
    (indexed,) = index_clause(
        clause(C.RENT, K.PER_AREA_DAY, rate="6.5"),
        from_day=START,
        reference_index=D("101.2"),
        current_index=D("104.3"),
        last_day=END,
    )
    assert indexed.parameters["rate"] == "6.6991"
    indexed.parsed(1)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"current_index": D(0)}, EditRefused.BAD_INDEX),
        ({"reference_index": D("1e-20")}, EditRefused.BAD_INDEX),
        ({"floor": D("0.1"), "cap": D("0.05")}, EditRefused.BAD_INDEX),
        ({"floor": D(-3), "cap": D(-2)}, EditRefused.BELOW_NOTHING),
        ({"from_day": date(2029, 1, 1)}, EditRefused.NOT_ITS_DAY),
    ],
)
def test_index_that_makes_no_sense_is_refused(given, reason):
    plain = {
        "from_day": START,
        "reference_index": D(100),
        "current_index": D(102),
        "last_day": END,
    }
    with pytest.raises(EditRefused) as refused:
        index_clause(rent("1000"), **{**plain, **given})
    assert refused.value.reason == reason


def test_what_is_charged_once_is_not_cut_in_two():
    once = clause(C.OTHER, K.ONE_OFF, amount="1")
    assert split_clause(once, date(2026, 2, 1)) == (once, None)
    assert split_clause(once, START) == (None, once)


CURRENT = {
    11: rent("10000", last=date(2026, 12, 31)),
    12: rent("10500", date(2027, 1, 1)),
    13: clause(C.PROPERTY_FEE, K.FIXED_MONTHLY, amount="300"),
}


def test_amendment_in_mid_clause_ends_it_and_keeps_its_past():
    day = date(2026, 5, 16)
    _, following = cut_at(list(CURRENT.values()), day)
    cheaper = [rent("9000", day, date(2026, 12, 31)), *following[1:]]
    amendment = amend(CURRENT, cheaper, day, last_day=END)
    assert amendment.ends == (11,)
    assert said(amendment.begins) == [
        ("10000", START, date(2026, 5, 15)),
        ("9000", day, date(2026, 12, 31)),
    ]


def test_amendment_that_changes_nothing_touches_nothing():
    day = date(2026, 5, 16)
    _, following = cut_at(list(CURRENT.values()), day)
    spelled_out = [replace(one, valid_to=one.valid_to or END) for one in following]
    for wanted in (following, spelled_out):
        amendment = amend(CURRENT, wanted, day, last_day=END)
        assert (amendment.ends, amendment.begins) == ((), ())


def test_amendment_that_drops_a_charge_ends_it_on_the_day_before():
    day = date(2027, 1, 1)
    _, following = cut_at(list(CURRENT.values()), day)
    amendment = amend(CURRENT, following[:1], day, last_day=END)
    assert amendment.ends == (13,)
    assert said(amendment.begins) == [("300", START, date(2026, 12, 31))]


DAYS = st.integers(min_value=0, max_value=(END - START).days).map(
    lambda days: START + timedelta(days=days)
)


def in_force(clauses, day):
    """What is charged on a day, whatever clause says so."""
    return [
        (one.charge_type, one.parameters)
        for one in sorted(clauses, key=lambda one: one.charge_type)
        if one.valid_from <= day <= (one.valid_to or END)
    ]


@given(DAYS, st.sampled_from(["9000", "10500"]), st.booleans(), DAYS)
def test_amendment_leaves_the_days_before_it_and_sets_those_from_it_on(
    day, amount, keeps_fee, looked_at
):
    _, following = cut_at(list(CURRENT.values()), day)
    fee = [one for one in following if one.charge_type is C.PROPERTY_FEE]
    wanted = [rent(amount, day), *(fee if keeps_fee else [])]
    amendment = amend(CURRENT, wanted, day, last_day=END)
    after = [one for key, one in CURRENT.items() if key not in amendment.ends]
    after += amendment.begins
    said_before = CURRENT.values() if looked_at < day else wanted
    assert in_force(after, looked_at) == in_force(said_before, looked_at)
    assert [p for p in check_terms(lease(*after)) if not p.is_warning] == []


@given(DAYS, DAYS)
def test_free_days_are_free_and_all_others_cost_what_they_did(one, other):
    first, last = min(one, other), max(one, other)
    by_day = clause(C.RENT, K.PER_AREA_DAY, rate="6.5", tax_rate="0")
    freed = rent_free((by_day,), first, last, last_day=END)
    paid = sum(month.net for month in rent_schedule(lease(*freed)))
    days = (END - START).days - (last - first).days
    assert paid == D("6.5") * D("120.5") * days
    free = sum(
        charge.free_days for month in rent_schedule(lease(*freed)) for charge in month.charges
    )
    assert free == (last - first).days + 1


def test_renewal_takes_what_was_in_force_on_the_last_day_and_starts_anew():
    old = (
        rent("10000", last=date(2027, 12, 31)),
        rent("10500", date(2028, 1, 1), indexation={"old": "1"}),
        turnover(rate="0.05", settlement="QUARTER"),
        clause(C.OTHER, K.ONE_OFF, END, amount="8"),
        clause(C.OTHER, K.FIXED_MONTHLY, START, date(2028, 12, 30), amount="9"),
    )
    new_first = END + timedelta(days=1)
    assert carried_over(old, old_last_day=END, new_first_day=new_first) == (
        rent("10500", new_first),
        turnover(new_first, rate="0.05", settlement="QUARTER"),
    )


def test_free_last_month_does_not_make_the_renewal_free():
    free = rent_free((rent("10000"),), date(2028, 12, 1), END, last_day=END)
    (carried,) = carried_over(free, old_last_day=END, new_first_day=date(2029, 1, 1))
    assert carried.parameters == {"amount": "10000"}
