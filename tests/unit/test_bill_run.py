"""Bills of a month: which clauses are charged, for which days, and to the cent."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bill_inputs import (
    BilledLine,
    BilledMonth,
    BillRunInputs,
    ContractInput,
    LetUnit,
    SalesTotal,
)
from domain.bill_lines.turnover import sales_periods
from domain.bill_run import compute_bill, compute_bills
from domain.calendar import Period, month_of, prorate
from domain.charges import ChargeType, PricingKind, Proration, TariffKind
from domain.clauses import parse_clause
from domain.derivations import recompute_taxed
from domain.money import split
from domain.pricing.metered import HourUse, MeterUsage
from domain.tariffs import parse_tariff

C, K = ChargeType, PricingKind
FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
NO_TAX = {"tax_rate": "0"}


def clause(clause_id, charge, kind, parameters, first=date(2025, 1, 1), last=None):
    return parse_clause(
        clause_id=clause_id,
        charge_type=charge,
        pricing_kind=kind,
        parameters={**NO_TAX, **parameters},
        valid_from=first,
        valid_to=last,
    )


def lease(*clauses, start=date(2025, 1, 1), end=date(2027, 12, 31), **given):
    fields = {
        "proration": Proration.ACTUAL,
        "units": (LetUnit("A-101", D("120.5"), start, end),),
        **given,
    }
    return ContractInput(
        contract_id=1,
        number="L-1",
        shop_id=1,
        shop_code="S-1",
        start=start,
        end=end,
        currency="CNY",
        payment_term_days=10,
        clauses=clauses,
        **fields,
    )


def with_sales(contract, month, amount):
    periods = sales_periods(contract, month)
    return replace(
        contract,
        sales=tuple(SalesTotal(period, D(amount), period.days, period.days) for period in periods),
    )


def bill(contract, month, *tariffs):
    by_code = {}
    for tariff in tariffs:
        by_code[tariff.code] = (*by_code.get(tariff.code, ()), tariff)
    result = compute_bill(contract, BillRunInputs(1, month, by_code, (contract,)))
    if result is not None:
        for line in result.lines:
            stored = json.loads(json.dumps(line.derivation))
            again = recompute_taxed(stored)
            assert (again.net, again.tax, again.total) == (line.net, line.tax, line.total)
        assert result.total == sum(line.total for line in result.lines)
    return result


def amounts(result):
    return [line.net for line in result.lines]


def test_rent_step_in_mid_month_charges_each_step_for_its_days():
    contract = lease(
        clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": "10000"}, last=date(2026, 2, 14)),
        clause(2, C.RENT, K.FIXED_MONTHLY, {"amount": "12000"}, date(2026, 2, 15)),
    )
    assert amounts(bill(contract, FEBRUARY)) == [D("5000.00"), D("6000.00")]


def test_month_split_between_equal_steps_is_the_whole_month_to_the_cent():
    contract = lease(
        clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": "100.01"}, last=date(2026, 2, 14)),
        clause(2, C.RENT, K.FIXED_MONTHLY, {"amount": "100.01"}, date(2026, 2, 15)),
    )
    assert sum(amounts(bill(contract, FEBRUARY))) == D("100.01")


def test_mid_month_move_in_is_prorated():
    contract = lease(
        clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": "10000"}), start=date(2026, 2, 10)
    )
    (line,) = bill(contract, FEBRUARY).lines
    assert line.net == D("6785.71")
    assert line.period == Period(date(2026, 2, 10), date(2026, 2, 28))
    assert line.derivation["operands"]["through"] == {"value": "19/28", "unit": "month"}


def test_per_area_day_has_no_month_denominator():
    contract = lease(clause(1, C.RENT, K.PER_AREA_DAY, {"rate": "6.5"}))
    assert amounts(bill(contract, FEBRUARY)) == [D("21931.00")]


def test_unit_given_back_in_mid_month_is_charged_until_then():
    units = (
        LetUnit("A-101", D(100), date(2025, 1, 1), date(2027, 12, 31)),
        LetUnit("A-102", D(50), date(2025, 1, 1), date(2026, 2, 14)),
    )
    contract = lease(clause(1, C.RENT, K.PER_AREA_MONTH, {"rate": "100"}), units=units)
    lines = bill(contract, FEBRUARY).lines
    assert [(line.quantity, line.net) for line in lines] == [
        (D(150), D("7500.00")),
        (D(100), D("5000.00")),
    ]


def test_rent_free_period_frees_the_rent_and_nothing_else():
    contract = lease(
        clause(1, C.RENT, K.PER_AREA_MONTH, {"rate": "80", "factor": "0"}),
        clause(2, C.PROPERTY_FEE, K.PER_AREA_MONTH, {"rate": "12"}),
    )
    assert amounts(bill(contract, FEBRUARY)) == [D("0.00"), D("1446.00")]


def test_one_off_charge_is_billed_in_the_month_of_its_day_only():
    contract = lease(
        clause(1, C.DEPOSIT, K.ONE_OFF, {"amount": "30000"}, date(2026, 2, 5), date(2026, 4, 5))
    )
    assert amounts(bill(contract, FEBRUARY)) == [D("30000.00")]
    assert bill(contract, MARCH) is None


def test_lease_that_has_ended_owes_nothing():
    contract = lease(clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": "10000"}), end=date(2026, 1, 31))
    assert bill(contract, FEBRUARY) is None


@pytest.mark.parametrize(
    ("rent", "parameters", "sales", "overage"),
    [
        ("60000", {"rate": "0.05", "breakpoint": "NATURAL"}, "1200500", "25.00"),
        ("60000", {"rate": "0.05", "breakpoint": "NATURAL"}, "1200000", "0.00"),
        (
            "60000",
            {"rate": "0.05", "breakpoint": "ARTIFICIAL", "breakpoint_amount": "1000000"},
            "1200500",
            "10025.00",
        ),
        (
            "0",
            {
                "tiers": [
                    {"up_to": "500000", "rate": "0.08"},
                    {"up_to": "1000000", "rate": "0.06"},
                    {"up_to": None, "rate": "0.04"},
                ]
            },
            "1300000",
            "82000.00",
        ),
        (
            "0",
            {
                "tiers": [{"up_to": "500000", "rate": "0.08"}, {"up_to": None, "rate": "0.06"}],
                "tier_kind": "WHOLE",
            },
            "500000.01",
            "30000.00",
        ),
        ("0", {"rate": "0.05", "minimum": "7000"}, "100000", "7000.00"),
        ("0", {"rate": "0.05", "maximum": "4000"}, "100000", "4000.00"),
        ("0", {"rate": "0.05"}, "-100", "0.00"),
    ],
)
def test_turnover_rent_of_a_month(rent, parameters, sales, overage):
    contract = lease(
        clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": rent}),
        clause(2, C.TURNOVER_RENT, K.PERCENTAGE, parameters),
    )
    result = bill(with_sales(contract, FEBRUARY, sales), FEBRUARY)
    assert result.lines[1].net == D(overage)


def test_natural_breakpoint_is_shown_on_the_line():
    contract = lease(
        clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": "60000"}),
        clause(2, C.TURNOVER_RENT, K.PERCENTAGE, {"rate": "0.05", "breakpoint": "NATURAL"}),
    )
    line = bill(with_sales(contract, FEBRUARY, "1200500"), FEBRUARY).lines[1]
    assert line.derivation["operands"]["natural_breakpoint"]["value"] == "1200000.00"
    assert line.derivation["sources"]["sales"]["days"] == 28


def _months(first, count):
    month = month_of(first)
    for _ in range(count):
        yield month
        month = month_of(month.last + timedelta(days=1))


@pytest.mark.parametrize(("settlement", "year"), [("MONTH", 468000), ("LEASE_YEAR", 384000)])
def test_greater_of_base_and_percentage_depends_on_the_settlement(settlement, year):
    contract = lease(
        clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": "30000"}),
        clause(
            2,
            C.TURNOVER_RENT,
            K.PERCENTAGE,
            {"rate": "0.08", "breakpoint": "NATURAL", "settlement": settlement},
        ),
    )
    total = D(0)
    for at, month in enumerate(_months(date(2026, 1, 1), 12)):
        amount = 200000 if at % 2 == 0 else 600000
        sales = 6 * 200000 + 6 * 600000 if settlement != "MONTH" else amount
        total += bill(with_sales(contract, month, sales), month).net
    assert total == year


def test_true_up_takes_off_what_was_billed_and_may_be_negative():
    contract = lease(
        clause(2, C.TURNOVER_RENT, K.PERCENTAGE, {"rate": "0.05", "settlement": "QUARTER"}),
        billed=(
            BilledLine(
                2,
                C.TURNOVER_RENT,
                FEBRUARY,
                D("6000.00"),
                D("6000.00"),
                "B202602-0001",
                is_share=True,
            ),
        ),
    )
    assert bill(with_sales(contract, FEBRUARY, 100000), FEBRUARY) is None
    (line,) = bill(with_sales(contract, MARCH, 100000), MARCH).lines
    assert line.period == Period(date(2026, 1, 1), date(2026, 3, 31))
    assert line.net == D("-1000.00")
    assert line.derivation["sources"]["billed"] == ["B202602-0001"]


@pytest.mark.parametrize("settlement", ["QUARTER", "LEASE_YEAR"])
def test_clauses_cut_by_an_amendment_share_what_was_billed_before(settlement):
    """The clause that was billed is gone: its line counts where its days begin."""
    terms = {"rate": "0.05", "settlement": settlement}
    start, quarter = date(2026, 1, 1), Period(date(2026, 1, 1), date(2026, 3, 31))
    contract = lease(
        clause(3, C.TURNOVER_RENT, K.PERCENTAGE, terms, start, date(2026, 2, 14)),
        clause(4, C.TURNOVER_RENT, K.PERCENTAGE, terms, date(2026, 2, 15), quarter.last),
        start=start,
        billed=(
            BilledLine(
                1, C.TURNOVER_RENT, quarter, D(9000), D(9000), "B202603-0001", is_share=True
            ),
        ),
        recomputed=(BilledMonth(FEBRUARY, ()), BilledMonth(MARCH, ())),
    )
    april = month_of(date(2026, 4, 1))
    lines = bill(with_sales(contract, april, 100000), april).lines
    assert [(line.clause_id, line.period.first, line.net) for line in lines] == [
        (3, start, D("-4000.00")),
        (4, date(2026, 2, 15), D("5000.00")),
    ]
    # Once they are billed too, there is nothing left to say.
    made = tuple(
        BilledLine(
            line.clause_id, line.charge_type, line.period, line.net, line.total, "B", is_share=True
        )
        for line in lines
    )
    again = replace(contract, billed=(*contract.billed, *made))
    assert bill(with_sales(again, april, 100000), april) is None


def test_settlement_cut_short_by_the_lease_shrinks_the_stated_breakpoint():
    contract = lease(
        clause(
            2,
            C.TURNOVER_RENT,
            K.PERCENTAGE,
            {
                "rate": "0.05",
                "settlement": "QUARTER",
                "breakpoint": "ARTIFICIAL",
                "breakpoint_amount": "300000",
            },
        ),
        end=date(2026, 2, 14),
    )
    (line,) = bill(with_sales(contract, FEBRUARY, 200000), FEBRUARY).lines
    assert line.derivation["operands"]["scale"]["value"] == "1/2"
    assert line.net == D("2500.00")


def test_missing_sales_leave_the_turnover_line_out():
    contract = lease(
        clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": "1"}),
        clause(2, C.TURNOVER_RENT, K.PERCENTAGE, {"rate": "0.05"}),
        sales=(SalesTotal(FEBRUARY, None, 28, 0),),
    )
    assert [line.charge_type for line in bill(contract, FEBRUARY).lines] == [C.RENT]


def meter(consumption, *, ratio="1", hours=(), charge=C.ELECTRICITY, estimated="0"):
    return MeterUsage(
        device_id=5,
        device_code="E-1",
        charge_type=charge,
        unit="kWh",
        opening_register=D("999987.50"),
        opening_at=datetime(2026, 1, 31, 16, tzinfo=UTC),
        closing_register=D("12.25"),
        closing_at=datetime(2026, 2, 28, 16, tzinfo=UTC),
        consumption=None if consumption is None else D(consumption),
        ratio=D(ratio),
        rollovers=1,
        hours_expected=672,
        hours_received=672,
        hours=hours,
        estimated=D(estimated),
    )


def tariff(kind, parameters, first=date(2025, 1, 1), last=None, tariff_id=1):
    return parse_tariff(
        tariff_id=tariff_id,
        code="E",
        kind=kind,
        parameters=parameters,
        valid_from=first,
        valid_to=last,
    )


METERED = clause(3, C.ELECTRICITY, K.METERED, {"tariff": "E", "loss": "0.02"})


def test_flat_tariff_prices_register_difference_times_ratio_with_loss():
    contract = lease(METERED, usage=(meter("24.75", ratio="40"),))
    (line,) = bill(contract, FEBRUARY, tariff(TariffKind.FLAT, {"price": "0.8"})).lines
    assert line.quantity == D("1009.800000")
    assert line.net == D("807.84")
    source = line.derivation["sources"]["meters"][0]
    assert source["opening"] == {"register": "999987.50", "at": "2026-01-31T16:00:00+00:00"}
    assert line.derivation["sources"]["tariff"]["code"] == "E"


def test_tiered_tariff_prices_each_band_at_its_own_price():
    contract = lease(METERED, usage=(meter("500"),))
    tiers = [{"up_to": "200", "price": "0.5"}, {"up_to": None, "price": "1"}]
    (line,) = bill(contract, FEBRUARY, tariff(TariffKind.TIERED, {"tiers": tiers})).lines
    assert line.net == D("410.00")  # 200 x 0.5 + (510 - 200) x 1


DAY_AND_NIGHT = {
    "bands": [
        {"name": "day", "from": "08:00", "to": "22:00", "price": "1"},
        {"name": "night", "from": "22:00", "to": "08:00", "price": "0.5"},
    ]
}


def test_time_of_use_prices_the_register_difference_by_hours():
    hours = (
        HourUse(date(2026, 2, 3), 7, D(30)),
        HourUse(date(2026, 2, 3), 8, D(60)),
        HourUse(date(2026, 2, 3), 22, D(10)),
    )
    contract = lease(METERED, usage=(meter("200", hours=hours),))
    (line,) = bill(contract, FEBRUARY, tariff(TariffKind.TIME_OF_USE, DAY_AND_NIGHT)).lines
    bands = [band["consumption"]["value"] for band in line.derivation["operands"]["bands"]]
    assert bands == ["120.000000", "80.000000"]
    assert line.net == D("163.20")  # (120 x 1 + 80 x 0.5) x 1.02


def test_tariff_change_in_mid_month_prices_each_part_by_its_own_version():
    hours = (HourUse(date(2026, 2, 14), 7, D(30)), HourUse(date(2026, 2, 15), 8, D(70)))
    contract = lease(METERED, usage=(meter("100", hours=hours),))
    old = tariff(TariffKind.FLAT, {"price": "1"}, last=date(2026, 2, 14))
    new = tariff(TariffKind.FLAT, {"price": "2"}, date(2026, 2, 15), tariff_id=2)
    assert amounts(bill(contract, FEBRUARY, old, new)) == [D("30.60"), D("142.80")]


def test_estimated_part_of_the_usage_stands_beside_it_on_the_days_it_is_of():
    hours = (
        HourUse(date(2026, 2, 14), 7, D(30), D(10)),
        HourUse(date(2026, 2, 15), 8, D(70), D(5)),
    )
    contract = lease(METERED, usage=(meter("200", hours=hours, estimated="30"),))
    old = tariff(TariffKind.FLAT, {"price": "1"}, last=date(2026, 2, 14))
    new = tariff(TariffKind.FLAT, {"price": "2"}, date(2026, 2, 15), tariff_id=2)
    lines = bill(contract, FEBRUARY, old, new).lines
    said = [line.derivation["operands"]["meters"][0]["estimated"]["value"] for line in lines]
    assert [D(value) for value in said] == [D(20), D(10)]
    # What is estimated is part of the quantity, not on top of it.
    assert amounts(bill(contract, FEBRUARY, old, new)) == [D("61.20"), D("285.60")]


def test_line_without_estimates_says_nothing_of_them():
    contract = lease(METERED, usage=(meter("100"),))
    (line,) = bill(contract, FEBRUARY, tariff(TariffKind.FLAT, {"price": "1"})).lines
    assert "estimated" not in line.derivation["operands"]["meters"][0]
    assert "estimated" not in line.derivation["sources"]["meters"][0]


def test_tiers_shrink_with_the_days_of_use():
    hours = (HourUse(date(2026, 2, 20), 8, D(100)),)
    contract = lease(METERED, start=date(2026, 2, 15), usage=(meter("500", hours=hours),))
    tiers = [{"up_to": "200", "price": "0.5"}, {"up_to": None, "price": "1"}]
    (line,) = bill(contract, FEBRUARY, tariff(TariffKind.TIERED, {"tiers": tiers})).lines
    assert line.derivation["operands"]["share"]["value"] == "14/28"
    assert line.net == D("460.00")  # 100 x 0.5 + (510 - 100) x 1


def test_missing_usage_leaves_the_metered_line_out():
    flat = tariff(TariffKind.FLAT, {"price": "1"})
    assert bill(lease(METERED), FEBRUARY, flat) is None
    assert bill(lease(METERED, usage=(meter(None),)), FEBRUARY, flat) is None


def test_tax_comes_on_top_or_lies_inside_as_the_clause_says():
    contract = lease(
        clause(1, C.RENT, K.FIXED_MONTHLY, {"amount": "100", "tax_rate": "0.09"}),
        clause(
            2, C.OTHER, K.FIXED_MONTHLY, {"amount": "100", "tax_rate": "0.06", "tax": "INCLUSIVE"}
        ),
    )
    on_top, inside = bill(contract, FEBRUARY).lines
    assert (on_top.net, on_top.tax, on_top.total) == (D("100.00"), D("9.00"), D("109.00"))
    assert (inside.net, inside.tax, inside.total) == (D("94.34"), D("5.66"), D("100.00"))


def test_same_inputs_give_the_same_bills_in_the_order_given():
    contracts = tuple(
        replace(lease(clause(9, C.RENT, K.FIXED_MONTHLY, {"amount": "9"})), contract_id=at)
        for at in (3, 1, 2)
    )
    inputs = BillRunInputs(1, FEBRUARY, {}, contracts)
    assert compute_bills(inputs) == compute_bills(inputs)
    assert [one.contract_id for one in compute_bills(inputs)] == [3, 1, 2]


money = st.decimals(min_value=0, max_value=D("9999999.99"), places=2)
days = st.dates(min_value=date(2023, 1, 1), max_value=date(2028, 12, 31))


@given(money, st.tuples(days, days, days).map(sorted), st.sampled_from(Proration))
@settings(deadline=None)
def test_splitting_a_period_conserves_money(monthly, cut, rule):
    first, middle, last = cut
    whole = prorate(monthly, Period(first, last), rule=rule)
    if middle == last:
        return
    before = prorate(monthly, Period(first, middle), rule=rule)
    after = prorate(monthly, Period(middle + timedelta(days=1), last), rule=rule, since=first)
    assert before + after == whole


@given(
    st.decimals(min_value=-(10**6), max_value=10**6, places=2),
    st.lists(st.integers(min_value=0, max_value=1000), min_size=1, max_size=12).filter(any),
)
def test_shares_sum_to_the_amount_and_are_fair_to_the_cent(amount, weights):
    shares = split(amount, weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - amount * weight / sum(weights)) < D("0.01")


@given(
    st.integers(min_value=1, max_value=27),
    money,
    st.sampled_from([K.FIXED_MONTHLY, K.PER_AREA_MONTH, K.PER_AREA_DAY]),
    st.sampled_from(Proration),
)
@settings(deadline=None)
def test_clause_cut_in_two_charges_the_same_as_one(day, amount, kind, rule):
    name = "amount" if kind is K.FIXED_MONTHLY else "rate"
    terms = {name: str(amount)}
    cut = date(2026, 2, day)
    whole = lease(clause(1, C.RENT, kind, terms), proration=rule)
    parts = lease(
        clause(1, C.RENT, kind, terms, last=cut),
        clause(2, C.RENT, kind, terms, cut + timedelta(days=1)),
        proration=rule,
    )
    assert bill(parts, FEBRUARY).net == bill(whole, FEBRUARY).net
