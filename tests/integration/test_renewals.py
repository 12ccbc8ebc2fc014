"""Renewals, deposits and the calendar of leases on real Postgres."""

import threading
from datetime import date, datetime
from decimal import Decimal as D

import pytest
import sqlalchemy as sa
from running_mall import (
    CASHIER,
    CLERK,
    END,
    MANAGER,
    NOW,
    OFFICER,
    START,
    TENANT,
    RunningMall,
    at,
    rent,
)
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.contracts import ContractState
from domain.deposits import DepositKind
from domain.lease_terms import ClauseDraft
from domain.malls import BusinessType
from domain.renewals import RenewalState
from services.operations import leasing
from services.operations.leasing.errors import NotFollowing, RoleMayNot
from services.operations.leasing.running_errors import (
    DepositAlreadyConfirmed,
    DepositEntryNotFound,
    EntererMayNotConfirm,
    InvalidDeposit,
    InvalidMonths,
    NotEnoughDeposit,
    NotRunning,
    ReasonRequired,
    RenewalAlreadyAsked,
    RequestClosed,
    RequestNotFound,
    SuccessorExists,
)
from services.operations.malls import register_shop
from services.queries.deposits import deposit_balance, list_deposit_movements
from storage.models import ContractClause, DepositEntry, RenewalRequest

NEW_YEAR = date(2027, 1, 1)
LATER = at(date(2026, 11, 1))
IN, OUT, BACK = DepositKind.RECEIVED, DepositKind.DEDUCTED, DepositKind.REFUNDED


@pytest.fixture
def mall(session: Session) -> RunningMall:
    return RunningMall(session)


def ask(mall: RunningMall, contract_id: int, months: int = 12, comment: str = "") -> int:
    return leasing.ask_renewal(
        mall.session,
        contract_id=contract_id,
        months=months,
        comment=comment,
        actor=TENANT,
        now=LATER,
    )


def offer(mall: RunningMall, contract_id: int, number: str = "C-2", **given: object) -> int:
    return leasing.offer_renewal(
        mall.session,
        contract_id=contract_id,
        number=number,
        end_date=date(2027, 12, 31),
        actor=OFFICER,
        now=LATER,
        **given,  # type: ignore[arg-type]
    )


def enter(mall: RunningMall, contract_id: int, kind: DepositKind, amount: str) -> int:
    return leasing.enter_deposit(
        mall.session,
        contract_id=contract_id,
        kind=kind,
        amount=D(amount),
        entry_date=START,
        reference="T-1",
        actor=CLERK,
        now=NOW,
    )


def confirm(mall: RunningMall, entry_id: int, now: datetime = NOW) -> D:
    return leasing.confirm_deposit(mall.session, entry_id=entry_id, actor=CASHIER, now=now)


def balance(mall: RunningMall, contract_id: int) -> D:
    return deposit_balance(mall.session, contract_id=contract_id)


# -- asking and offering --------------------------------------------------------------------------


def test_shop_asks_once_and_the_officer_hears_of_it(mall: RunningMall) -> None:
    contract_id = mall.lease()
    ask(mall, contract_id, 24, "we like it here")
    (told,) = mall.told("RENEWAL_ASKED")
    assert told.audience == "OFFICER"
    assert told.parameters == {"months": 24, "comment": "we like it here"}
    with pytest.raises(RenewalAlreadyAsked):
        ask(mall, contract_id)
    assert mall.events(contract_id)[-1] == "RENEWAL_ASKED"
    assert mall.state(contract_id) is ContractState.ACTIVE


def test_wish_that_was_withdrawn_makes_room_for_another(mall: RunningMall) -> None:
    contract_id = mall.lease()
    request_id = ask(mall, contract_id)
    leasing.withdraw_renewal_request(mall.session, request_id=request_id, actor=TENANT, now=LATER)
    with pytest.raises(RequestClosed) as refused:
        leasing.refuse_renewal(
            mall.session, request_id=request_id, answer="no", actor=OFFICER, now=LATER
        )
    assert refused.value.state is RenewalState.WITHDRAWN
    assert ask(mall, contract_id) != request_id


