"""What can stand in the way of a change, a renewal or a deposit of a running lease.

Belongs here: the refusals, each with the facts that its sentence names. Not here: those of drafts
and of the lease's own steps (errors).
"""

from datetime import date
from decimal import Decimal

from domain.contracts import ContractState
from domain.renewals import RenewalState


class ChangeNotFound(Exception):
    """No such change of a contract."""

    def __init__(self, change_id: int) -> None:
        super().__init__(f"there is no change {change_id} of a contract")
        self.change_id = change_id


class NotRunning(Exception):
    """Only a lease that is signed or active is changed, renewed or given up."""

    def __init__(self, number: str, state: ContractState) -> None:
        super().__init__(f"{number} is {state}, not a running lease")
        self.number = number
        self.state = state


class ChangeWaiting(Exception):
    """A lease has one open change at a time."""

    def __init__(self, number: str, change_number: int) -> None:
        super().__init__(f"change {change_number} of {number} waits to be decided first")
        self.number = number
        self.change_number = change_number


class DayOutsideLease(Exception):
    """The day from which a change holds, or the new last day, lies outside the lease."""

    def __init__(self, number: str, day: date, first: date, last: date) -> None:
        super().__init__(f"{day} is not a day from {first} to {last} of {number}")
        self.number = number
        self.day = day
        self.first = first
        self.last = last


class NothingChanged(Exception):
    """The clauses agreed are the clauses that stand."""

    def __init__(self, number: str) -> None:
        super().__init__(f"the amendment of {number} changes nothing")
        self.number = number


class ReasonRequired(Exception):
    """A change, a refusal and a movement of money say why."""

    def __init__(self, number: str) -> None:
        super().__init__(f"say why, for {number}")
        self.number = number


class ProposerMayNotDecide(Exception):
    """Who proposed a change may not decide on it."""

    def __init__(self, number: str, change_number: int, actor: str) -> None:
        super().__init__(f"{actor} proposed change {change_number} of {number}")
        self.number = number
        self.change_number = change_number
        self.actor = actor


class RequestNotFound(Exception):
    """No such wish to renew."""

    def __init__(self, request_id: int) -> None:
        super().__init__(f"there is no renewal request {request_id}")
        self.request_id = request_id


class RequestClosed(Exception):
    """The wish to renew was answered or withdrawn already."""

    def __init__(self, number: str, state: RenewalState) -> None:
        super().__init__(f"the renewal request of {number} is {state}")
        self.number = number
        self.state = state


class RenewalAlreadyAsked(Exception):
    """A wish to renew waits for its answer, or was answered with a contract that is on its way."""

    def __init__(self, number: str) -> None:
        super().__init__(f"the renewal of {number} was asked for already")
        self.number = number


class InvalidMonths(Exception):
    """A renewal is asked for a number of months."""

    def __init__(self, months: int, least: int, most: int) -> None:
        super().__init__(f"a renewal is for {least} to {most} months, not {months}")
        self.months = months
        self.least = least
        self.most = most


class SuccessorExists(Exception):
    """The lease that follows was drafted already."""

    def __init__(self, number: str, successor: str, state: ContractState) -> None:
        super().__init__(f"{successor} ({state}) follows {number} already")
        self.number = number
        self.successor = successor
        self.state = state


class DepositEntryNotFound(Exception):
    """No such movement of a deposit."""

    def __init__(self, entry_id: int) -> None:
        super().__init__(f"there is no movement {entry_id} of a deposit")
        self.entry_id = entry_id


class InvalidDeposit(Exception):
    """A movement of a deposit has an amount above 0 in whole cents, and is no transfer."""

    def __init__(self, number: str, amount: Decimal) -> None:
        super().__init__(f"a deposit of {number} moves by whole cents above 0, not by {amount}")
        self.number = number
        self.amount = amount


class NotEnoughDeposit(Exception):
    """More would go out than is there."""

    def __init__(self, number: str, balance: Decimal, amount: Decimal) -> None:
        super().__init__(f"the deposit of {number} is {balance}: {amount} cannot go out of it")
        self.number = number
        self.balance = balance
        self.amount = amount


class DepositAlreadyConfirmed(Exception):
    """Another person confirmed the movement before."""

    def __init__(self, number: str, confirmed_by: str) -> None:
        super().__init__(f"{confirmed_by} confirmed this movement of {number} already")
        self.number = number
        self.confirmed_by = confirmed_by


class EntererMayNotConfirm(Exception):
    """Who entered a movement of a deposit may not confirm it."""

    def __init__(self, number: str, actor: str) -> None:
        super().__init__(f"{actor} entered this movement of {number} and cannot confirm it")
        self.number = number
        self.actor = actor
