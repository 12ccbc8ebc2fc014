"""Adjustment lines: what all bills say of a month is what its clauses say, to the cent."""

import json
from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bill_inputs import (
    BilledCharge,
    BilledLine,
    BilledMonth,
    BillRunInputs,
    ContractInput,
    LetUnit,
)
from domain.bill_run import Bill, compute_bill
from domain.calendar import Period, add_months, month_of
from domain.charges import ChargeType, PricingKind, Proration
from domain.clause_edits import amend
from domain.derivations import recompute, recompute_taxed
from domain.gates import Gate, check_gates
from domain.lease_terms import ClauseDraft
from services.documents.explanations import explain

C, K = ChargeType, PricingKind
START, END = date(2026, 1, 1), date(2026, 12, 31)
JANUARY, FEBRUARY, MARCH = (month_of(date(2026, month, 1)) for month in (1, 2, 3))


def fixed(amount: str, first: date = START, last: date | None = None, **given: str) -> ClauseDraft:
    return ClauseDraft(C.RENT, K.FIXED_MONTHLY, {"amount": amount, **given}, first, last)


def lease(clauses: dict[int, ClauseDraft], end: date = END, **given: object) -> ContractInput:
    return ContractInput(
        contract_id=1,
        number="L-1",
        shop_id=1,
        shop_code="S-1",
        start=START,
        end=end,
        currency="CNY",
        proration=Proration.ACTUAL,
        payment_term_days=10,
        units=(LetUnit("A-1", D("120.5"), START, end),),
        clauses=tuple(draft.parsed(clause_id) for clause_id, draft in clauses.items()),
        **given,  # type: ignore[arg-type]
    )


def billed(month: Period, net: str, tax: str = "0", rate: str = "0", clause_id: int = 1):
    number = f"B{month.first:%Y%m}-0001"
    charge = BilledCharge(C.RENT, D(rate), D(net), D(tax), clause_id, (number,))
    return BilledMonth(month, (charge,))


def bill_of(contract: ContractInput, month: Period) -> Bill | None:
    found = compute_bill(contract, BillRunInputs(1, month, {}, (contract,)))
    for line in found.lines if found else ():
        stored = json.loads(json.dumps(line.derivation))
        again = recompute_taxed(stored)
        assert (again.net, again.tax, again.total) == (line.net, line.tax, line.total)
    return found


def adjustments(contract: ContractInput, month: Period):
    found = bill_of(contract, month)
    return (
        [one for one in found.lines if one.derivation["formula"] == "adjustment"] if found else []
    )


def test_raised_rent_of_a_billed_month_is_asked_for_with_the_next_bill() -> None:
    terms = {2: fixed("10000", last=JANUARY.last), 3: fixed("12000", FEBRUARY.first)}
    contract = lease(terms, recomputed=(billed(FEBRUARY, "10000.00", "900.00", "0.09"),))
    (line,) = adjustments(contract, MARCH)
    assert (line.period, line.charge_type, line.clause_id) == (FEBRUARY, C.RENT, 3)
    assert (line.net, line.tax, line.total) == (D("2000.00"), D("180.00"), D("2180.00"))
    assert line.derivation["operands"]["due"] == {"value": "12000.00", "unit": "CNY"}
    assert line.derivation["operands"]["billed"] == {"value": "10000.00", "unit": "CNY"}
    assert line.derivation["sources"] == {
        "clauses": [3],
        "billed": ["B202602-0001"],
        "month": {"first": "2026-02-01", "last": "2026-02-28"},
    }
    assert recompute(line.derivation) == D("2000.00")
    # The month's own charge stands beside it.
    assert [one.net for one in bill_of(contract, MARCH).lines] == [D("12000.00"), D("2000.00")]


def test_lowered_rent_is_given_back() -> None:
    contract = lease(
        {1: fixed("9000")}, recomputed=(billed(FEBRUARY, "10000.00", "900.00", "0.090000"),)
    )
    (line,) = adjustments(contract, MARCH)
    assert (line.net, line.tax) == (D("-1000.00"), D("-90.00"))


def test_what_was_billed_as_it_is_due_makes_no_line() -> None:
    contract = lease({1: fixed("10000")}, recomputed=(billed(FEBRUARY, "10000.00", "900", "0.09"),))
    assert adjustments(contract, MARCH) == []