def test_refusal_of_a_wish_says_why(mall: RunningMall) -> None:
    request_id = ask(mall, mall.lease())
    with pytest.raises(ReasonRequired):
        leasing.refuse_renewal(
            mall.session, request_id=request_id, answer="", actor=OFFICER, now=LATER
        )
    leasing.refuse_renewal(
        mall.session, request_id=request_id, answer="rebuilt", actor=OFFICER, now=LATER
    )
    (told,) = mall.told("RENEWAL_REFUSED")
    assert (told.audience, told.parameters) == ("SHOP", {"reason": "rebuilt"})
    request = mall.session.get_one(RenewalRequest, request_id)
    assert (request.state, request.answer) == (RenewalState.REFUSED, "rebuilt")


@pytest.mark.parametrize("months", [0, -1, 241])
def test_renewal_is_asked_for_some_months(mall: RunningMall, months: int) -> None:
    with pytest.raises(InvalidMonths):
        ask(mall, mall.lease(), months)


def test_lease_that_ended_is_not_renewed(mall: RunningMall) -> None:
    contract_id = mall.lease()
    mall.move(NEW_YEAR)
    with pytest.raises(NotRunning):
        ask(mall, contract_id)
    with pytest.raises(NotRunning):
        offer(mall, contract_id)


def test_people_of_the_wrong_desk_neither_ask_nor_offer(mall: RunningMall) -> None:
    contract_id = mall.lease()
    with pytest.raises(RoleMayNot):
        leasing.ask_renewal(
            mall.session, contract_id=contract_id, months=1, actor="x", now=NOW, role="OPERATION"
        )
    with pytest.raises(RoleMayNot):
        offer(mall, contract_id, role="MANAGEMENT")


def test_offer_is_a_draft_with_the_terms_of_the_last_day(mall: RunningMall) -> None:
    once = ClauseDraft(ChargeType.OTHER, PricingKind.ONE_OFF, {"amount": "300.00"}, START)
    terms = [
        rent("10000.00", START, date(2026, 6, 30)),
        rent("11000.00", date(2026, 7, 1)),
        rent("1500.00", START, END, ChargeType.PROPERTY_FEE),
        once,
    ]
    contract_id = mall.lease(clauses=terms)
    request_id = ask(mall, contract_id)
    before = mall.standing(contract_id)

    following = offer(mall, contract_id)

    draft = mall.contract(following)
    assert (draft.state, draft.predecessor_id) == (ContractState.DRAFT, contract_id)
    assert (draft.start_date, draft.end_date) == (NEW_YEAR, date(2027, 12, 31))
    assert draft.deposit_amount == D("20000.00")
    assert [row.unit_id for row in draft.contract_units] == [mall.unit_id]
    assert mall.standing(following) == [
        ("11000.00", NEW_YEAR, None),
        ("1500.00", NEW_YEAR, None),
    ]
    request = mall.session.get_one(RenewalRequest, request_id, populate_existing=True)
    assert (request.state, request.answered_by) == (RenewalState.OFFERED, OFFICER)
    # The old row stays as it was.
    old = mall.contract(contract_id)
    assert (old.state, old.end_date, old.version) == (ContractState.ACTIVE, END, 1)
    assert mall.standing(contract_id) == before


@pytest.mark.parametrize("change", ["shop", "day"])
def test_renewal_stays_with_the_shop_and_begins_the_day_after(
    mall: RunningMall, session: Session, change: str
) -> None:
    contract_id = mall.lease()
    following = offer(mall, contract_id)
    other = register_shop(
        session,
        mall_id=mall.mall_id,
        code="S02",
        name="Books",
        business_type=BusinessType.RETAIL,
    )
    wrong: dict[str, object] = (
        {"shop_id": other} if change == "shop" else {"start_date": date(2027, 1, 2)}
    )
    given = {"contract_id": following, "actor": OFFICER, "now": LATER}
    with pytest.raises(NotFollowing) as refused:
        leasing.change_draft(session, **given, **wrong)  # type: ignore[arg-type]
    assert (refused.value.predecessor, refused.value.shop, refused.value.first) == (
        "C-1",
        "S01",
        NEW_YEAR,
    )
    leasing.change_draft(session, end_date=date(2028, 12, 31), **given)  # type: ignore[arg-type]
    # The lease before it may have ended early meanwhile.
    mall.contract(contract_id).end_date = date(2026, 12, 30)
    with pytest.raises(NotFollowing):
        leasing.submit_contract(session, **given)  # type: ignore[arg-type]


