"""Terms that cannot be are refused with the clause at fault; doubtful ones get a second look."""

from datetime import date
from decimal import Decimal as D

import pytest
from lease_samples import END, START, clause, lease, rent, turnover

from domain.charges import ChargeType as C
from domain.charges import PricingKind as K
from domain.charges import Proration
from domain.clauses import GREATEST_FACTOR
from domain.lease_terms import LeasedUnit
from domain.parameters import GREATEST, Problem, sentence
from domain.rent_schedule import rent_schedule
from domain.term_checks import (
    UNFIT_FOR_A_DRAFT,
    WARNINGS,
    TermFault,
    TermProblem,
    check_terms,
    without,
)

BAD = TermFault.BAD_PARAMETER

TARIFFS = {"POWER": C.ELECTRICITY, "TAP": C.WATER}
WATER = clause(C.WATER, K.METERED, tariff="TAP")


def faults(terms, tariffs=None):
    return [(problem.fault, problem.clause) for problem in check_terms(terms, tariffs=tariffs)]


def test_complete_terms_have_no_problem():
    terms = lease(
        rent("10000", last=date(2026, 12, 31)),
        rent("10500", date(2027, 1, 1)),
        clause(C.PROPERTY_FEE, K.PER_AREA_MONTH, rate="38"),
        turnover(rate="0.05", breakpoint="NATURAL"),
        WATER,
        clause(C.OTHER, K.ONE_OFF, amount="500"),
        clause(C.OTHER, K.FIXED_MONTHLY, amount="200"),
        clause(C.OTHER, K.FIXED_MONTHLY, amount="300"),
    )
    assert check_terms(terms, tariffs=TARIFFS) == ()


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"number": ""}, TermFault.BAD_NUMBER),
        ({"number": " L-1"}, TermFault.BAD_NUMBER),
        ({"number": "L\n1"}, TermFault.BAD_NUMBER),
        ({"number": "L" * 41}, TermFault.BAD_NUMBER),
        ({"units": ()}, TermFault.NO_UNIT),
        ({"clauses": ()}, TermFault.NO_CLAUSE),
        ({"end": date(2025, 12, 31)}, TermFault.ENDS_BEFORE_START),
        ({"start": date(1, 1, 1)}, TermFault.DATES_OUT_OF_REACH),
        ({"end": date.max}, TermFault.DATES_OUT_OF_REACH),
        ({"end": date(2076, 1, 1)}, TermFault.LEASE_TOO_LONG),
        ({"deposit": D("-0.01")}, TermFault.NEGATIVE_DEPOSIT),
        ({"deposit": D(10) ** 12}, TermFault.DEPOSIT_TOO_GREAT),
        ({"payment_term_days": -1}, TermFault.PAYMENT_TERM),
        ({"payment_term_days": 366}, TermFault.PAYMENT_TERM),
    ],
)
def test_what_is_wrong_with_the_lease_itself_is_said(given, fault):
    assert (fault, None) in faults(lease(rent("1"), **given))


def test_fifty_years_are_the_longest_lease():
    assert faults(lease(rent("1"), end=date(2075, 12, 31))) == [
        (TermFault.BEYOND_TWENTY_YEARS, None)
    ]


def test_unit_must_be_there_on_every_day_and_stand_once():
    late = LeasedUnit("B-1", "1F", D(10), opened_date=date(2026, 1, 2))
    gone = LeasedUnit("B-2", "1F", D(10), date(2020, 1, 1), closed_date=date(2028, 12, 30))
    just = LeasedUnit("B-3", "1F", D(10), START, END)
    found = check_terms(lease(rent("1"), units=(late, gone, just, just)))
    assert [(p.fault, p.details["unit"]) for p in found] == [
        (TermFault.UNIT_TWICE, "B-3"),
        (TermFault.UNIT_NOT_THERE, "B-1"),
        (TermFault.UNIT_NOT_THERE, "B-2"),
    ]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2025, 12, 31), None),
        (START, date(2029, 1, 1)),
        (date(2029, 1, 1), None),
        (date(2029, 1, 1), date(2029, 2, 1)),
    ],
)
def test_clause_outside_the_lease_is_named(first, last):
    found = check_terms(lease(rent("1"), clause(C.OTHER, K.FIXED_MONTHLY, first, last, amount="1")))
    assert [(p.fault, p.clause, p.charge_type) for p in found] == [
        (TermFault.CLAUSE_OUTSIDE_LEASE, 2, C.OTHER)
    ]
    assert str(found[0]).startswith("clause 2 (OTHER, FIXED_MONTHLY): ")


def test_clause_that_ends_before_it_begins_is_named():
    backwards = clause(C.OTHER, K.FIXED_MONTHLY, date(2027, 1, 1), date(2026, 1, 1), amount="1")
    assert faults(lease(rent("1"), backwards)) == [(TermFault.CLAUSE_ENDS_BEFORE_START, 2)]


def test_clause_that_cannot_be_read_is_named_with_its_field():
    (problem,) = check_terms(lease(rent("1"), turnover(rate="5")))
    assert problem.fault is TermFault.BAD_PARAMETER
    assert (problem.clause, problem.field, problem.problem) == (2, "rate", Problem.TOO_GREAT)
    assert str(problem) == ("clause 2 (TURNOVER_RENT, PERCENTAGE): rate: must be at most 1, not 5")


