"""Lives of leases, with a clock that the test moves; each ends with a run that adds nothing."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest
import sqlalchemy as sa
from running_mall import CASHIER, CLERK, MANAGER, OFFICER, TENANT, at, rent
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.contracts import ContractState
from domain.deposits import DepositKind
from domain.lease_terms import ClauseDraft
from services.operations import leasing
from services.operations.leasing.drafting import put_clauses
from services.queries.deposits import deposit_balance, list_deposit_movements
from services.queries.settlements import final_settlement
from services.signatures.keys import trusted_roots
from storage.models import Bill, ContractPaper
from storage.settings import Settings
from tests.journeys.lease_life import LeaseLife

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
BEFORE = date(2025, 11, 20)
C = ChargeType
FEE = rent("1500.00", FIRST, None, C.PROPERTY_FEE)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation whose keys are as old as the first lease; its fonts are cut once."""
    settings = Settings(state_dir=tmp_path_factory.mktemp("lives"), _env_file=None)
    trusted_roots(settings, now=at(BEFORE))
    return settings


@pytest.fixture
def life(session: Session, settings: Settings) -> LeaseLife:
    return LeaseLife(session, settings, BEFORE)


def move_deposit(life: LeaseLife, contract_id: int, kind: DepositKind, amount: D) -> None:
    entry_id = leasing.enter_deposit(
        life.session,
        contract_id=contract_id,
        kind=kind,
        amount=amount,
        entry_date=life.today,
        actor=CLERK,
        now=life.now,
    )
    leasing.confirm_deposit(life.session, entry_id=entry_id, actor=CASHIER, now=life.now)


def test_lease_from_first_draft_to_the_one_that_renews_it(life: LeaseLife) -> None:
    session = life.session
    contract_id = life.draft(
        clauses=[
            rent("10000.00", FIRST, date(2026, 6, 30)),
            rent("10500.00", date(2026, 7, 1)),
            FEE,
        ]
    )
    life.pass_to(date(2025, 12, 1))
    life.bring_into_force(contract_id)
    move_deposit(life, contract_id, DepositKind.RECEIVED, D("20000.00"))
    assert life.state(contract_id) is ContractState.SIGNED
    assert not life.told("CONTRACT_ACTIVE")

    life.pass_to(FIRST)
    assert life.state(contract_id) is ContractState.ACTIVE
    life.pass_to(date(2026, 10, 10))
    assert life.billed(date(2026, 6, 1)) == [
        (date(2026, 6, 1), C.RENT, "10000.00"), (date(2026, 6, 1), C.PROPERTY_FEE, "1500.00"),
    ]  # fmt: skip
    assert life.billed(date(2026, 7, 1))[0] == (date(2026, 7, 1), C.RENT, "10500.00")
    assert [message.parameters["days"] for message in life.told("RENEWAL_REMINDER")] == [90, 90]

    leasing.ask_renewal(session, contract_id=contract_id, months=12, actor=TENANT, now=life.now)
    life.pass_to(date(2026, 10, 20))
    following = leasing.offer_renewal(
        session,
        contract_id=contract_id,
        number="C-2",
        end_date=date(2027, 12, 31),
        actor=OFFICER,
        now=life.now,
    )
    put_clauses(
        session,
        contract_id=following,
        clauses=[
            rent("11000.00", date(2027, 1, 1)),
            rent("1600.00", date(2027, 1, 1), None, C.PROPERTY_FEE),
        ],
        actor=OFFICER,
        now=life.now,
    )
    life.bring_into_force(following)
    life.pass_to(date(2027, 3, 1))

    assert life.state(contract_id) is ContractState.RENEWED
    assert life.state(following) is ContractState.ACTIVE
    # Signed in October: nobody was reminded again.
    assert len(life.told("RENEWAL_REMINDER")) == 2
    assert life.billed(date(2026, 12, 1))[0] == (date(2026, 12, 1), C.RENT, "10500.00")
    assert life.billed(date(2027, 1, 1))[0] == (date(2027, 1, 1), C.RENT, "11000.00")
    assert deposit_balance(session, contract_id=contract_id) == 0
    (carried,) = list_deposit_movements(session, contract_id=following)
    assert (carried.amount, carried.other_number) == (D("20000.00"), "C-1")
    assert life.events(contract_id) == [
        "DRAFT", "SUBMIT", "APPROVE", "SEND", "SIGN", "ACTIVATE", "RENEWAL_ASKED",
        "RENEWAL_OFFERED", "RENEW",
    ]  # fmt: skip
    papers = session.execute(sa.select(ContractPaper.version, ContractPaper.state)).all()
    assert papers == [(1, "SIGNED"), (1, "SIGNED")]
    life.assert_nothing_new()


