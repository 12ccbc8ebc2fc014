"""Clauses and tariffs are read from JSON, or refused with the name of the field."""

from datetime import date
from decimal import Decimal as D

import pytest

from domain.charges import ChargeType, PricingKind, TariffKind
from domain.clauses import (
    Breakpoint,
    ClauseError,
    Percentage,
    SalesTier,
    Settlement,
    TierKind,
    parse_clause,
)
from domain.parameters import Problem
from domain.tariffs import TariffError, TimeOfUse, parse_tariff

C, K = ChargeType, PricingKind
INDEX = {"old": "10000", "reference_index": "101.2", "current_index": "104.3", "cap": "0.03"}


def clause(charge, kind, parameters):
    return parse_clause(
        clause_id=7,
        charge_type=charge,
        pricing_kind=kind,
        parameters=parameters,
        valid_from=date(2026, 1, 1),
        valid_to=None,
    )


def test_percentage_clause_is_read_with_all_its_fields():
    read = clause(
        C.TURNOVER_RENT,
        K.PERCENTAGE,
        {
            "tiers": [{"up_to": "500000", "rate": "0.08"}, {"up_to": None, "rate": "0.04"}],
            "tier_kind": "WHOLE",
            "breakpoint": "ARTIFICIAL",
            "breakpoint_amount": "1000000",
            "settlement": "LEASE_YEAR",
            "minimum": "10",
            "maximum": "20",
            "tax": "INCLUSIVE",
            "tax_rate": "0.05",
        },
    )
    assert read.pricing == Percentage(
        (SalesTier(D(500000), D("0.08")), SalesTier(None, D("0.04"))),
        TierKind.WHOLE,
        Breakpoint.ARTIFICIAL,
        D(1000000),
        Settlement.LEASE_YEAR,
        D(10),
        D(20),
    )
    assert read.is_tax_inclusive
    assert read.tax_rate == D("0.05")


@pytest.mark.parametrize(
    ("charge", "rate"),
    [
        (C.RENT, "0.09"),
        (C.PROPERTY_FEE, "0.06"),
        (C.DEPOSIT, "0"),
    ],
)
def test_tax_rate_of_the_charge_type_applies_where_none_is_stated(charge, rate):
    assert clause(charge, K.FIXED_MONTHLY, {"amount": "1"}).tax_rate == D(rate)


@pytest.mark.parametrize(
    ("charge", "kind", "parameters", "message"),
    [
        (C.RENT, K.FIXED_MONTHLY, {}, "amount: is missing"),
        (C.RENT, K.FIXED_MONTHLY, {"amount": 100.5}, "amount: must be a decimal in quotes"),
        (C.RENT, K.FIXED_MONTHLY, {"amount": "NaN"}, "amount: is not a decimal: 'NaN'"),
        (C.RENT, K.FIXED_MONTHLY, {"amount": "1o"}, "amount: is not a decimal: '1o'"),
        (C.RENT, K.FIXED_MONTHLY, {"amount": "1", "rate": "2"}, "rate: is not a field"),
        (C.PROPERTY_FEE, K.PER_AREA_MONTH, {"rate": "1", "factor": "0"}, "factor: only RENT"),
        (C.RENT, K.PER_AREA_DAY, {"rate": "-1"}, "rate: must be at least 0, not -1"),
        (C.RENT, K.PERCENTAGE, {"rate": "0.05"}, "charge_type: a percentage of sales"),
        (C.TURNOVER_RENT, K.PERCENTAGE, {}, "rate: either a rate or tiers"),
        (C.TURNOVER_RENT, K.PERCENTAGE, {"rate": "5"}, "rate: must be at most 1, not 5"),
        (
            C.TURNOVER_RENT,
            K.PERCENTAGE,
            {"rate": "0.05", "breakpoint": "ARTIFICIAL"},
            "breakpoint_amount: is stated with an ARTIFICIAL",
        ),
        (
            C.TURNOVER_RENT,
            K.PERCENTAGE,
            {"tiers": [{"up_to": "5", "rate": "0.05"}]},
            "tiers: the last tier",
        ),
        (
            C.TURNOVER_RENT,
            K.PERCENTAGE,
            {
                "tiers": [
                    {"up_to": "5", "rate": "0.1"},
                    {"up_to": "5", "rate": "0.1"},
                    {"up_to": None, "rate": "0.1"},
                ]
            },
            "tiers: the tiers must rise",
        ),
        (
            C.TURNOVER_RENT,
            K.PERCENTAGE,
            {"tiers": [{"up_to": None, "rte": "0.05"}]},
            r"tiers\[0\].rte: is not a field",
        ),
        (
            C.TURNOVER_RENT,
            K.PERCENTAGE,
            {"rate": "0.05", "settlement": "YEAR"},
            "settlement: must be one of MONTH, QUARTER, LEASE_YEAR, not 'YEAR'",
        ),
        (C.RENT, K.METERED, {"tariff": "T"}, "charge_type: RENT is not measured"),
        (C.WATER, K.METERED, {}, "tariff: is missing"),
        (C.RENT, K.FIXED_MONTHLY, {"amount": "1", "tax": "NONE"}, "tax: must be one of"),
        (C.RENT, K.FIXED_MONTHLY, [], "parameters: must be an object"),
        (C.RENT, K.FIXED_MONTHLY, {"amount": "1e999999"}, "amount: must be at most 999999999999"),
        (C.RENT, K.FIXED_MONTHLY, {"amount": "1e-11"}, "amount: has more than 10 decimals"),
        (C.OTHER, K.ONE_OFF, {"amount": "-1e13"}, "amount: must be at least -999999999999"),
        (C.RENT, K.FIXED_MONTHLY, {"amount": "1", "factor": "101"}, "factor: must be at most 100"),
        (
            C.RENT,
            K.FIXED_MONTHLY,
            {"amount": "10300.01", "indexation": INDEX},
            "amount: the index makes it 10300.00, not 10300.01",
        ),
        (
            C.RENT,
            K.PER_AREA_DAY,
            {"rate": "6.69", "indexation": {**INDEX, "old": "6.5", "cap": None}},
            "rate: the index makes it 6.6991, not 6.69",
        ),
        (
            C.RENT,
            K.FIXED_MONTHLY,
            {"amount": "1", "indexation": {"old": "1", "current_index": "100"}},
            "indexation.reference_index: is missing",
        ),
        (
            C.RENT,
            K.FIXED_MONTHLY,
            {"amount": "1", "indexation": {**INDEX, "index": "CPI"}},
            "indexation.index: is not a field",
        ),
        (
            C.RENT,
            K.FIXED_MONTHLY,
            {"amount": "1", "indexation": {**INDEX, "current_index": "0"}},
            "indexation.current_index: must be at least 0.0001, not 0",
        ),
        (
            C.RENT,
            K.FIXED_MONTHLY,
            {"amount": "1", "indexation": {**INDEX, "floor": "0.04"}},
            "indexation.floor: 0.04 is above the cap 0.03",
        ),
        (
            C.TURNOVER_RENT,
            K.PERCENTAGE,
            {"rate": "0.1", "indexation": INDEX},
            "indexation: is not a field",
        ),
    ],
)
def test_wrong_clause_is_refused_with_its_name_and_field(charge, kind, parameters, message):
    with pytest.raises(ClauseError, match=rf"clause 7 \({charge}, {kind}\): {message}"):
        clause(charge, kind, parameters)