def test_shop_asks_again_once_the_offer_was_declined(mall: RunningMall) -> None:
    contract_id = mall.lease()
    ask(mall, contract_id)
    following = offer(mall, contract_id)
    with pytest.raises(RenewalAlreadyAsked):
        ask(mall, contract_id)
    given = {"contract_id": following, "now": LATER}
    leasing.submit_contract(mall.session, actor=OFFICER, **given)  # type: ignore[arg-type]
    leasing.approve_contract(mall.session, actor=MANAGER, **given)  # type: ignore[arg-type]
    leasing.send_contract(mall.session, actor=OFFICER, **given)  # type: ignore[arg-type]
    with pytest.raises(RenewalAlreadyAsked):
        ask(mall, contract_id)
    leasing.decline_contract(mall.session, actor=TENANT, comment="too dear", **given)  # type: ignore[arg-type]
    assert ask(mall, contract_id)


def test_lease_has_one_that_follows_it(mall: RunningMall) -> None:
    contract_id = mall.lease()
    offer(mall, contract_id)
    with pytest.raises(SuccessorExists) as refused:
        offer(mall, contract_id, "C-3")
    assert (refused.value.successor, refused.value.state) == ("C-2", ContractState.DRAFT)


def test_offer_that_the_shop_declined_makes_room_for_another(mall: RunningMall) -> None:
    contract_id = mall.lease()
    first = offer(mall, contract_id)
    given = {"contract_id": first, "now": LATER}
    leasing.submit_contract(mall.session, actor=OFFICER, **given)
    leasing.approve_contract(mall.session, actor=MANAGER, **given)
    leasing.send_contract(mall.session, actor=OFFICER, **given)
    leasing.decline_contract(mall.session, actor=TENANT, comment="too dear", **given)
    second = offer(mall, contract_id, "C-3", clauses=[rent("9000.00", NEW_YEAR)])
    assert mall.standing(second) == [("9000.00", NEW_YEAR, None)]


def test_unknown_wish_is_named(session: Session) -> None:
    with pytest.raises(RequestNotFound, match="4711"):
        leasing.withdraw_renewal_request(session, request_id=4711, actor="x", now=NOW)


# -- the calendar ---------------------------------------------------------------------------------


def test_lease_is_active_from_its_first_day_and_ended_after_its_last(mall: RunningMall) -> None:
    contract_id = mall.sign(mall.draft())
    assert mall.move(date(2025, 12, 31)).activated == ()
    assert mall.move(START).activated == ("C-1",)
    assert mall.move(START).activated == ()
    assert mall.move(END).expired == ()
    assert mall.move(NEW_YEAR).expired == ("C-1",)
    assert mall.state(contract_id) is ContractState.EXPIRED
    assert [len(mall.told(name)) for name in ("CONTRACT_ACTIVE", "CONTRACT_ENDED")] == [1, 1]


def test_renewed_lease_is_followed_without_a_gap(mall: RunningMall) -> None:
    contract_id = mall.lease()
    following = mall.sign(offer(mall, contract_id), LATER)
    moves = mall.move(NEW_YEAR)
    assert (moves.renewed, moves.activated, moves.expired) == (("C-1",), ("C-2",), ())
    assert mall.state(contract_id) is ContractState.RENEWED
    assert mall.state(following) is ContractState.ACTIVE


def test_offer_that_nobody_signed_renews_nothing(mall: RunningMall) -> None:
    contract_id = mall.lease()
    offer(mall, contract_id)
    assert mall.move(NEW_YEAR).expired == ("C-1",)


