"""Amendments and early ends of running leases on real Postgres."""

from datetime import date

import pytest
import sqlalchemy as sa
from running_mall import END, MANAGER, OFFICER, START, TENANT, RunningMall, at, rent
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.contract_changes import ChangeState
from domain.contracts import ContractState
from domain.lease_terms import ClauseDraft
from domain.state_machines import IllegalTransition
from services.operations import leasing
from services.operations.leasing.errors import InvalidContract, RoleMayNot
from services.operations.leasing.running_errors import (
    ChangeNotFound,
    ChangeWaiting,
    DayOutsideLease,
    NothingChanged,
    NotRunning,
    ProposerMayNotDecide,
    ReasonRequired,
)
from services.queries.portal_papers import find_early_end
from storage.models import ContractChange, ContractClause

JULY = date(2026, 7, 1)
NOW = at(date(2026, 3, 10))
FEE = rent("1500.00", START, None, ChargeType.PROPERTY_FEE)


@pytest.fixture
def mall(session: Session) -> RunningMall:
    return RunningMall(session)


def propose(mall: RunningMall, contract_id: int, **given: object) -> int:
    asked = {
        "contract_id": contract_id,
        "effective_date": JULY,
        "clauses": [rent("12000.00", JULY)],
        "reason": "new terms",
        "actor": OFFICER,
        "now": NOW,
        **given,
    }
    return leasing.propose_amendment(mall.session, **asked)  # type: ignore[arg-type]


def end(mall: RunningMall, contract_id: int, last_day: date, **given: object) -> int:
    asked = {"reason": "closing", "actor": OFFICER, "now": NOW, **given}
    return leasing.propose_termination(
        mall.session,
        contract_id=contract_id,
        last_day=last_day,
        **asked,  # type: ignore[arg-type]
    )


def state_of(mall: RunningMall, change_id: int) -> ChangeState:
    return mall.session.get_one(ContractChange, change_id, populate_existing=True).state


def test_amendment_holds_from_its_day_once_the_shop_signed(mall: RunningMall) -> None:
    contract_id = mall.lease()
    change_id = propose(mall, contract_id)
    assert leasing.approve_change(
        mall.session, change_id=change_id, actor=MANAGER, now=NOW
    ) is ChangeState.APPROVED  # fmt: skip
    leasing.send_change(mall.session, change_id=change_id, actor=OFFICER, now=NOW)
    assert mall.standing(contract_id) == [("10000.00", START, None)]
    assert mall.contract(contract_id).version == 1

    leasing.sign_change(mall.session, change_id=change_id, actor=TENANT, now=NOW)

    assert state_of(mall, change_id) is ChangeState.IN_FORCE
    assert mall.standing(contract_id) == [
        ("10000.00", START, date(2026, 6, 30)),
        ("12000.00", JULY, None),
    ]
    contract = mall.contract(contract_id)
    assert (contract.version, contract.recompute_from) == (2, JULY)
    assert mall.events(contract_id)[-4:] == [
        "AMENDMENT_PROPOSED", "AMENDMENT_APPROVED", "AMENDMENT_SENT", "AMENDMENT_SIGNED",
    ]  # fmt: skip
    assert [message.audience for message in mall.told("AMENDMENT_SIGNED")] == ["SHOP", "OFFICER"]
    (asked,) = mall.told("CHANGE_SUBMITTED")
    assert (asked.audience, asked.role) == ("ROLE", "MANAGEMENT")
    assert asked.parameters == {"effective_date": "2026-07-01"}
    (sent,) = mall.told("AMENDMENT_SENT")
    assert (sent.audience, sent.expires_at) == ("SHOP", None)


def test_clause_that_goes_on_keeps_its_record(mall: RunningMall) -> None:
    once = ClauseDraft(ChargeType.OTHER, PricingKind.ONE_OFF, {"amount": "300.00"}, START)
    contract_id = mall.lease(clauses=[rent("10000.00"), FEE, once])
    before = {row.id: row.charge_type for row in mall.contract(contract_id).clauses}
    going_on = rent("1500.00", JULY, None, ChargeType.PROPERTY_FEE)

    mall.amend(contract_id, JULY, [rent("12000.00", JULY), going_on], NOW)

    gone = mall.session.scalars(
        sa.select(ContractClause.charge_type).where(
            ContractClause.id.in_(before), ContractClause.superseded_at.is_not(None)
        )
    ).all()
    assert gone == [ChargeType.RENT]
    assert mall.standing(contract_id) == [
        ("10000.00", START, date(2026, 6, 30)),
        ("1500.00", START, None),
        ("300.00", START, None),
        ("12000.00", JULY, None),
    ]


def test_charge_that_is_not_agreed_again_ends(mall: RunningMall) -> None:
    contract_id = mall.lease(clauses=[rent("10000.00"), FEE])
    mall.amend(contract_id, JULY, [rent("10000.00", JULY)], NOW)
    assert mall.standing(contract_id) == [
        ("10000.00", START, None),
        ("1500.00", START, date(2026, 6, 30)),
    ]