@pytest.mark.parametrize(
    ("kind", "parameters", "priced"),
    [
        (K.FIXED_MONTHLY, {"amount": "10300", "indexation": INDEX}, "10300"),
        (
            K.PER_AREA_MONTH,
            {"rate": "6.6991", "indexation": {**INDEX, "old": "6.5", "cap": None}},
            "6.6991",
        ),
    ],
)
def test_indexed_price_is_read_when_its_index_makes_it(kind, parameters, priced):
    read = clause(C.RENT, kind, parameters).pricing
    assert getattr(read, "amount", None) or read.rate == D(priced)


def test_refusal_carries_its_code_and_details_for_other_languages():
    with pytest.raises(ClauseError) as refused:
        clause(C.TURNOVER_RENT, K.PERCENTAGE, {"tiers": [{"up_to": None, "rate": "5"}]})
    error = refused.value
    assert (error.number, error.charge_type, error.pricing_kind) == (
        7,
        C.TURNOVER_RENT,
        K.PERCENTAGE,
    )
    assert (error.field, error.code) == ("tiers[0].rate", Problem.TOO_GREAT)
    assert error.details == {"value": "5", "limit": "1"}


def tariff(kind, parameters):
    return parse_tariff(
        tariff_id=1,
        code="E1",
        kind=kind,
        parameters=parameters,
        valid_from=date(2026, 1, 1),
        valid_to=None,
    )


def test_time_of_use_bands_may_pass_midnight():
    read = tariff(
        TariffKind.TIME_OF_USE,
        {
            "bands": [
                {"name": "peak", "from": "08:00", "to": "22:00", "price": "1.1"},
                {"name": "valley", "from": "22:00", "to": "08:00", "price": "0.4"},
            ]
        },
    )
    assert isinstance(read.prices, TimeOfUse)
    assert read.prices.bands[1].hours == (22, 23, 0, 1, 2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (TariffKind.FLAT, {"price": "-1"}, "price: must be at least 0"),
        (
            TariffKind.TIME_OF_USE,
            {"bands": [{"name": "a", "from": "08:00", "to": "22:00", "price": "1"}]},
            "bands: must cover each hour",
        ),
        (
            TariffKind.TIME_OF_USE,
            {"bands": [{"name": "a", "from": "08:30", "to": "22:00", "price": "1"}]},
            "bands.from: must be a whole hour",
        ),
        (TariffKind.TIERED, {"tiers": []}, "tiers: must be a list with at least one"),
    ],
)
def test_wrong_tariff_is_refused_with_its_code_and_field(kind, parameters, message):
    with pytest.raises(TariffError, match=rf"tariff E1: {message}"):
        tariff(kind, parameters)
