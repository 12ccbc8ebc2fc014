"""What is changed in a lease that runs: amendments that both sides sign, and early ends.

Belongs here: the life of such a change as one table, (state, event) -> state, and what the lease's
history says of it. Not here: the life of the lease itself (`domain.contracts`), the clauses that
an amendment ends and begins (`domain.clause_edits`) and what it does to bills.
"""

from enum import StrEnum

from domain.state_machines import IllegalTransition


class ChangeKind(StrEnum):
    AMENDMENT = "AMENDMENT"  # clauses from a date on; in force once the shop has signed
    TERMINATION = "TERMINATION"  # an earlier last day; in force once it is approved


class ChangeState(StrEnum):
    IN_REVIEW = "IN_REVIEW"
    REJECTED = "REJECTED"
    APPROVED = "APPROVED"
    SENT = "SENT"
    DECLINED = "DECLINED"
    IN_FORCE = "IN_FORCE"
    WITHDRAWN = "WITHDRAWN"


class ChangeEvent(StrEnum):
    APPROVE = "APPROVE"
    REJECT = "REJECT"
    SEND = "SEND"  # to the shop, for its signature
    SIGN = "SIGN"
    DECLINE = "DECLINE"
    TAKE_EFFECT = "TAKE_EFFECT"  # what needs no signature
    WITHDRAW = "WITHDRAW"


class RecordedEvent(StrEnum):
    """What a lease's history says beside the steps of its own machine: its state stays."""

    DRAFT_EDITED = "DRAFT_EDITED"
    AMENDMENT_PROPOSED = "AMENDMENT_PROPOSED"
    AMENDMENT_APPROVED = "AMENDMENT_APPROVED"
    AMENDMENT_SENT = "AMENDMENT_SENT"
    AMENDMENT_SIGNED = "AMENDMENT_SIGNED"
    AMENDMENT_DECLINED = "AMENDMENT_DECLINED"
    TERMINATION_PROPOSED = "TERMINATION_PROPOSED"
    TERMINATION_APPROVED = "TERMINATION_APPROVED"
    CHANGE_REJECTED = "CHANGE_REJECTED"
    CHANGE_WITHDRAWN = "CHANGE_WITHDRAWN"
    RENEWAL_ASKED = "RENEWAL_ASKED"
    RENEWAL_WITHDRAWN = "RENEWAL_WITHDRAWN"
    RENEWAL_REFUSED = "RENEWAL_REFUSED"
    RENEWAL_OFFERED = "RENEWAL_OFFERED"


TRANSITIONS: dict[tuple[ChangeState, ChangeEvent], ChangeState] = {
    (ChangeState.IN_REVIEW, ChangeEvent.APPROVE): ChangeState.APPROVED,
    (ChangeState.IN_REVIEW, ChangeEvent.REJECT): ChangeState.REJECTED,
    (ChangeState.IN_REVIEW, ChangeEvent.WITHDRAW): ChangeState.WITHDRAWN,
    (ChangeState.APPROVED, ChangeEvent.SEND): ChangeState.SENT,
    (ChangeState.APPROVED, ChangeEvent.WITHDRAW): ChangeState.WITHDRAWN,
    (ChangeState.APPROVED, ChangeEvent.TAKE_EFFECT): ChangeState.IN_FORCE,
    (ChangeState.SENT, ChangeEvent.SIGN): ChangeState.IN_FORCE,
    (ChangeState.SENT, ChangeEvent.DECLINE): ChangeState.DECLINED,
    (ChangeState.SENT, ChangeEvent.WITHDRAW): ChangeState.WITHDRAWN,
}

# Changes that wait for somebody: a lease has one at a time.
OPEN = frozenset({ChangeState.IN_REVIEW, ChangeState.APPROVED, ChangeState.SENT})


def advance(state: ChangeState, event: ChangeEvent) -> ChangeState:
    """The state that follows; raises IllegalTransition when the table has no such row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition("change of a contract", state, event) from None