def test_what_was_believed_before_an_amendment_is_kept(mall: RunningMall) -> None:
    contract_id = mall.lease()
    mall.amend(contract_id, JULY, [rent("12000.00", JULY)], NOW)
    records = mall.session.scalars(
        sa.select(ContractClause)
        .where(ContractClause.contract_id == contract_id, ContractClause.superseded_at == NOW)
        .execution_options(populate_existing=True)
    ).all()
    assert [(row.parameters["amount"], row.valid_to) for row in records] == [("10000.00", None)]


def test_shop_is_shown_the_newest_of_several_early_ends(mall: RunningMall) -> None:
    contract_id = mall.lease()
    for last_day in (date(2026, 9, 30), date(2026, 8, 31)):
        mall.end_early(contract_id, last_day, NOW)
    found = find_early_end(mall.session, contract_id=contract_id)
    assert found is not None and found.last_day == date(2026, 8, 31)


def test_amendment_must_change_something(mall: RunningMall) -> None:
    contract_id = mall.lease()
    with pytest.raises(NothingChanged):
        propose(mall, contract_id, clauses=[rent("10000.00", JULY)])
    # The end of the lease, said in days, is the same as no end.
    with pytest.raises(NothingChanged):
        propose(mall, contract_id, clauses=[rent("10000.00", JULY, END)])


@pytest.mark.parametrize(
    "clauses",
    [
        [rent("12000.00", date(2026, 6, 30))],
        [rent("12000.00", JULY, date(2027, 1, 1))],
        [rent("12000.00", JULY), rent("1.00", date(2026, 8, 1))],
        [rent("twelve", JULY)],
        [ClauseDraft(ChargeType.WATER, PricingKind.METERED, {"tariff": "NONE"}, JULY)],
        [],
    ],
)
def test_terms_that_cannot_be_are_refused_with_their_place(
    mall: RunningMall, clauses: list[ClauseDraft]
) -> None:
    contract_id = mall.lease()
    with pytest.raises(InvalidContract) as refused:
        propose(mall, contract_id, clauses=clauses)
    assert {one.clause for one in refused.value.problems} == {len(clauses) or None}
    assert mall.session.scalar(sa.select(sa.func.count()).select_from(ContractChange)) == 0


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2027, 1, 1)])
def test_change_lies_inside_the_lease(mall: RunningMall, day: date) -> None:
    contract_id = mall.lease()
    with pytest.raises(DayOutsideLease):
        propose(mall, contract_id, effective_date=day, clauses=[rent("1.00", day)])
    with pytest.raises(DayOutsideLease):
        end(mall, contract_id, day)


def test_last_day_of_the_lease_is_no_early_end(mall: RunningMall) -> None:
    contract_id = mall.lease()
    with pytest.raises(DayOutsideLease) as refused:
        end(mall, contract_id, END)
    assert refused.value.last == date(2026, 12, 30)


def test_lease_has_one_open_change_at_a_time(mall: RunningMall) -> None:
    contract_id = mall.lease()
    first = propose(mall, contract_id)
    with pytest.raises(ChangeWaiting) as refused:
        end(mall, contract_id, JULY)
    assert (refused.value.number, refused.value.change_number) == ("C-1", 1)
    leasing.withdraw_change(mall.session, change_id=first, actor=OFFICER, now=NOW)
    second = end(mall, contract_id, JULY)
    assert mall.session.get_one(ContractChange, second).number == 2


def test_who_proposed_does_not_decide(mall: RunningMall) -> None:
    change_id = propose(mall, mall.lease())
    for decide in (leasing.approve_change, leasing.reject_change):
        with pytest.raises(ProposerMayNotDecide):
            decide(mall.session, change_id=change_id, actor=OFFICER, comment="no", now=NOW)
    assert state_of(mall, change_id) is ChangeState.IN_REVIEW


@pytest.mark.parametrize("role", ["SUPER_ADMIN", "OPERATION", "FINANCE", "SHOP", "", "JANITOR"])
def test_only_management_decides(mall: RunningMall, role: str) -> None:
    change_id = propose(mall, mall.lease())
    for decide in (leasing.approve_change, leasing.reject_change):
        with pytest.raises(RoleMayNot):
            decide(mall.session, change_id=change_id, actor="x", comment="no", now=NOW, role=role)


def test_draft_is_not_amended_but_edited(mall: RunningMall) -> None:
    contract_id = mall.draft()
    with pytest.raises(NotRunning):
        propose(mall, contract_id)
    with pytest.raises(NotRunning):
        end(mall, contract_id, JULY)


def test_proposal_and_refusals_say_why(mall: RunningMall) -> None:
    contract_id = mall.lease()
    with pytest.raises(ReasonRequired):
        propose(mall, contract_id, reason=" ")
    change_id = propose(mall, contract_id)
    with pytest.raises(ReasonRequired):
        leasing.reject_change(mall.session, change_id=change_id, actor=MANAGER, comment="", now=NOW)
    leasing.reject_change(
        mall.session, change_id=change_id, actor=MANAGER, comment="too dear", now=NOW
    )
    (told,) = mall.told("CHANGE_REJECTED")
    assert (told.audience, told.parameters["reason"]) == ("OFFICER", "too dear")
    assert mall.events(contract_id)[-1] == "CHANGE_REJECTED"


