"""What can stand in the way of a lease.

Belongs here: the refusals of drafts and of a lease's own steps, each with the facts that its
sentence names. Not here: those of changes, renewals and deposits (running_errors).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from domain.contracts import ContractState
from domain.term_checks import TermProblem


class ContractNotFound(Exception):
    """No such contract."""

    def __init__(self, contract_id: int) -> None:
        super().__init__(f"there is no contract {contract_id}")
        self.contract_id = contract_id


class InvalidContract(Exception):
    """A contract that cannot be: its dates, units or clauses do not fit together.

    `problems` say what is wrong and name the clauses at fault.
    """

    def __init__(self, number: str, problems: Sequence[TermProblem]) -> None:
        super().__init__(f"{number}: {'; '.join(str(problem) for problem in problems)}")
        self.number = number
        self.problems = tuple(problems)


class NotADraft(Exception):
    """Terms are written while a contract is a draft, not later."""

    def __init__(self, number: str, state: ContractState) -> None:
        super().__init__(f"{number} is {state}, not a draft")
        self.number = number
        self.state = state


class NotFollowing(Exception):
    """A renewal is of the shop of the lease before it, and begins on `first`, the day after."""

    def __init__(self, number: str, predecessor: str, shop: str, first: date) -> None:
        super().__init__(
            f"{number} follows {predecessor}: it is of the shop {shop} and begins on {first}"
        )
        self.number = number
        self.predecessor = predecessor
        self.shop = shop
        self.first = first


class DraftChanged(Exception):
    """Somebody else changed the draft since it was read: `by`, when it is known."""

    def __init__(self, number: str, by: str) -> None:
        super().__init__(f"{number} was changed in the meantime by {by}")
        self.number = number
        self.by = by


class HandedInAgain(Exception):
    """Other terms were handed in, `by` somebody, since those that are decided on were read."""

    def __init__(self, number: str, by: str) -> None:
        super().__init__(f"other terms of {number} were handed in in the meantime by {by}")
        self.number = number
        self.by = by


@dataclass(frozen=True, slots=True)
class Holder:
    """The contract that keeps a unit from others, and the days, both included."""

    contract_id: int
    number: str
    state: ContractState
    unit: str
    first: date
    last: date


class UnitAlreadyLet(Exception):
    """Another contract holds a unit on one of the days. `holder` is None when it was let go
    between the refusal and the look at who it was.
    """

    def __init__(self, number: str, holder: Holder | None) -> None:
        if holder is None:
            said = "another contract held a unit on one of these days; try again"
        else:
            said = (
                f"the unit {holder.unit} is let by the contract {holder.number} "
                f"from {holder.first} to {holder.last}"
            )
        super().__init__(said)
        self.number = number
        self.holder = holder


class MakerIsChecker(Exception):
    """Who drafted or handed in a contract may not decide on it."""

    def __init__(self, number: str, actor: str) -> None:
        super().__init__(f"{actor} drafted {number} and may not decide on it")
        self.number = number
        self.actor = actor


class RoleMayNot(Exception):
    """The role does not carry the permission for this step of a contract."""

    def __init__(self, step: str, role: str) -> None:
        super().__init__(f"{role or 'no role'} may not take the step {step} of a contract")
        self.step = step
        self.role = role


class CommentRequired(Exception):
    """A refusal must say why."""

    def __init__(self, number: str) -> None:
        super().__init__(f"say why {number} is refused")
        self.number = number


class NotYetStarted(Exception):
    """A contract becomes active on its first day, not before."""

    def __init__(self, number: str, first: date) -> None:
        super().__init__(f"{number} starts on {first}")
        self.number = number
        self.first = first


class NotYetEnded(Exception):
    """A contract expires the day after its last day, not before."""

    def __init__(self, number: str, last: date) -> None:
        super().__init__(f"{number} runs until {last}")
        self.number = number
        self.last = last
