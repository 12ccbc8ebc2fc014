"""Gates that look at the bill itself; those of data are tested where the data is."""

from datetime import date
from decimal import Decimal as D

import pytest

from domain.bill_inputs import BilledLine, BillRunInputs, ContractInput
from domain.bill_run import compute_bill
from domain.calendar import Period
from domain.charges import ChargeType, PricingKind, Proration
from domain.clauses import parse_clause
from domain.gates import Gate, check_gates

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


def rent(clause_id):
    return parse_clause(
        clause_id=clause_id,
        charge_type=ChargeType.RENT,
        pricing_kind=PricingKind.FIXED_MONTHLY,
        parameters={"amount": "1000", "tax_rate": "0"},
        valid_from=date(2026, 1, 1),
        valid_to=None,
    )


def failing(*clauses, **given):
    contract = ContractInput(
        contract_id=1,
        number="L-1",
        shop_id=1,
        shop_code="S-1",
        start=date(2026, 1, 1),
        end=date(2026, 12, 31),
        currency="CNY",
        proration=Proration.ACTUAL,
        payment_term_days=10,
        units=(),
        clauses=clauses,
        **given,
    )
    inputs = BillRunInputs(1, MARCH, {}, (contract,))
    return [
        failure.gate for failure in check_gates(contract, compute_bill(contract, inputs), inputs)
    ]


@pytest.mark.parametrize(
    ("period", "gates"),
    [
        (Period(date(2026, 3, 31), date(2026, 4, 2)), [Gate.LINE_EXISTS]),
        (Period(date(2026, 2, 1), date(2026, 2, 28)), []),
    ],
)
def test_days_that_are_billed_already_hold_the_shop(period, gates):
    earlier = BilledLine(1, ChargeType.RENT, period, D(1), D(1), "B202603-0009")
    assert failing(rent(1), billed=(earlier,)) == gates


def test_more_than_fifteen_lines_on_one_day_hold_the_shop():
    assert failing(*(rent(clause_id) for clause_id in range(15))) == []
    assert failing(*(rent(clause_id) for clause_id in range(16))) == [Gate.LINES_PER_DAY]


@pytest.mark.parametrize(
    ("totals", "gates"),
    [
        (["333.33", "333.33", "333.34"], [Gate.AMOUNT]),
        (["333.34", "333.34", "333.33"], []),
        (["1", "1"], []),
        (["1", "400", "400", "400", "400", "1"], []),
    ],
)
def test_amount_is_held_above_three_times_the_median_of_the_last_bills(totals, gates):
    assert failing(rent(1), previous_totals=tuple(D(total) for total in totals)) == gates