def test_declined_amendment_leaves_the_lease_as_it_was(mall: RunningMall) -> None:
    contract_id = mall.lease()
    change_id = propose(mall, contract_id)
    leasing.approve_change(mall.session, change_id=change_id, actor=MANAGER, now=NOW)
    leasing.send_change(mall.session, change_id=change_id, actor=OFFICER, now=NOW)
    with pytest.raises(ReasonRequired):
        leasing.decline_change(
            mall.session, change_id=change_id, actor=TENANT, comment=" ", now=NOW
        )
    leasing.decline_change(
        mall.session, change_id=change_id, actor=TENANT, comment="too dear", now=NOW
    )
    assert mall.standing(contract_id) == [("10000.00", START, None)]
    assert mall.contract(contract_id).recompute_from is None
    (told,) = mall.told("AMENDMENT_DECLINED")
    assert (told.audience, told.parameters["reason"]) == ("OFFICER", "too dear")
    with pytest.raises(IllegalTransition):
        leasing.sign_change(mall.session, change_id=change_id, actor=TENANT, now=NOW)


def test_amendment_that_was_sent_is_recalled_with_a_reason(mall: RunningMall) -> None:
    change_id = propose(mall, mall.lease())
    leasing.approve_change(mall.session, change_id=change_id, actor=MANAGER, now=NOW)
    leasing.send_change(mall.session, change_id=change_id, actor=OFFICER, now=NOW)
    with pytest.raises(ReasonRequired):
        leasing.withdraw_change(mall.session, change_id=change_id, actor=OFFICER, now=NOW)
    leasing.withdraw_change(
        mall.session, change_id=change_id, actor=OFFICER, comment="a slip", now=NOW
    )
    (told,) = mall.told("CONTRACT_RECALLED")
    assert (told.audience, told.parameters) == ("SHOP", {"reason": "a slip"})


def test_lease_that_ended_takes_no_signature_any_more(mall: RunningMall) -> None:
    contract_id = mall.lease()
    change_id = propose(mall, contract_id)
    leasing.approve_change(mall.session, change_id=change_id, actor=MANAGER, now=NOW)
    leasing.send_change(mall.session, change_id=change_id, actor=OFFICER, now=NOW)
    mall.move(date(2027, 1, 1))
    with pytest.raises(NotRunning):
        leasing.sign_change(mall.session, change_id=change_id, actor=TENANT, now=NOW)
    assert mall.standing(contract_id) == [("10000.00", START, None)]


def test_early_end_is_in_force_once_approved_and_frees_the_unit(mall: RunningMall) -> None:
    contract_id = mall.lease()
    change_id = end(mall, contract_id, date(2026, 8, 15))
    assert mall.held_until(contract_id) == date(2027, 1, 1)
    assert leasing.approve_change(
        mall.session, change_id=change_id, actor=MANAGER, now=NOW
    ) is ChangeState.IN_FORCE  # fmt: skip
    contract = mall.contract(contract_id)
    assert contract.end_date == date(2026, 8, 15)
    assert (contract.version, contract.recompute_from) == (2, date(2026, 8, 16))
    assert contract.state is ContractState.ACTIVE
    assert mall.held_until(contract_id) == date(2026, 8, 16)
    (told,) = mall.told("TERMINATION_NOTICE")
    assert (told.audience, told.expires_at) == ("SHOP", None)
    assert told.parameters == {"last_day": "2026-08-15", "reason": "closing"}
    # Somebody else may have the unit from the day after.
    following = mall.sign(mall.draft("C-2", start=date(2026, 8, 16)))
    assert mall.state(following) is ContractState.SIGNED
    assert mall.move(date(2026, 8, 16)).terminated == ("C-1",)
    assert mall.state(contract_id) is ContractState.TERMINATED


def test_terms_of_an_early_end_say_what_the_last_day_was(mall: RunningMall) -> None:
    change_id = end(mall, mall.lease(), JULY)
    assert mall.session.get_one(ContractChange, change_id).terms == {
        "last_day_before": "2026-12-31"
    }


def test_earliest_change_says_from_when_bills_are_computed_again(mall: RunningMall) -> None:
    contract_id = mall.lease()
    mall.amend(contract_id, date(2026, 2, 1), [rent("9000.00", date(2026, 2, 1))], NOW)
    mall.amend(contract_id, JULY, [rent("8000.00", JULY)], NOW)
    assert mall.contract(contract_id).recompute_from == date(2026, 2, 1)
    assert mall.standing(contract_id) == [
        ("10000.00", START, date(2026, 1, 31)),
        ("9000.00", date(2026, 2, 1), date(2026, 6, 30)),
        ("8000.00", JULY, None),
    ]


def test_unknown_change_is_named(session: Session) -> None:
    for step in (leasing.approve_change, leasing.send_change, leasing.sign_change):
        with pytest.raises(ChangeNotFound, match="4711"):
            step(session, change_id=4711, actor="x", now=NOW)
