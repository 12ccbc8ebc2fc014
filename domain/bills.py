"""Bills: the table of their states, and their numbers.

Belongs here: what a bill may become, and what it is called. What stands in it is computed in
`domain.bill_run`.
"""

from datetime import date
from enum import StrEnum

from domain.state_machines import IllegalTransition


class BillState(StrEnum):
    DRAFT = "DRAFT"
    IN_REVIEW = "IN_REVIEW"
    ISSUED = "ISSUED"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    VOID = "VOID"


class BillEvent(StrEnum):
    SUBMIT = "SUBMIT"  # the run hands its draft to finance
    ISSUE = "ISSUE"  # the shop owes it from now on; nothing in it changes any more
    PAY_PART = "PAY_PART"
    PAY_REST = "PAY_REST"  # the last cent arrived, at once or after parts
    VOID = "VOID"  # keeps its number, points at its replacement


TRANSITIONS: dict[tuple[BillState, BillEvent], BillState] = {
    (BillState.DRAFT, BillEvent.SUBMIT): BillState.IN_REVIEW,
    (BillState.IN_REVIEW, BillEvent.ISSUE): BillState.ISSUED,
    (BillState.ISSUED, BillEvent.PAY_PART): BillState.PARTIALLY_PAID,
    (BillState.ISSUED, BillEvent.PAY_REST): BillState.PAID,
    (BillState.PARTIALLY_PAID, BillEvent.PAY_PART): BillState.PARTIALLY_PAID,
    (BillState.PARTIALLY_PAID, BillEvent.PAY_REST): BillState.PAID,
    (BillState.DRAFT, BillEvent.VOID): BillState.VOID,
    (BillState.IN_REVIEW, BillEvent.VOID): BillState.VOID,
    (BillState.ISSUED, BillEvent.VOID): BillState.VOID,
}

# Bills that the shop sees. One that was void before it was issued has no issue instant, and is
# not for the shop either.
SHOWN_TO_SHOP = frozenset(
    {BillState.ISSUED, BillState.PARTIALLY_PAID, BillState.PAID, BillState.VOID}
)

# Bills that the shop owes: what is still open of them is receivable.
OWED = frozenset({BillState.ISSUED, BillState.PARTIALLY_PAID})


class BillRunState(StrEnum):
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"


def advance(state: BillState, event: BillEvent) -> BillState:
    """The state that follows; raises IllegalTransition when the table has no such row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition("bill", state, event) from None


def is_overdue(state: BillState, due_date: date, on: date) -> bool:
    """OVERDUE is shown, never stored: an owed bill after its due date."""
    return state in OWED and on > due_date


def bill_number(month: date, sequence: int) -> str:
    """`B202610-0001`: the month billed and a sequence within it, unique in the mall."""
    return f"B{month:%Y%m}-{sequence:04d}"