def test_taxes_of_both_rates_are_put_right() -> None:
    """The rate was wrong: the line at the old one is taken back, one at the new one is made."""
    contract = lease(
        {1: fixed("10000", tax_rate="0.06")},
        recomputed=(billed(FEBRUARY, "10000.00", "900.00", "0.09"),),
    )
    at_new, at_old = adjustments(contract, MARCH)
    assert (at_new.tax_rate, at_new.net, at_new.tax) == (D("0.06"), D("10000.00"), D("600.00"))
    assert (at_old.tax_rate, at_old.net, at_old.tax) == (D("0.09"), D("-10000.00"), D("-900.00"))


def test_tax_of_an_adjustment_is_the_difference_of_taxes() -> None:
    """Two lines round their tax twice; the tax of a difference would be a cent off."""
    contract = lease(
        {1: fixed("100.06", tax_rate="0.09")},
        recomputed=(billed(FEBRUARY, "100.00", "9.00", "0.09"),),
    )
    (line,) = adjustments(contract, MARCH)
    assert (line.net, line.tax) == (D("0.06"), D("0.01"))


def test_lease_that_ended_in_a_billed_month_gets_its_final_bill() -> None:
    terms = {1: fixed("10000")}
    contract = lease(
        terms,
        end=date(2026, 2, 14),
        recomputed=(
            billed(FEBRUARY, "10000.00", "900.00", "0.09"),
            billed(MARCH, "10000.00", "900.00", "0.09"),
        ),
    )
    final = bill_of(contract, month_of(date(2026, 4, 1)))
    assert [(line.period, line.net) for line in final.lines] == [
        (FEBRUARY, D("-5000.00")),
        (MARCH, D("-10000.00")),
    ]
    assert final.total == D("-16350.00")


def test_charge_that_began_afterwards_names_no_earlier_bill() -> None:
    contract = lease({1: fixed("500")}, recomputed=(BilledMonth(FEBRUARY, ()),))
    (line,) = adjustments(contract, MARCH)
    assert line.net == D("500.00")
    sentences = explain(line.derivation, locale="en", currency="CNY").sentences
    assert sentences == (
        "¥500.00 is due by the terms as changed; ¥0.00 was billed before",
        "Adjusts 2026-02-01 – 2026-02-28",
    )


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("en", "Adjusts 2026-02-01 – 2026-02-28, billed in B202602-0001"),
        ("zh_CN", "调整 2026-02-01 – 2026-02-28 的费用，原账单 B202602-0001"),
    ],
)
def test_adjustment_explains_itself(locale: str, told: str) -> None:
    contract = lease({1: fixed("9000")}, recomputed=(billed(FEBRUARY, "10000.00", "900", "0.09"),))
    (line,) = adjustments(contract, MARCH)
    explained = explain(line.derivation, locale=locale, currency="CNY")
    assert explained.sentences[1] == told
    assert explained.price in ("difference", "差额")


def test_percentages_and_meters_are_left_to_their_own_true_up() -> None:
    share = ClauseDraft(C.TURNOVER_RENT, K.PERCENTAGE, {"rate": "0.05"}, START)
    meter = ClauseDraft(C.WATER, K.METERED, {"tariff": "W"}, START)
    contract = lease({1: share, 2: meter}, recomputed=(BilledMonth(FEBRUARY, ()),))
    assert adjustments(contract, MARCH) == []


def test_adjustment_is_no_second_charge_to_the_gates() -> None:
    """A settlement of the quarter looks at earlier bills of its months: those hold the clause."""
    earlier = BilledLine(1, C.RENT, FEBRUARY, D("10000.00"), D("10900.00"), "B202602-0001")
    contract = lease(
        {1: fixed("12000")},
        recomputed=(billed(FEBRUARY, "10000.00", "900.00", "0.09"),),
        billed=(earlier,),
    )
    inputs = BillRunInputs(1, MARCH, {}, (contract,))
    assert check_gates(contract, compute_bill(contract, inputs), inputs) == ()
    # A charge that was billed before is still told.
    again = replace(contract, billed=(replace(earlier, period=MARCH),))
    (failure,) = check_gates(again, compute_bill(again, inputs), inputs)
    assert failure.gate is Gate.LINE_EXISTS


# -- any order ------------------------------------------------------------------------------------