def test_two_clauses_of_one_charge_on_one_day_are_named_with_the_day():
    found = check_terms(lease(rent("1", last=date(2026, 6, 30)), rent("2", date(2026, 6, 30))))
    assert [(p.fault, p.clause) for p in found] == [(TermFault.TWO_ON_ONE_DAY, 2)]
    assert found[0].details == {"other": "1", "first": "2026-06-30", "last": "2026-06-30"}


@pytest.mark.parametrize(
    "pair",
    [
        (rent("1"), clause(C.RENT, K.PER_AREA_DAY, rate="1")),
        (rent("1"), turnover(rate="0.1"), turnover(rate="0.2")),
        (rent("1"), WATER, WATER),
    ],
)
def test_a_charge_is_made_once_a_day_however_it_is_priced(pair):
    assert faults(lease(*pair)) == [(TermFault.TWO_ON_ONE_DAY, len(pair))]


def test_what_is_charged_once_may_come_beside_what_is_charged_each_month():
    fee = clause(C.RENT, K.ONE_OFF, amount="500")
    assert faults(lease(rent("1"), fee, fee)) == []


def test_tariff_must_be_known_and_price_what_is_measured():
    found = check_terms(
        lease(
            rent("1"),
            clause(C.WATER, K.METERED, tariff="NONE"),
            clause(C.GAS, K.METERED, tariff="TAP"),
        ),
        tariffs=TARIFFS,
    )
    assert [(p.fault, p.clause) for p in found] == [
        (TermFault.UNKNOWN_TARIFF, 2),
        (TermFault.TARIFF_OF_ANOTHER_CHARGE, 3),
    ]


def test_charge_by_area_without_a_unit_is_named():
    terms = lease(clause(C.RENT, K.PER_AREA_DAY, rate="1"), units=())
    assert (TermFault.PER_AREA_WITHOUT_UNITS, 1) in faults(terms)


def test_days_without_rent_get_a_second_look():
    found = check_terms(
        lease(
            rent("2", date(2026, 7, 1), date(2026, 12, 31)),
            rent("1", date(2026, 2, 1), date(2026, 3, 31)),
        )
    )
    assert [(p.fault, p.details["first"], p.details["last"]) for p in found] == [
        (TermFault.RENT_GAP, "2026-01-01", "2026-01-31"),
        (TermFault.RENT_GAP, "2026-04-01", "2026-06-30"),
        (TermFault.RENT_GAP, "2027-01-01", "2028-12-31"),
    ]
    assert all(problem.is_warning for problem in found)


def test_free_rent_is_no_gap():
    terms = lease(
        rent("1", last=date(2026, 3, 31), factor="0"),
        rent("1", date(2026, 4, 1)),
    )
    assert faults(terms) == []


@pytest.mark.parametrize(
    ("clauses", "fault"),
    [
        ((WATER,), (TermFault.NO_RENT, None)),
        ((turnover(rate="0.1", breakpoint="NATURAL"),), (TermFault.BREAKPOINT_WITHOUT_RENT, 1)),
    ],
)
def test_lease_without_base_rent_gets_a_second_look(clauses, fault):
    assert faults(lease(*clauses)) == [fault]


def test_lease_on_sales_alone_is_a_lease():
    assert faults(lease(turnover(rate="0.1"))) == []


def test_unfinished_draft_is_priced_without_the_clauses_at_fault():
    terms = lease(rent("x"), rent("2"), clause(C.OTHER, K.FIXED_MONTHLY, date(2030, 1, 1)))
    assert without(terms, check_terms(terms)).clauses == (rent("2"),)


class Anything(dict):
    """Details of any name."""

    def __missing__(self, name):
        return f"<{name}>"


def test_every_fault_and_every_problem_has_its_sentence():
    said = {str(TermProblem(fault, details=Anything())) for fault in set(TermFault) - {BAD}}
    said |= {sentence(problem, Anything()) for problem in Problem}
    assert len(said) == len(TermFault) - 1 + len(Problem)


@pytest.mark.parametrize("kind", [K.FIXED_MONTHLY, K.PER_AREA_MONTH, K.PER_AREA_DAY])
@pytest.mark.parametrize("proration", list(Proration))
def test_whatever_the_checks_let_through_can_be_priced(kind, proration):
    field = "amount" if kind is K.FIXED_MONTHLY else "rate"
    unit = LeasedUnit("HUGE", "1F", D("99999999.99"))
    most = {field: str(GREATEST), "factor": str(GREATEST_FACTOR), "tax_rate": "1"}
    dear = clause(C.RENT, kind, **most)
    terms = lease(dear, units=(unit,), proration=proration, start=START, end=date(2075, 12, 31))
    assert [p for p in check_terms(terms) if not p.is_warning] == []
    assert len(rent_schedule(terms)) == 600


def test_warning_never_stops_a_draft():
    assert not WARNINGS & UNFIT_FOR_A_DRAFT
