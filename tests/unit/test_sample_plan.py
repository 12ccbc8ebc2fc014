"""The sample mall's plan: weekdays are kept, and every way of charging occurs."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from domain.charges import ChargeType, PricingKind, TariffKind
from domain.clauses import Breakpoint, Percentage, Settlement, TierKind, parse_clause
from domain.malls import BusinessType
from sample_mall.plan_devices import COUNTERS, EVENT_SHOPS, SWAPPED_METER, meters
from sample_mall.plan_leases import TARIFFS, leases
from sample_mall.plan_shops import AREA_OF_UNIT, REQUESTS, SHOPS, UNITS
from sample_mall.registers import HOUR, Dial, new_dial, opening_of, swap_of
from sample_mall.shift import WINDOW_WEEKS, Window, add_months, days_of
from sample_mall.sources import ENERGY_WINDOW, STORES

MONTHS = [date(year, month, 1) for year in (2024, 2025, 2026) for month in range(1, 13)]
WINDOW = Window(date(2024, 9, 2))


@pytest.mark.parametrize("month", MONTHS, ids=str)
def test_shift_is_whole_weeks_and_keeps_weekdays(month: date) -> None:
    assert WINDOW.shift(month).days % 7 == 0
    for day in days_of(month):
        assert WINDOW.source_day(day, month).weekday() == day.weekday()


@pytest.mark.parametrize("month", MONTHS, ids=str)
def test_whole_month_lies_in_the_window(month: date) -> None:
    source = [WINDOW.source_day(day, month) for day in days_of(month)]
    assert WINDOW.monday <= source[0]
    assert source[-1] < WINDOW.monday + timedelta(weeks=WINDOW_WEEKS)


def test_windows_begin_on_mondays() -> None:
    assert ENERGY_WINDOW.monday.weekday() == WINDOW.monday.weekday() == 0


def test_every_shop_has_its_own_till_and_units() -> None:
    assert len(SHOPS) == STORES == 40
    assert sorted(shop.store for shop in SHOPS) == list(range(40))
    units = [unit for shop in SHOPS for unit in shop.units]
    assert len(units) == len(set(units)) == 42
    assert set(units) < {code for code, _, _ in UNITS}
    assert {shop.business_type for shop in SHOPS} == set(BusinessType)
    assert len({code[:2] for code, _, _ in UNITS}) == 4


def test_devices_stand_at_shops_that_exist() -> None:
    codes = {shop.code for shop in SHOPS}
    assert len({counter.sensor for counter in COUNTERS}) == 21
    assert {counter.shop for counter in COUNTERS if counter.shop} < codes
    assert codes > EVENT_SHOPS
    assert {request.shop for request in REQUESTS} < codes
    plans = meters(AREA_OF_UNIT)
    assert {plan.shop for plan in plans if not plan.is_water and plan.shop} == codes
    assert all(plan.start_register < plan.modulus for plan in plans)


def test_every_way_of_charging_occurs() -> None:
    first = date(2026, 3, 1)
    clauses = [
        parse_clause(
            clause_id=at,
            charge_type=draft.charge_type,
            pricing_kind=draft.pricing_kind,
            parameters=draft.parameters,
            valid_from=draft.valid_from,
            valid_to=draft.valid_to,
        )
        for plan in leases(first)
        for at, draft in enumerate(plan.clauses)
        if draft.valid_from <= date(2026, 3, 31) and (draft.valid_to or date.max) >= first
    ]
    assert {clause.pricing_kind for clause in clauses} == set(PricingKind)
    shares = [clause.pricing for clause in clauses if isinstance(clause.pricing, Percentage)]
    assert {share.breakpoint for share in shares} == set(Breakpoint)
    assert {share.tier_kind for share in shares if len(share.tiers) > 1} == set(TierKind)
    assert {share.settlement for share in shares} == set(Settlement)
    assert any(share.minimum for share in shares)
    assert any(share.maximum for share in shares)
    assert any(clause.is_tax_inclusive for clause in clauses)
    assert {kind for _, _, kind, _ in TARIFFS} == set(TariffKind)
    used = {
        clause.pricing.tariff for clause in clauses if clause.pricing_kind is PricingKind.METERED
    }
    assert used == {code for code, _, _, _ in TARIFFS}
    free = [clause for clause in clauses if getattr(clause.pricing, "factor", 1) == 0]
    assert {clause.charge_type for clause in free} == {ChargeType.RENT}
    assert any(clause.valid_to and clause.valid_to < date(2026, 3, 31) for clause in free)
    assert any(clause.valid_to and clause.valid_to > date(2026, 3, 31) for clause in free)


def test_one_lease_begins_in_the_month_and_two_end_soon() -> None:
    first = date(2026, 3, 1)
    plans = leases(first)
    assert [plan.shop.code for plan in plans if plan.start > first] == ["S30"]
    soon = [plan.shop.code for plan in plans if plan.end <= date(2026, 3, 31) + timedelta(days=60)]
    assert soon == ["S10", "S21"]


def test_rent_steps_leave_no_day_between() -> None:
    for plan in leases(date(2026, 2, 1)):
        rents = [draft for draft in plan.clauses if draft.charge_type is ChargeType.RENT]
        for before, after in pairwise(rents):
            assert before.valid_to is not None
            assert after.valid_from - before.valid_to == timedelta(days=1)


class TestRegisters:
    month = date(2026, 3, 1)
    plans = {plan.code: plan for plan in meters(AREA_OF_UNIT)}

    def hours(self, month: date) -> list[datetime]:
        opening, count = opening_of(month), len(days_of(month)) * 24
        return [opening + at * HOUR for at in range(count + 1)]

    def test_register_rises_but_where_it_rolls_over(self) -> None:
        rolled = set()
        for plan in self.plans.values():
            dial = Dial(plan, self.month, self.month)
            values = [dial.at(moment) for moment in self.hours(self.month)]
            assert values[0] == plan.start_register
            falls = [(before, after) for before, after in pairwise(values) if after < before]
            assert all(before > plan.modulus * Decimal("0.9") for before, _ in falls)
            if falls:
                rolled.add(plan.code)
        assert rolled == {"EM-L1-04", "EM-L3-10", "EM-L4-05", "WM-L4-02"}

    def test_register_goes_on_into_the_next_month(self) -> None:
        plan = self.plans["EM-L1-01"]
        following = add_months(self.month, 1)
        closing = Dial(plan, self.month, self.month).at(opening_of(following))
        assert Dial(plan, self.month, following).at(opening_of(following)) == closing

    def test_replaced_meter_counts_what_the_old_one_would_have(self) -> None:
        old = Dial(self.plans[SWAPPED_METER], self.month, self.month)
        new = new_dial(old)
        closing = opening_of(add_months(self.month, 1))
        swap = swap_of(self.month)
        assert new(swap) == Decimal("0.40")
        parts = (old.at(swap) - old.at(opening_of(self.month))) + (new(closing) - new(swap))
        whole = old.at(closing) - old.at(opening_of(self.month))
        assert abs(parts - whole) <= Decimal("0.01")  # each dial cuts its last digit