class Books:
    """A lease with its clauses and its bills, as the database would keep them."""

    def __init__(self, clause: ClauseDraft) -> None:
        self.clauses = {1: clause}
        self.next_id = 2
        self.end = END
        self.changed: date | None = None
        self.bills: dict[date, Bill] = {}

    def amend(self, day: date, following: list[ClauseDraft]) -> None:
        change = amend(self.clauses, following, day, last_day=END)
        for clause_id in change.ends:
            del self.clauses[clause_id]
        for draft in change.begins:
            self.clauses[self.next_id] = draft
            self.next_id += 1
        self.changed = min(self.changed or day, day)

    def end_early(self, last_day: date) -> None:
        if last_day < self.end:
            self.end = last_day
            following = date.fromordinal(last_day.toordinal() + 1)
            self.changed = min(self.changed or following, following)

    def run(self, month: Period) -> None:
        if month.first not in self.bills:
            found = bill_of(self.input(month), month)
            if found is not None:
                self.bills[month.first] = found

    def input(self, month: Period) -> ContractInput:
        return lease(self.clauses, end=self.end, recomputed=tuple(self._recomputed(month)))

    def _recomputed(self, month: Period):
        if self.changed is None:
            return
        oldest = month_of(self.changed).first
        for first in sorted(self.bills):
            if not oldest <= first < month.first:
                continue
            charges = [
                BilledCharge(
                    line.charge_type, line.tax_rate, line.net, line.tax, line.clause_id, ("B",)
                )
                for other, one in self.bills.items()
                if other != month.first
                for line in one.lines
                if month_of(line.period.first).first == first
            ]
            yield BilledMonth(month_of(first), tuple(charges))

    def said(self) -> dict[tuple[date, D], tuple[D, D]]:
        """Net and tax by service month and rate, over all bills."""
        found: dict[tuple[date, D], tuple[D, D]] = defaultdict(lambda: (D(0), D(0)))
        for bill in self.bills.values():
            for line in bill.lines:
                key = month_of(line.period.first).first, line.tax_rate
                found[key] = found[key][0] + line.net, found[key][1] + line.tax
        return {key: value for key, value in found.items() if any(value)}

    def due(self) -> dict[tuple[date, D], tuple[D, D]]:
        """The same by the clauses alone, for the months that were billed."""
        found: dict[tuple[date, D], tuple[D, D]] = defaultdict(lambda: (D(0), D(0)))
        for first in self.bills:
            bill = bill_of(lease(self.clauses, end=self.end), month_of(first))
            for line in bill.lines if bill else ():
                key = first, line.tax_rate
                found[key] = found[key][0] + line.net, found[key][1] + line.tax
        return {key: value for key, value in found.items() if any(value)}


amounts = st.decimals(min_value=0, max_value=99999, places=2).map(str)
days = st.dates(min_value=START, max_value=date(2026, 10, 30))
kinds = st.sampled_from([K.FIXED_MONTHLY, K.PER_AREA_MONTH, K.PER_AREA_DAY])
taxes = st.sampled_from([{}, {"tax_rate": "0.06"}, {"tax": "INCLUSIVE"}])


@st.composite
def terms(draw: st.DrawFn, first: date = START) -> ClauseDraft:
    kind = draw(kinds)
    field = "amount" if kind is K.FIXED_MONTHLY else "rate"
    return ClauseDraft(C.RENT, kind, {field: draw(amounts), **draw(taxes)}, first)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("amend"), days, terms()),
        st.tuples(st.just("end"), days, st.none()),
        st.tuples(st.just("run"), st.integers(min_value=0, max_value=9), st.none()),
    ),
    max_size=14,
)


@given(terms(), steps)
def test_bills_of_a_month_add_up_to_its_clauses_in_any_order(first: ClauseDraft, done) -> None:
    books = Books(first)
    for step, when, draft in done:
        if step == "run":
            books.run(month_of(add_months(START, when)))
        elif step == "end":
            books.end_early(when)
        elif when <= books.end:
            books.amend(when, [replace(draft, valid_from=when)])
    books.run(month_of(date(2026, 11, 1)))
    books.run(month_of(date(2026, 12, 1)))
    before = dict(books.bills)
    assert books.said() == books.due()
    for month in list(books.bills):
        books.run(month_of(month))
    books.run(month_of(date(2027, 1, 1)))
    assert books.bills == before