def test_year_of_reminders_with_downtime(life: LeaseLife) -> None:
    """Nothing runs over the 60 days' day and for the week in which 30 and 7 days would come."""
    contract_id = life.lease()
    life.today = FIRST
    down = {date(2026, 10, 28) + timedelta(days=n) for n in range(9)}
    down |= {date(2026, 11, 28) + timedelta(days=n) for n in range(29)}

    life.pass_to(date(2026, 12, 31), down=down)

    told = [
        (message.dedupe_key.split("/")[2], message.parameters["days"])
        for message in life.told("RENEWAL_REMINDER")
        if message.audience == "SHOP"
    ]
    # 60 days were caught up with on 6 November; on 27 December the seven days' and the one of
    # 30 days, which must not be left out.
    assert told == [("90", 90), ("60", 55), ("30", 4), ("7", 4)]
    assert len(life.told("RENEWAL_REMINDER")) == 2 * len(told)
    life.pass_to(date(2027, 2, 1), down={date(2027, 1, 1), date(2027, 1, 2)})
    assert life.state(contract_id) is ContractState.EXPIRED
    assert len(life.told("RENEWAL_REMINDER")) == 2 * len(told)
    assert len(life.told("CONTRACT_ENDED")) == 1
    life.assert_nothing_new()


def test_rejected_lease_is_drawn_up_again(life: LeaseLife) -> None:
    session = life.session
    contract_id = life.draft(clauses=[rent("8000.00")])
    life.submit(contract_id)
    leasing.reject_contract(
        session, contract_id=contract_id, comment="too cheap", actor=MANAGER, now=life.now
    )
    (told,) = life.told("CONTRACT_REJECTED")
    assert told.parameters["reason"] == "too cheap"
    given = {"contract_id": contract_id, "actor": OFFICER}
    leasing.revise_contract(session, now=life.now, **given)
    put_clauses(session, clauses=[rent("9500.00")], now=life.now, **given)
    life.submit(contract_id)
    life.approve(contract_id)
    leasing.send_contract(session, now=life.now, **given)
    leasing.decline_contract(
        session, contract_id=contract_id, comment="too dear", actor=TENANT, now=life.now
    )
    leasing.revise_contract(session, now=life.now, **given)
    put_clauses(session, clauses=[rent("9000.00")], now=life.now, **given)
    life.bring_into_force(contract_id)

    life.pass_to(date(2026, 2, 1))

    contract = life.contract(contract_id)
    assert (contract.state, contract.version) == (ContractState.ACTIVE, 2)
    assert life.billed(FIRST) == [(FIRST, C.RENT, "9000.00")]
    assert life.standing(contract_id) == [("9000.00", FIRST, None)]
    life.assert_nothing_new()


def test_mid_month_amendment_charges_each_rent_for_its_days(life: LeaseLife) -> None:
    contract_id = life.draft(clauses=[rent("10000.00"), FEE])
    life.bring_into_force(contract_id)
    life.pass_to(date(2026, 3, 20))
    day = date(2026, 4, 16)
    change_id = leasing.propose_amendment(
        life.session,
        contract_id=contract_id,
        effective_date=day,
        clauses=[rent("12000.00", day), rent("1500.00", day, None, C.PROPERTY_FEE)],
        reason="a larger terrace",
        actor=OFFICER,
        now=life.now,
    )
    life.amend_on_paper(change_id)

    life.pass_to(date(2026, 6, 1))

    assert life.billed(date(2026, 4, 1)) == [
        (date(2026, 4, 1), C.RENT, "5000.00"),
        (day, C.RENT, "6000.00"),
        (date(2026, 4, 1), C.PROPERTY_FEE, "1500.00"),
    ]
    assert life.billed(date(2026, 5, 1))[0] == (date(2026, 5, 1), C.RENT, "12000.00")
    life.assert_nothing_new()