def test_steps_missed_in_a_downtime_are_taken_in_their_order(mall: RunningMall) -> None:
    """Nothing ran from before the end of a lease until after the one that followed it."""
    contract_id = mall.sign(mall.draft())
    mall.move(START)
    following = mall.sign(offer(mall, contract_id), LATER)
    confirm(mall, enter(mall, contract_id, IN, "20000.00"))
    moves = mall.move(date(2028, 3, 1))
    assert moves.activated == ("C-2",)
    assert (moves.renewed, moves.expired) == (("C-1",), ("C-2",))
    assert moves.transferred == ("C-2",)
    assert [balance(mall, one) for one in (contract_id, following)] == [0, D("20000.00")]
    assert mall.move(date(2028, 3, 1)) == leasing.LeaseMoves((), (), (), (), ())


def test_other_malls_are_left_alone(mall: RunningMall, session: Session) -> None:
    contract_id = mall.sign(mall.draft())
    leasing.move_leases(session, mall_id=mall.mall_id + 1, day=START, now=at(START))
    assert mall.state(contract_id) is ContractState.SIGNED


# -- deposits -------------------------------------------------------------------------------------


def test_movement_counts_once_another_person_confirmed_it(mall: RunningMall) -> None:
    contract_id = mall.lease()
    entry_id = enter(mall, contract_id, IN, "20000.00")
    assert balance(mall, contract_id) == 0
    with pytest.raises(EntererMayNotConfirm):
        leasing.confirm_deposit(mall.session, entry_id=entry_id, actor=CLERK, now=NOW)
    assert confirm(mall, entry_id) == D("20000.00")
    with pytest.raises(DepositAlreadyConfirmed):
        confirm(mall, entry_id)


def test_ledger_tells_the_balance_after_each_movement(mall: RunningMall) -> None:
    contract_id = mall.lease()
    confirm(mall, enter(mall, contract_id, IN, "20000.00"))
    confirm(mall, enter(mall, contract_id, OUT, "1500.50"))
    enter(mall, contract_id, BACK, "18499.50")
    movements = list_deposit_movements(mall.session, contract_id=contract_id)
    assert [(one.kind, one.amount, one.balance) for one in movements] == [
        (IN, D("20000.00"), D("20000.00")),
        (OUT, D("-1500.50"), D("18499.50")),
        (BACK, D("-18499.50"), None),
    ]


def test_more_than_is_there_does_not_go_out(mall: RunningMall) -> None:
    contract_id = mall.lease()
    confirm(mall, enter(mall, contract_id, IN, "100.00"))
    with pytest.raises(NotEnoughDeposit) as refused:
        enter(mall, contract_id, BACK, "100.01")
    assert (refused.value.balance, refused.value.amount) == (D("100.00"), D("100.01"))
    first, second = (enter(mall, contract_id, kind, "60.00") for kind in (BACK, OUT))
    confirm(mall, first)
    with pytest.raises(NotEnoughDeposit):
        confirm(mall, second)
    assert balance(mall, contract_id) == D("40.00")


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "Infinity"])
def test_deposit_moves_by_whole_cents(mall: RunningMall, amount: str) -> None:
    with pytest.raises(InvalidDeposit):
        enter(mall, mall.lease(), IN, amount)


def test_nobody_carries_a_deposit_by_hand(mall: RunningMall) -> None:
    contract_id = mall.lease()
    for kind in (DepositKind.TRANSFERRED_IN, DepositKind.TRANSFERRED_OUT):
        with pytest.raises(InvalidDeposit):
            enter(mall, contract_id, kind, "1.00")


@pytest.mark.parametrize("role", ["SUPER_ADMIN", "MANAGEMENT", "OPERATION", "SHOP", ""])
def test_only_finance_moves_a_deposit(mall: RunningMall, role: str) -> None:
    contract_id = mall.lease()
    with pytest.raises(RoleMayNot):
        leasing.enter_deposit(
            mall.session,
            contract_id=contract_id,
            kind=IN,
            amount=D(1),
            entry_date=START,
            actor="x",
            role=role,
            now=NOW,
        )


def test_unknown_movement_is_named(session: Session) -> None:
    with pytest.raises(DepositEntryNotFound, match="4711"):
        leasing.confirm_deposit(session, entry_id=4711, actor="x", now=NOW)


