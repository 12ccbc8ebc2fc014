"""The tables of contract, bill and payment: what may follow what."""

from datetime import date

import pytest

from domain import bills, contracts, payments
from domain.bills import BillEvent, BillState
from domain.contracts import ContractEvent, ContractState
from domain.payments import PaymentEvent, PaymentState
from domain.state_machines import IllegalTransition


def _walk(machine, state, *events):
    for event in events:
        state = machine.advance(state, event)
    return state


def test_contract_walks_from_draft_to_active():
    end = _walk(
        contracts,
        ContractState.DRAFT,
        ContractEvent.SUBMIT,
        ContractEvent.APPROVE,
        ContractEvent.SEND,
        ContractEvent.SIGN,
        ContractEvent.ACTIVATE,
    )
    assert end is ContractState.ACTIVE


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ((ContractEvent.SUBMIT, ContractEvent.REJECT), ContractState.REJECTED),
        (
            (
                ContractEvent.SUBMIT,
                ContractEvent.APPROVE,
                ContractEvent.SEND,
                ContractEvent.DECLINE,
            ),
            ContractState.DECLINED,
        ),
    ],
)
def test_refused_contract_goes_back_to_the_desk(path, state):
    assert _walk(contracts, ContractState.DRAFT, *path) is state
    assert contracts.advance(state, ContractEvent.REVISE) is ContractState.DRAFT


def test_signed_contract_cannot_return_to_draft():
    with pytest.raises(IllegalTransition, match=r"contract in state SIGNED .* event REVISE"):
        contracts.advance(ContractState.SIGNED, ContractEvent.REVISE)


@pytest.mark.parametrize(
    "state", [ContractState.EXPIRED, ContractState.TERMINATED, ContractState.RENEWED]
)
def test_ended_contract_takes_no_event(state):
    for event in ContractEvent:
        with pytest.raises(IllegalTransition):
            contracts.advance(state, event)


def test_every_contract_state_is_reached_from_draft():
    reached = {ContractState.DRAFT} | set(contracts.TRANSITIONS.values())
    assert reached == set(ContractState)
    assert {event for _, event in contracts.TRANSITIONS} == set(ContractEvent)


def test_bill_is_issued_after_review_and_paid_in_parts():
    end = _walk(
        bills,
        BillState.DRAFT,
        BillEvent.SUBMIT,
        BillEvent.ISSUE,
        BillEvent.PAY_PART,
        BillEvent.PAY_PART,
        BillEvent.PAY_REST,
    )
    assert end is BillState.PAID


def test_draft_bill_cannot_be_issued_without_review():
    with pytest.raises(IllegalTransition, match=r"bill in state DRAFT .* event ISSUE"):
        bills.advance(BillState.DRAFT, BillEvent.ISSUE)


@pytest.mark.parametrize("state", [BillState.PARTIALLY_PAID, BillState.PAID, BillState.VOID])
def test_bill_with_money_on_it_cannot_be_voided(state):
    with pytest.raises(IllegalTransition):
        bills.advance(state, BillEvent.VOID)


def test_owed_bill_is_overdue_the_day_after_its_due_date():
    due = date(2026, 3, 5)
    assert not bills.is_overdue(BillState.ISSUED, due, date(2026, 3, 5))
    assert bills.is_overdue(BillState.PARTIALLY_PAID, due, date(2026, 3, 6))
    assert not bills.is_overdue(BillState.PAID, due, date(2026, 3, 6))


def test_bill_number_carries_the_month_and_grows_past_four_digits():
    assert bills.bill_number(date(2026, 10, 1), 1) == "B202610-0001"
    assert bills.bill_number(date(2026, 10, 1), 20000) == "B202610-20000"


def test_payment_is_confirmed_once():
    state = payments.advance(PaymentState.PENDING, PaymentEvent.CONFIRM)
    with pytest.raises(IllegalTransition, match="payment in state CONFIRMED"):
        payments.advance(state, PaymentEvent.CONFIRM)