def test_retroactive_amendment_is_settled_by_the_next_bill(life: LeaseLife) -> None:
    contract_id = life.draft(clauses=[rent("10000.00")])
    life.sign(contract_id, life.now)
    life.pass_to(date(2026, 4, 10))
    day = date(2026, 2, 15)
    life.amend(
        contract_id,
        day,
        [rent("7200.00", day)],
        life.now,
    )

    life.pass_to(date(2026, 6, 1))

    assert life.billed(date(2026, 4, 1)) == [
        (date(2026, 4, 1), C.RENT, "7200.00"),
        # 10,000 × 14/28 + 7,200 × 14/28 − 10,000
        (date(2026, 2, 1), C.RENT, "-1400.00"),
        (date(2026, 3, 1), C.RENT, "-2800.00"),
    ]
    assert life.billed(date(2026, 5, 1)) == [(date(2026, 5, 1), C.RENT, "7200.00")]
    life.assert_nothing_new()


def test_lease_that_is_ended_early_is_settled_to_the_cent(life: LeaseLife) -> None:
    """Given up in mid-June, agreed on in July: June was billed whole by then."""
    session = life.session
    contract_id = life.draft(clauses=[rent("10000.00"), FEE])
    life.sign(contract_id, life.now)
    move_deposit(life, contract_id, DepositKind.RECEIVED, D("20000.00"))
    life.pass_to(date(2026, 7, 5))
    last_day = date(2026, 6, 15)
    foreseen = final_settlement(session, contract_id=contract_id, as_of=last_day, now=life.now)
    life.end_early(contract_id, last_day, life.now)

    life.pass_to(date(2026, 8, 1))

    assert life.state(contract_id) is ContractState.TERMINATED
    assert life.billed(date(2026, 7, 1)) == [
        (date(2026, 6, 1), C.RENT, "-5000.00"),
        (date(2026, 6, 1), C.PROPERTY_FEE, "-750.00"),
    ]
    settled = final_settlement(session, contract_id=contract_id, as_of=life.today, now=life.now)
    # Five and a half months of 10,900.00 and 1,590.00, none of it paid yet.
    assert settled.owed == foreseen.owed == D("68695.00")
    assert (settled.unbilled, settled.deposit) == ((), D("20000.00"))
    assert settled.to_pay == D("48695.00")
    move_deposit(life, contract_id, DepositKind.DEDUCTED, D("20000.00"))
    assert deposit_balance(session, contract_id=contract_id) == 0
    # The unit is somebody else's by then.
    other = life.draft("C-9", start=date(2026, 8, 10), clauses=[rent("1.00", date(2026, 8, 10))])
    life.sign(other, life.now)
    life.pass_to(date(2026, 9, 1))
    assert life.state(other) is ContractState.ACTIVE
    assert {bill.contract_id for bill in session.scalars(
        sa.select(Bill).where(Bill.period_start == date(2026, 8, 1))
    )} == {other}  # fmt: skip
    life.assert_nothing_new()


def test_once_charged_things_are_not_charged_again_by_an_amendment(life: LeaseLife) -> None:
    once = ClauseDraft(C.OTHER, PricingKind.ONE_OFF, {"amount": "300.00"}, FIRST)
    contract_id = life.draft(clauses=[rent("10000.00"), once])
    life.sign(contract_id, life.now)
    life.pass_to(date(2026, 2, 10))
    day = date(2026, 1, 20)
    life.amend(
        contract_id,
        day,
        [rent("10000.00", day, date(2026, 1, 31)), rent("9000.00", date(2026, 2, 1))],
        life.now,
    )
    life.pass_to(date(2026, 3, 1))
    assert life.billed(FIRST) == [(FIRST, C.RENT, "10000.00"), (FIRST, C.OTHER, "300.00")]
    assert life.billed(date(2026, 2, 1)) == [(date(2026, 2, 1), C.RENT, "9000.00")]
    life.assert_nothing_new()