def test_deposit_goes_over_with_both_sides_and_once(mall: RunningMall) -> None:
    contract_id = mall.lease()
    confirm(mall, enter(mall, contract_id, IN, "20000.00"))
    confirm(mall, enter(mall, contract_id, OUT, "500.00"))
    enter(mall, contract_id, IN, "9.00")  # not confirmed: it stays where it is
    following = mall.sign(offer(mall, contract_id), LATER)
    assert mall.move(NEW_YEAR).transferred == ("C-2",)
    rows = mall.session.scalars(
        sa.select(DepositEntry)
        .where(DepositEntry.transfer.is_not(None))
        .order_by(DepositEntry.amount)
    ).all()
    assert [(row.contract_id, row.kind, row.amount) for row in rows] == [
        (contract_id, DepositKind.TRANSFERRED_OUT, D("-19500.00")),
        (following, DepositKind.TRANSFERRED_IN, D("19500.00")),
    ]
    assert {row.confirmed_by for row in rows} == {"SYSTEM"}
    assert mall.move(NEW_YEAR).transferred == ()
    mall.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))  # both sides add up to nothing
    (movement,) = list_deposit_movements(mall.session, contract_id=following)
    assert movement.other_number == "C-1"


def test_deposit_stays_with_its_shop(mall: RunningMall, session: Session) -> None:
    contract_id = mall.lease()
    confirm(mall, enter(mall, contract_id, IN, "100.00"))
    following = mall.sign(offer(mall, contract_id), LATER)
    mall.contract(following).shop_id = register_shop(
        session,
        mall_id=mall.mall_id,
        code="S02",
        name="Books",
        business_type=BusinessType.RETAIL,
    )
    assert mall.move(NEW_YEAR).transferred == ()
    assert (balance(mall, contract_id), balance(mall, following)) == (D("100.00"), 0)


def test_deposit_that_is_confirmed_late_goes_on_to_the_lease_that_follows(
    mall: RunningMall,
) -> None:
    contract_id = mall.lease()
    confirm(mall, enter(mall, contract_id, IN, "100.00"))
    late = [enter(mall, contract_id, IN, amount) for amount in ("20.00", "3.00")]
    following = mall.sign(offer(mall, contract_id), LATER)
    mall.move(NEW_YEAR)
    for entry_id in late:
        assert confirm(mall, entry_id, at(date(2027, 1, 2))) == 0
    mall.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    movements = list_deposit_movements(mall.session, contract_id=following)
    assert [(one.amount, one.other_number, one.entry_date) for one in movements] == [
        (D("100.00"), "C-1", NEW_YEAR),
        (D("20.00"), "C-1", NEW_YEAR),
        (D("3.00"), "C-1", NEW_YEAR),
    ]
    assert {
        one.other_number
        for one in list_deposit_movements(mall.session, contract_id=contract_id)
        if one.amount < 0
    } == {"C-2"}


def test_two_refunds_at_once_do_not_both_go_out(engine: sa.Engine) -> None:
    with Session(engine) as session, session.begin():
        mall = RunningMall(session)
        contract_id = mall.lease()
        confirm(mall, enter(mall, contract_id, IN, "100.00"))
        entries = [enter(mall, contract_id, BACK, "80.00") for _ in range(2)]
    refused: list[NotEnoughDeposit] = []

    def pay_back(entry_id: int) -> None:
        with Session(engine) as session, session.begin():
            try:
                leasing.confirm_deposit(session, entry_id=entry_id, actor=CASHIER, now=NOW)
                session.execute(sa.text("SELECT pg_sleep(0.3)"))
            except NotEnoughDeposit as error:
                refused.append(error)

    threads = [threading.Thread(target=pay_back, args=(entry,)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    with Session(engine) as session:
        assert deposit_balance(session, contract_id=contract_id) == D("20.00")


def test_clauses_of_the_offer_are_new_records(mall: RunningMall) -> None:
    contract_id = mall.lease()
    following = offer(mall, contract_id)
    owners = mall.session.scalars(
        sa.select(ContractClause.contract_id).order_by(ContractClause.contract_id)
    ).all()
    assert owners == [contract_id, following]
