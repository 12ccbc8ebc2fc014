"""The schedule of a lease is what its bills will say, month by month."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lease_samples import END, START, clause, lease, rent, turnover

from domain.bill_inputs import BillRunInputs
from domain.bill_run import compute_bill
from domain.calendar import Period, month_of
from domain.charges import ChargeType as C
from domain.charges import PricingKind as K
from domain.charges import Proration
from domain.clause_edits import rent_free, rent_steps
from domain.clauses import ClauseError
from domain.rent_schedule import Basis, Settled, as_input, charge_types, rent_schedule


def test_each_month_of_the_lease_has_its_row_and_the_ends_are_cut():
    first, last = date(2026, 2, 10), date(2026, 4, 2)
    schedule = rent_schedule(lease(rent("10000", first, tax_rate="0"), start=first, end=last))
    assert [(month.days.first, month.days.last, month.net) for month in schedule] == [
        (date(2026, 2, 10), date(2026, 2, 28), D("6785.71")),
        (date(2026, 3, 1), date(2026, 3, 31), D("10000.00")),
        (date(2026, 4, 1), date(2026, 4, 2), D("666.67")),
    ]


def test_step_in_mid_month_is_charged_by_its_days_and_tax_comes_on_top():
    terms = lease(rent("10000", last=date(2026, 2, 14)), rent("12000", date(2026, 2, 15)))
    february = rent_schedule(terms)[1]
    assert (february.net, february.tax, february.total) == (
        D("11000.00"),
        D("990.00"),
        D("11990.00"),
    )


def test_what_is_sold_or_measured_is_named_and_not_guessed():
    terms = lease(
        rent("10000", tax_rate="0"),
        turnover(rate="0.05", settlement="QUARTER", minimum="3000", maximum="9000"),
        clause(C.WATER, K.METERED, tariff="TAP"),
    )
    schedule = rent_schedule(terms)
    assert charge_types(schedule) == (C.RENT, C.TURNOVER_RENT, C.WATER)
    january, _, march = schedule[:3]
    assert [(charge.basis, charge.net) for charge in january.charges] == [
        (Basis.AGREED, D("10000.00")),
        (Basis.SALES, D(0)),
        (Basis.METER, D(0)),
    ]
    assert january.total == D("10000.00")
    assert january.charge(C.TURNOVER_RENT)[0].settled == ()
    assert march.charge(C.TURNOVER_RENT)[0].settled == (
        Settled(Period(START, date(2026, 3, 31)), D("3000.00"), D("9000.00")),
    )


def test_least_rent_of_a_settlement_that_the_lease_cuts_shrinks_with_it():
    first = date(2026, 2, 15)
    terms = lease(
        turnover(first, rate="0.05", settlement="LEASE_YEAR", minimum="12000"),
        start=first,
        end=date(2026, 5, 14),
    )
    *_, last = rent_schedule(terms)
    (settled,) = last.charge(C.TURNOVER_RENT)[0].settled
    # 14/28 + 1 + 1 + 14/31 months of twelve.
    assert settled == Settled(Period(first, date(2026, 5, 14)), D("2951.61"), None)


def test_free_month_shows_as_free_and_a_free_part_by_its_days():
    free = rent_free((rent("10000"),), START, date(2026, 2, 10), last_day=END)
    january, february, march = rent_schedule(lease(*free))[:3]
    assert (january.is_free, january.total) == (True, D(0))
    assert (february.is_free, february.charges[0].free_days) == (False, 10)
    assert february.net == D("6428.57")
    assert march.charges[0].free_days == 0


def test_charge_made_once_stands_in_its_month_alone():
    once = clause(C.OTHER, K.ONE_OFF, date(2026, 3, 10), amount="500", tax_rate="0")
    schedule = rent_schedule(lease(once))
    assert [month.total for month in schedule[:4]] == [D(0), D(0), D("500.00"), D(0)]
    assert schedule[0].charges == ()


def test_rates_per_area_take_the_area_of_all_units():
    units = lease().units
    more = replace(units[0], code="A-102", area_m2=D("79.5"))
    terms = lease(clause(C.RENT, K.PER_AREA_DAY, rate="6.5", tax_rate="0"), units=(*units, more))
    assert rent_schedule(terms)[1].net == D("6.5") * 200 * 28


def test_clause_that_cannot_be_read_is_named():
    with pytest.raises(ClauseError, match=r"clause 1 \(RENT, FIXED_MONTHLY\): amount"):
        rent_schedule(lease(rent("")))


def test_order_of_clauses_does_not_matter():
    steps = rent_steps(rent("10000"), last_day=END, every_months=5, percent=D("0.07"))
    fee = clause(C.PROPERTY_FEE, K.PER_AREA_MONTH, rate="38")
    forward = rent_schedule(lease(*steps, fee))
    assert forward == rent_schedule(lease(fee, *reversed(steps)))


DAYS = st.integers(min_value=0, max_value=400).map(lambda days: START + timedelta(days=days))
PRICES = st.decimals(min_value=0, max_value=99999, places=2).map(str)


@given(
    start=DAYS,
    length=st.integers(min_value=0, max_value=500),
    step=DAYS,
    proration=st.sampled_from(Proration),
    prices=st.tuples(PRICES, PRICES, PRICES),
    kind=st.sampled_from([K.FIXED_MONTHLY, K.PER_AREA_DAY, K.PER_AREA_MONTH]),
)
def test_schedule_is_the_bill_of_every_month(start, length, step, proration, prices, kind):
    end = start + timedelta(days=length)
    field = "amount" if kind is K.FIXED_MONTHLY else "rate"
    clauses = [clause(C.PROPERTY_FEE, kind, start, **{field: prices[2]})]
    if start < step <= end:
        clauses += [
            clause(C.RENT, kind, start, step - timedelta(days=1), **{field: prices[0]}),
            clause(C.RENT, kind, step, **{field: prices[1], "tax": "INCLUSIVE"}),
        ]
    terms = lease(*clauses, start=start, end=end, proration=proration)
    contract = as_input(terms)
    for month in rent_schedule(terms):
        whole = month_of(month.days.first)
        bill = compute_bill(contract, BillRunInputs(1, whole, {}, (contract,)))
        assert bill is not None
        assert (month.net, month.tax, month.total) == (bill.net, bill.tax, bill.total)
