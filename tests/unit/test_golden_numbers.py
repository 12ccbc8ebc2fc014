"""The numbers of the domain reference that do not need a clause: each is a line of its table."""

from datetime import date
from decimal import Decimal as D

import pytest

from domain.calendar import Period, prorate
from domain.charges import Proration
from domain.indexation import index_amount
from domain.late_fees import late_fee
from domain.lease_figures import straight_line, weighted_average_lease_expiry
from domain.metering import MeterError, RegisterSegment, consumption, segments_consumption
from domain.money import split
from domain.turnover import split_by_month

FEBRUARY_STAY = Period(date(2026, 2, 10), date(2026, 2, 28))


@pytest.mark.parametrize(
    ("rule", "amount"),
    [
        (Proration.ACTUAL, D("6785.71")),
        (Proration.THIRTY_360, D("6333.33")),
        (Proration.DAYS_365, D("6246.58")),
    ],
)
def test_part_of_february_is_prorated_by_the_contracts_rule(rule, amount):
    assert prorate(D(10000), FEBRUARY_STAY, rule=rule) == amount


def test_span_over_two_months_uses_two_denominators():
    assert prorate(D(10000), Period(date(2015, 1, 25), date(2015, 2, 2))) == D("2972.35")


@pytest.mark.parametrize("rule", Proration)
@pytest.mark.parametrize("month", [date(2026, 2, 1), date(2026, 4, 1), date(2026, 7, 1)])
def test_whole_month_is_owed_whole_under_every_rule(rule, month):
    last = {2: 28, 4: 30, 7: 31}[month.month]
    assert prorate(D("9999.99"), Period(month, month.replace(day=last)), rule=rule) == D("9999.99")


def test_equal_shares_give_the_odd_cent_to_the_first():
    assert split(D("1000.00"), [1, 1, 1]) == (D("333.34"), D("333.33"), D("333.33"))


def test_indexation_stops_at_the_cap():
    indexed = index_amount(
        D(10000), reference_index=D("101.2"), current_index=D("104.3"), cap=D("0.03")
    )
    assert indexed.new == D("10300.00")
    assert (indexed.reference_index, indexed.current_index) == (D("101.2"), D("104.3"))


def test_indexation_below_the_cap_follows_the_index_and_stops_at_the_floor():
    rising = index_amount(D(10000), reference_index=D("101.2"), current_index=D("104.3"))
    assert rising.new == D("10306.32")
    falling = index_amount(
        D(10000), reference_index=D(100), current_index=D(90), floor=D(0), cap=D("0.03")
    )
    assert falling.new == D("10000.00")


def test_straight_line_rent_spreads_the_rent_free_months():
    steps = [(D(0), 3), (D(10000), 9), (D(10500), 12), (D(11025), 12)]
    assert straight_line(steps) == D("9675.00")


def test_wale_is_weighted_by_area():
    leases = [(D(1000), D(12)), (D(5000), D(36)), (D(4000), D(48))]
    assert weighted_average_lease_expiry(leases) == D("38.4")
    assert weighted_average_lease_expiry([]) is None


def test_replaced_meter_adds_both_registers():
    segments = [
        RegisterSegment(D("1187.2"), D("1204.7")),
        RegisterSegment(D("0.4"), D("33.1")),
    ]
    assert segments_consumption(segments) == D("50.2")


def test_register_rolls_over_at_its_modulus():
    assert consumption(D("999987.50"), D("12.25"), modulus=D(10) ** 6) == D("24.75")


@pytest.mark.parametrize(
    ("previous", "current", "modulus"),
    [("500.0", "12.25", "1000000"), ("999987.5", "12.25", None)],
)
def test_register_that_runs_backwards_is_no_rollover(previous, current, modulus):
    with pytest.raises(MeterError, match=f"fell from {previous} to {current}"):
        consumption(D(previous), D(current), modulus=None if modulus is None else D(modulus))


def test_implausible_rollover_is_refused():
    with pytest.raises(MeterError, match=r"more than the plausible 1000"):
        consumption(D(950000), D(12000), modulus=D(10) ** 6, plausible_maximum=D(1000))


def test_turnover_over_a_month_end_is_split_by_days():
    parts = split_by_month(D("1000.00"), Period(date(2026, 6, 20), date(2026, 7, 19)))
    assert parts == ((date(2026, 6, 1), D("366.67")), (date(2026, 7, 1), D("633.33")))


LATE = {
    "due_date": date(2026, 3, 5),
    "payments": [(date(2026, 3, 15), D(4000)), (date(2026, 4, 4), D(6000))],
    "daily_rate": D("0.0005"),
}


def test_late_fee_survives_part_payments():
    assert late_fee(D(10000), as_of=date(2026, 4, 4), **LATE) == D("110.00")
    assert late_fee(D(10000), as_of=date(2026, 6, 1), **LATE) == D("110.00")


def test_late_fee_counts_only_what_has_happened_by_the_as_of_date():
    assert late_fee(D(10000), as_of=date(2026, 3, 5), **LATE) == 0
    assert late_fee(D(10000), as_of=date(2026, 3, 10), **LATE) == D("25.00")
    assert late_fee(D(10000), as_of=date(2026, 3, 20), **LATE) == D("65.00")


def test_late_fee_stops_at_its_cap_and_waits_for_the_grace():
    assert late_fee(D(10000), as_of=date(2026, 4, 4), cap=D(100), **LATE) == D("100.00")
    assert late_fee(D(10000), as_of=date(2026, 3, 10), grace_days=5, **LATE) == 0
    assert late_fee(D(10000), as_of=date(2026, 3, 11), grace_days=5, **LATE) == D("5.00")
