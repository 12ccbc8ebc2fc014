"""A lease from draft to active on real Postgres."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.contracts import ContractState
from domain.malls import BusinessType
from domain.state_machines import IllegalTransition
from services.operations.leasing import (
    ClauseDraft,
    CommentRequired,
    ContractNotFound,
    InvalidContract,
    MakerIsChecker,
    NotYetEnded,
    NotYetStarted,
    RoleMayNot,
    UnitAlreadyLet,
    activate_contract,
    approve_contract,
    decline_contract,
    draft_contract,
    expire_contract,
    reject_contract,
    revise_contract,
    send_contract,
    sign_contract,
    submit_contract,
)
from services.operations.malls import (
    AlreadyRegistered,
    NotRegistered,
    register_mall,
    register_shop,
    register_unit,
)
from storage.models import Contract, ContractEvent, ContractUnit

NOW = datetime(2025, 12, 1, 2, tzinfo=UTC)
START, END = date(2026, 1, 1), date(2026, 12, 31)


class Place:
    """A mall with one shop and two units, and short words for what people do in it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.mall_id = register_mall(session, code="TST", name="Test Mall")
        self.shop_id = register_shop(
            session,
            mall_id=self.mall_id,
            code="S01",
            name="Tea",
            business_type=BusinessType.CATERING,
        )
        self.units = [
            register_unit(
                session,
                mall_id=self.mall_id,
                code=code,
                floor="L1",
                area_m2=Decimal("80.5"),
                opened_date=date(2020, 1, 1),
            )
            for code in ("L1-01", "L1-02")
        ]

    def draft(
        self,
        number: str = "C-1",
        *,
        start: date = START,
        end: date = END,
        units: list[int] | None = None,
        clauses: list[ClauseDraft] | None = None,
    ) -> int:
        rent = ClauseDraft(
            ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": "10000.00"}, start
        )
        return draft_contract(
            self.session,
            mall_id=self.mall_id,
            shop_id=self.shop_id,
            number=number,
            unit_ids=self.units[:1] if units is None else units,
            start_date=start,
            end_date=end,
            clauses=[rent] if clauses is None else clauses,
            actor="zhou",
            now=NOW,
        )

    def approved(self, number: str = "C-1", **terms: date) -> int:
        contract_id = self.draft(number, **terms)
        submit_contract(self.session, contract_id=contract_id, actor="zhou", now=NOW)
        approve_contract(self.session, contract_id=contract_id, actor="he", now=NOW)
        return contract_id

    def signed(self) -> int:
        contract_id = self.approved()
        send_contract(self.session, contract_id=contract_id, actor="zhou", now=NOW)
        sign_contract(self.session, contract_id=contract_id, actor="tea", now=NOW)
        return contract_id

    def state(self, contract_id: int) -> ContractState:
        return self.session.scalars(
            sa.select(Contract.state).where(Contract.id == contract_id)
        ).one()

    def is_held(self, contract_id: int) -> bool:
        return self.session.scalars(
            sa.select(ContractUnit.is_held).where(ContractUnit.contract_id == contract_id)
        ).one()


@pytest.fixture
def place(session: Session) -> Place:
    return Place(session)


def test_contract_goes_from_draft_to_active(place: Place, session: Session) -> None:
    contract_id = place.signed()
    activate_contract(
        session, contract_id=contract_id, actor="system", now=datetime(2025, 12, 31, 17, tzinfo=UTC)
    )
    assert place.state(contract_id) == ContractState.ACTIVE
    events = session.scalars(
        sa.select(ContractEvent.event)
        .where(ContractEvent.contract_id == contract_id)
        .order_by(ContractEvent.id)
    ).all()
    assert events == ["DRAFT", "SUBMIT", "APPROVE", "SEND", "SIGN", "ACTIVATE"]


def test_signed_contract_cannot_return_to_draft(place: Place, session: Session) -> None:
    contract_id = place.signed()
    with pytest.raises(IllegalTransition):
        revise_contract(session, contract_id=contract_id, actor="zhou", now=NOW)


def test_contract_is_not_active_before_its_first_day_in_the_mall(
    place: Place, session: Session
) -> None:
    contract_id = place.signed()
    with pytest.raises(NotYetStarted, match="2026-01-01"):
        activate_contract(
            session,
            contract_id=contract_id,
            actor="system",
            now=datetime(2025, 12, 31, 15, tzinfo=UTC),
        )


