"""Units are merged and split on real Postgres: areas add up, and nothing that is let goes away."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.contracts import ContractState
from domain.malls import BusinessType, UnitChangeKind
from services.operations.leasing import (
    ClauseDraft,
    InvalidContract,
    draft_contract,
    submit_contract,
)
from services.operations.malls import (
    AlreadyRegistered,
    NotRegistered,
    register_mall,
    register_shop,
    register_unit,
)
from services.operations.unit_changes import (
    AreasDiffer,
    NewUnit,
    TooFewUnits,
    UnitInUse,
    UnitNotOpen,
    merge_units,
    split_unit,
)
from services.queries.units import UnitStep, get_unit_history
from storage.models import Unit

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)
DAY = date(2026, 6, 1)


class Floor:
    """A mall with three units side by side."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.mall_id = register_mall(session, code="TST", name="Test Mall")
        self.units = {
            code: self.unit(code, area)
            for code, area in (("101", "80.50"), ("102", "40.25"), ("103", "60"))
        }

    def unit(self, code: str, area: str) -> int:
        return register_unit(
            self.session,
            mall_id=self.mall_id,
            code=code,
            floor="L1",
            area_m2=Decimal(area),
            opened_date=date(2020, 1, 1),
        )

    def merge(self, *codes: str, into: str = "101A", area: str | None = None) -> int:
        return merge_units(
            self.session,
            mall_id=self.mall_id,
            unit_ids=[self.units[code] for code in codes],
            code=into,
            floor="L1",
            area_m2=None if area is None else Decimal(area),
            effective_date=DAY,
            reason="one large shop",
            actor="lin",
            now=NOW,
        )

    def split(self, unit_id: int, *parts: tuple[str, str], day: date = DAY) -> tuple[int, ...]:
        return split_unit(
            self.session,
            unit_id=unit_id,
            parts=[NewUnit(code, "L1", Decimal(area)) for code, area in parts],
            effective_date=day,
            reason="two small shops",
            actor="lin",
            now=NOW,
        )

    def lease(self, code: str, start: date, end: date, number: str = "C-1") -> int:
        shop_id = register_shop(
            self.session,
            mall_id=self.mall_id,
            code=f"S-{number}",
            name="Tea",
            business_type=BusinessType.CATERING,
        )
        return draft_contract(
            self.session,
            mall_id=self.mall_id,
            shop_id=shop_id,
            number=number,
            unit_ids=[self.units[code]],
            start_date=start,
            end_date=end,
            clauses=[
                ClauseDraft(ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": "1"}, start)
            ],
            actor="zhou",
            now=NOW,
        )

    def read(self, unit_id: int) -> Unit:
        return self.session.get_one(Unit, unit_id)


@pytest.fixture
def floor(session: Session) -> Floor:
    return Floor(session)


def test_merged_unit_has_the_area_of_its_parts_and_opens_the_day_after_they_close(
    floor: Floor,
) -> None:
    merged = floor.read(floor.merge("101", "102"))
    assert merged.area_m2 == Decimal("120.75")
    assert merged.opened_date == DAY
    for code in ("101", "102"):
        assert floor.read(floor.units[code]).closed_date == date(2026, 5, 31)
    assert floor.read(floor.units["103"]).closed_date is None


def test_merged_unit_has_the_area_that_was_measured(floor: Floor) -> None:
    assert floor.read(floor.merge("101", "102", area="122")).area_m2 == Decimal("122")


def test_split_has_to_add_up_and_says_by_how_much_it_does_not(floor: Floor) -> None:
    with pytest.raises(AreasDiffer, match=r"80\.50 m².*80\.00 m²") as refused:
        floor.split(floor.units["101"], ("101-1", "50"), ("101-2", "30.00"))
    assert refused.value.difference == Decimal("-0.50")
    assert floor.read(floor.units["101"]).closed_date is None
    parts = floor.split(floor.units["101"], ("101-1", "50"), ("101-2", "30.50"))
    assert [floor.read(part).area_m2 for part in parts] == [Decimal(50), Decimal("30.50")]


def test_unit_that_is_let_on_the_day_is_not_closed_and_the_contract_is_named(
    floor: Floor, session: Session
) -> None:
    contract_id = floor.lease("102", date(2026, 4, 1), DAY)
    submit_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    with pytest.raises(UnitInUse, match="102 is let by the contract C-1") as refused:
        floor.merge("101", "102")
    assert (refused.value.state, refused.value.last) == (ContractState.IN_REVIEW, DAY)
    with pytest.raises(UnitInUse):
        floor.split(floor.units["102"], ("102-1", "20"), ("102-2", "20.25"))
    assert floor.read(floor.units["101"]).closed_date is None


def test_unit_that_was_let_until_the_day_before_is_free_to_close(
    floor: Floor, session: Session
) -> None:
    contract_id = floor.lease("102", date(2026, 4, 1), date(2026, 5, 31))
    submit_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    floor.merge("101", "102")


def test_draft_on_a_unit_that_closed_is_not_handed_in(floor: Floor, session: Session) -> None:
    contract_id = floor.lease("102", date(2026, 4, 1), date(2027, 3, 31))
    floor.merge("101", "102")
    with pytest.raises(InvalidContract, match="the unit 102 exists from 2020-01-01 to 2026-05-31"):
        submit_contract(session, contract_id=contract_id, actor="zhou", now=NOW)


def test_unit_ends_once(floor: Floor) -> None:
    floor.merge("101", "102")
    with pytest.raises(UnitNotOpen, match="102 exists from 2020-01-01 to 2026-05-31"):
        floor.merge("102", "103", into="102A")


def test_unit_does_not_end_before_it_began(floor: Floor) -> None:
    with pytest.raises(UnitNotOpen):
        floor.split(floor.units["103"], ("103-1", "30"), ("103-2", "30"), day=date(2020, 1, 1))


def test_one_unit_is_no_merge_and_one_part_no_split(floor: Floor) -> None:
    with pytest.raises(TooFewUnits):
        floor.merge("101")
    with pytest.raises(TooFewUnits):
        floor.split(floor.units["101"], ("101-1", "80.50"))


def test_code_of_a_new_unit_is_its_own(floor: Floor) -> None:
    with pytest.raises(AlreadyRegistered, match="103"):
        floor.merge("101", "102", into="103")


def test_units_of_another_mall_are_not_merged(floor: Floor, session: Session) -> None:
    other = register_mall(session, code="OTH", name="Other Mall")
    with pytest.raises(NotRegistered):
        merge_units(
            session,
            mall_id=other,
            unit_ids=list(floor.units.values()),
            code="X",
            floor="L1",
            effective_date=DAY,
            reason="",
            actor="lin",
            now=NOW,
        )


def test_history_reaches_back_over_a_merge_and_forward_over_a_split(
    floor: Floor, session: Session
) -> None:
    merged = floor.merge("101", "102")
    small, _ = floor.split(merged, ("101B", "100"), ("101C", "20.75"), day=date(2026, 9, 1))

    def told(steps: tuple[UnitStep, ...]) -> list[tuple[object, list[str], list[str]]]:
        return [
            (step.kind, [unit.code for unit in step.old], [unit.code for unit in step.new])
            for step in steps
        ]

    merge = (UnitChangeKind.MERGE, ["101", "102"], ["101A"])
    split = (UnitChangeKind.SPLIT, ["101A"], ["101B", "101C"])
    first = get_unit_history(session, floor.units["101"])
    assert first is not None
    assert (told(first.before), told(first.after)) == ([], [merge, split])
    middle = get_unit_history(session, merged)
    assert middle is not None
    assert (told(middle.before), told(middle.after)) == ([merge], [split])
    last = get_unit_history(session, small)
    assert last is not None
    assert (told(last.before), told(last.after)) == ([merge, split], [])
    assert last.before[0].done_by == "lin"
    untouched = get_unit_history(session, floor.units["103"])
    assert untouched is not None
    assert (untouched.before, untouched.after) == ((), ())
    assert get_unit_history(session, 0) is None


def test_lettable_area_of_a_day_is_the_same_before_and_after(
    floor: Floor, session: Session
) -> None:
    merged = floor.merge("101", "102")
    floor.split(merged, ("101B", "100"), ("101C", "20.75"), day=date(2026, 9, 1))
    for day in (date(2026, 5, 31), DAY, date(2026, 8, 31), date(2026, 9, 1)):
        area = session.scalar(
            sa.select(sa.func.sum(Unit.area_m2)).where(
                Unit.mall_id == floor.mall_id,
                Unit.opened_date <= day,
                sa.or_(Unit.closed_date.is_(None), Unit.closed_date >= day),
            )
        )
        assert area == Decimal("180.75")
