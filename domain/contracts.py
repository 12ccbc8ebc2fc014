"""The life of a lease as one table: (state, event) -> state.

Belongs here: the contract's states, its events and the table that joins them. What an event
needs besides the state (a comment, another person's hand) belongs to the operation that sends it.
"""

from enum import StrEnum

from domain.state_machines import IllegalTransition


class ContractState(StrEnum):
    DRAFT = "DRAFT"
    IN_REVIEW = "IN_REVIEW"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SENT = "SENT"
    DECLINED = "DECLINED"
    SIGNED = "SIGNED"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"
    RENEWED = "RENEWED"


class ContractEvent(StrEnum):
    SUBMIT = "SUBMIT"  # the drafter hands it in
    APPROVE = "APPROVE"
    REJECT = "REJECT"
    SEND = "SEND"  # to the shop, for its signature
    SIGN = "SIGN"
    DECLINE = "DECLINE"
    REVISE = "REVISE"  # back to the desk: a new draft, and a new version once it had been sent
    ACTIVATE = "ACTIVATE"  # on its start date
    EXPIRE = "EXPIRE"  # the day after its end date
    TERMINATE = "TERMINATE"  # ended early, with a reason
    RENEW = "RENEW"  # a successor takes over the day after its end date


TRANSITIONS: dict[tuple[ContractState, ContractEvent], ContractState] = {
    (ContractState.DRAFT, ContractEvent.SUBMIT): ContractState.IN_REVIEW,
    (ContractState.IN_REVIEW, ContractEvent.APPROVE): ContractState.APPROVED,
    (ContractState.IN_REVIEW, ContractEvent.REJECT): ContractState.REJECTED,
    (ContractState.REJECTED, ContractEvent.REVISE): ContractState.DRAFT,
    (ContractState.APPROVED, ContractEvent.SEND): ContractState.SENT,
    (ContractState.SENT, ContractEvent.SIGN): ContractState.SIGNED,
    (ContractState.SENT, ContractEvent.DECLINE): ContractState.DECLINED,
    # A clause changed after sending voids pending signatures and starts a new version.
    (ContractState.SENT, ContractEvent.REVISE): ContractState.DRAFT,
    (ContractState.DECLINED, ContractEvent.REVISE): ContractState.DRAFT,
    (ContractState.SIGNED, ContractEvent.ACTIVATE): ContractState.ACTIVE,
    (ContractState.ACTIVE, ContractEvent.EXPIRE): ContractState.EXPIRED,
    (ContractState.ACTIVE, ContractEvent.TERMINATE): ContractState.TERMINATED,
    (ContractState.ACTIVE, ContractEvent.RENEW): ContractState.RENEWED,
}

# Contracts that the shop sees: from the day they were sent to it. One that was taken back to
# draft is the desk's again.
SHOWN_TO_SHOP = frozenset(
    {
        ContractState.SENT,
        ContractState.DECLINED,
        ContractState.SIGNED,
        ContractState.ACTIVE,
        ContractState.EXPIRED,
        ContractState.TERMINATED,
        ContractState.RENEWED,
    }
)

# A contract in one of these was given up: another may be offered in its place.
GIVEN_UP = frozenset({ContractState.REJECTED, ContractState.DECLINED})

# Contracts in these states were in force on the days of their term: those days are billed.
IN_FORCE = frozenset(
    {
        ContractState.ACTIVE,
        ContractState.EXPIRED,
        ContractState.TERMINATED,
        ContractState.RENEWED,
    }
)


def advance(state: ContractState, event: ContractEvent) -> ContractState:
    """The state that follows; raises IllegalTransition when the table has no such row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition("contract", state, event) from None