def test_contract_expires_after_its_last_day(place: Place, session: Session) -> None:
    contract_id = place.signed()
    activate_contract(
        session, contract_id=contract_id, actor="system", now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    with pytest.raises(NotYetEnded, match="2026-12-31"):
        expire_contract(
            session,
            contract_id=contract_id,
            actor="system",
            now=datetime(2026, 12, 31, 12, tzinfo=UTC),
        )
    expire_contract(
        session, contract_id=contract_id, actor="system", now=datetime(2027, 1, 1, tzinfo=UTC)
    )
    assert place.state(contract_id) == ContractState.EXPIRED


def test_drafter_cannot_approve(place: Place, session: Session) -> None:
    contract_id = place.draft()
    submit_contract(session, contract_id=contract_id, actor="qian", now=NOW)
    for maker in ("zhou", "qian"):
        with pytest.raises(MakerIsChecker, match=maker):
            approve_contract(session, contract_id=contract_id, actor=maker, now=NOW)
        with pytest.raises(MakerIsChecker, match=maker):
            reject_contract(session, contract_id=contract_id, actor=maker, now=NOW, comment="no")


def test_rejection_needs_a_reason(place: Place, session: Session) -> None:
    contract_id = place.draft()
    submit_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    with pytest.raises(CommentRequired):
        reject_contract(session, contract_id=contract_id, actor="he", now=NOW, comment=" ")
    reject_contract(session, contract_id=contract_id, actor="he", now=NOW, comment="too cheap")
    revise_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    assert place.state(contract_id) == ContractState.DRAFT


def test_units_are_held_from_the_day_a_contract_is_handed_in(
    place: Place, session: Session
) -> None:
    contract_id = place.draft()
    assert not place.is_held(contract_id)
    submit_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    assert place.is_held(contract_id)
    approve_contract(session, contract_id=contract_id, actor="he", now=NOW)
    assert place.is_held(contract_id)


def test_rejected_contract_lets_its_unit_go(place: Place, session: Session) -> None:
    contract_id = place.draft()
    submit_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    reject_contract(session, contract_id=contract_id, actor="he", now=NOW, comment="too cheap")
    assert not place.is_held(contract_id)
    place.approved("C-2")


def test_unit_is_not_let_twice_and_the_refusal_names_the_other_contract(
    place: Place, session: Session
) -> None:
    place.approved("C-1")
    second = place.draft("C-2", start=END, end=date(2027, 6, 30))
    with pytest.raises(
        UnitAlreadyLet, match=r"L1-01 is let by the contract C-1 .*2026-12-31"
    ) as refused:
        submit_contract(session, contract_id=second, actor="zhou", now=NOW)
    holder = refused.value.holder
    assert holder is not None
    assert (holder.number, holder.state, holder.unit) == ("C-1", ContractState.APPROVED, "L1-01")
    assert (holder.first, holder.last) == (START, END)
    assert place.state(second) == ContractState.DRAFT
    assert not place.is_held(second)


def test_contract_handed_in_before_units_were_held_is_held_by_its_approval(
    place: Place, session: Session
) -> None:
    second = place.draft("C-2")
    submit_contract(session, contract_id=second, actor="zhou", now=NOW)
    session.execute(sa.update(ContractUnit).values(is_held=False))
    session.expire_all()
    first = place.approved("C-1")
    with pytest.raises(UnitAlreadyLet, match="C-1"):
        approve_contract(session, contract_id=second, actor="he", now=NOW)
    assert place.state(second) == ContractState.IN_REVIEW
    assert place.is_held(first)


def test_unit_is_let_again_from_the_day_after(place: Place) -> None:
    place.approved("C-1")
    second = place.approved("C-2", start=date(2027, 1, 1), end=date(2027, 12, 31))
    assert place.is_held(second)


def test_declined_contract_lets_its_unit_go_and_comes_back_as_a_new_version(
    place: Place, session: Session
) -> None:
    contract_id = place.approved()
    send_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    decline_contract(session, contract_id=contract_id, actor="tea", now=NOW, comment="too dear")
    assert not place.is_held(contract_id)
    revise_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    assert session.get_one(Contract, contract_id).version == 2
    place.approved("C-2")


def test_clause_must_lie_inside_the_lease(place: Place) -> None:
    early = ClauseDraft(
        ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": "1"}, date(2025, 12, 31)
    )
    with pytest.raises(InvalidContract, match="RENT"):
        place.draft(clauses=[early])


def test_clause_without_its_amount_is_named(place: Place) -> None:
    rent = ClauseDraft(ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"rate": "1"}, START)
    with pytest.raises(InvalidContract, match=r"clause 1 \(RENT, FIXED_MONTHLY\): amount"):
        place.draft(clauses=[rent])


def test_lease_must_end_after_it_starts(place: Place) -> None:
    with pytest.raises(InvalidContract, match="before it starts"):
        place.draft(start=END, end=START)


def test_unit_must_exist_over_the_whole_lease(place: Place) -> None:
    with pytest.raises(InvalidContract, match="L1-01"):
        place.draft(start=date(2019, 6, 1), end=END)


def test_unit_of_another_mall_is_refused(place: Place) -> None:
    with pytest.raises(NotRegistered):
        place.draft(units=[-1])


def test_contract_number_is_given_once(place: Place) -> None:
    place.draft()
    with pytest.raises(AlreadyRegistered, match="C-1"):
        place.draft()


def test_contract_without_clause_is_not_handed_in(place: Place, session: Session) -> None:
    contract_id = place.draft(clauses=[])
    with pytest.raises(InvalidContract, match="clause"):
        submit_contract(session, contract_id=contract_id, actor="zhou", now=NOW)


def test_unknown_contract_is_named(session: Session) -> None:
    with pytest.raises(ContractNotFound, match="4711"):
        send_contract(session, contract_id=4711, actor="zhou", now=NOW)


@pytest.mark.parametrize("role", ["SUPER_ADMIN", "OPERATION", "FINANCE", "SHOP", "", "JANITOR"])
def test_only_management_approves(place: Place, session: Session, role: str) -> None:
    contract_id = place.draft()
    submit_contract(session, contract_id=contract_id, actor="zhou", now=NOW)
    with pytest.raises(RoleMayNot):
        approve_contract(session, contract_id=contract_id, actor="he", role=role, now=NOW)
    assert place.state(contract_id) == ContractState.IN_REVIEW


def test_nobody_brings_a_contract_into_force_by_hand(place: Place, session: Session) -> None:
    contract_id = place.signed()
    with pytest.raises(RoleMayNot):
        activate_contract(
            session,
            contract_id=contract_id,
            actor="he",
            role="MANAGEMENT",
            now=datetime(2025, 12, 31, 17, tzinfo=UTC),
        )
