"""Why a movement of a deposit is refused, in the reader's language."""

from flask_babel import gettext as _

from services.language import money
from services.operations.leasing.errors import ContractNotFound, RoleMayNot
from services.operations.leasing.running_errors import (
    DepositAlreadyConfirmed,
    DepositEntryNotFound,
    EntererMayNotConfirm,
    InvalidDeposit,
    NotEnoughDeposit,
)

REFUSALS = (
    ContractNotFound,
    DepositAlreadyConfirmed,
    DepositEntryNotFound,
    EntererMayNotConfirm,
    InvalidDeposit,
    NotEnoughDeposit,
    RoleMayNot,
)


def refusal_sentence(error: Exception, currency: str) -> str:
    """What is said to who entered or confirmed it."""
    match error:
        case NotEnoughDeposit():
            return _(
                "The deposit of %(number)s is %(balance)s: %(amount)s cannot go out of it.",
                number=error.number,
                balance=money(error.balance, currency),
                amount=money(error.amount, currency),
            )
        case EntererMayNotConfirm():
            return _("You entered this movement: another person has to confirm it.")
        case DepositAlreadyConfirmed():
            return _("%(who)s confirmed this movement already.", who=error.confirmed_by)
        case InvalidDeposit():
            return _("Write an amount above 0 in whole cents.")
        case _:
            return _("It was not saved: it contradicts what is already recorded.")
