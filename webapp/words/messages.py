"""Kinds of messages by name, why one was sent, and why it was not."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from domain.notifications import Failure, Template, Unaddressed
from domain.reminders import ReminderStep
from domain.scopes import ActorKind
from services.operations.outbox import Refusal
from webapp.words.lease_refusals import event_word

# By the stored text: a template of a later release has no word here.
_KINDS: dict[str, Any] = {
    Template.PAYMENT_REMINDER.value: _l("Payment reminder"),
    Template.PAYMENT_OVERDUE.value: _l("Payment is overdue"),
    Template.ACCOUNT_INVITATION.value: _l("Invitation to an account"),
    Template.PASSWORD_RESET.value: _l("Link for a new password"),
    Template.PASSWORD_CHANGED.value: _l("Password was changed"),
    Template.SECOND_FACTOR_CHANGED.value: _l("Authenticator was changed"),
    Template.SECOND_FACTOR_REMOVED.value: _l("Authenticator was removed"),
    Template.ACCOUNT_LOCKED.value: _l("Account was locked"),
    Template.SIGNING_CODE.value: _l("Code for signing"),
    Template.CONTRACT_SUBMITTED.value: _l("Contract to be reviewed"),
    Template.CONTRACT_APPROVED.value: _l("Contract was approved"),
    Template.CONTRACT_REJECTED.value: _l("Contract was rejected"),
    Template.CONTRACT_SENT.value: _l("Contract to be signed"),
    Template.CONTRACT_RECALLED.value: _l("Contract was recalled"),
    Template.CONTRACT_SIGNED.value: _l("Contract was signed"),
    Template.CONTRACT_DECLINED.value: _l("Contract was declined"),
    Template.CONTRACT_ACTIVE.value: _l("Lease has begun"),
    Template.CONTRACT_ENDED.value: _l("Lease has ended"),
    Template.CHANGE_SUBMITTED.value: _l("Change to be reviewed"),
    Template.CHANGE_REJECTED.value: _l("Change was rejected"),
    Template.AMENDMENT_SENT.value: _l("Amendment to be signed"),
    Template.AMENDMENT_SIGNED.value: _l("Amendment was signed"),
    Template.AMENDMENT_DECLINED.value: _l("Amendment was declined"),
    Template.TERMINATION_NOTICE.value: _l("Notice of an early end"),
    Template.RENEWAL_REMINDER.value: _l("Lease is about to end"),
    Template.RENEWAL_ASKED.value: _l("Renewal is asked for"),
    Template.RENEWAL_REFUSED.value: _l("Renewal was refused"),
}


def kind_of_message(template: str) -> Any:
    """What sort of message a template makes, in words."""
    return _KINDS.get(template) or _("Message")


def kinds_of_messages() -> list[tuple[str, Any]]:
    """(template, word) of every template, for a select."""
    return [(template.value, kind_of_message(template.value)) for template in Template]


def why(cause: str) -> str:
    """The cause that an outbox message keeps in words: `CONTRACT SEND`, `CHANGE
    AMENDMENT_PROPOSED`, `REMINDER T-3`, `30 DAYS BEFORE THE END`.
    """
    thing, _space, event = cause.partition(" ")
    if thing in ("CONTRACT", "CHANGE"):
        return _("Contract: %(event)s", event=event_word(event))
    if thing == "REMINDER" and event in set(ReminderStep):
        return _day_of_reminder(ReminderStep(event).offset.days)
    if thing.isdecimal():
        return ngettext(
            "%(num)s day before the lease ends", "%(num)s days before the lease ends", int(thing)
        )
    return cause


def who(actor: str) -> str:
    """Whoever caused a message: the calendar is nobody."""
    return _("The calendar") if actor == ActorKind.SYSTEM else actor


def _day_of_reminder(days: int) -> str:
    if days == 0:
        return _("Day on which the bill is due")
    if days < 0:
        return ngettext(
            "%(num)s day before the bill is due", "%(num)s days before the bill is due", -days
        )
    return ngettext(
        "%(num)s day after the bill was due", "%(num)s days after the bill was due", days
    )


_UNADDRESSED: dict[str, Any] = {
    Unaddressed.NOBODY.value: _l("Nobody could be reached: there is no account and no address."),
    Unaddressed.SWITCHED_OFF.value: _l("Everybody has switched it off."),
    Unaddressed.EXPIRED.value: _l("Nobody needed it any more when its turn came."),
    Unaddressed.SETTLED.value: _l("What it was about was settled before its turn came."),
    Unaddressed.WORDS.value: _l("Its words name something that it does not know."),
}


def is_lost(problem: str) -> bool:
    """Whether somebody has to do something about a message that reached nobody."""
    return problem.partition(":")[0] in (Unaddressed.NOBODY, Unaddressed.WORDS)


def why_nobody(problem: str) -> Any:
    """Why a message reached nobody, in words."""
    return _UNADDRESSED.get(problem.partition(":")[0], problem)


_FAILURES: dict[str, Any] = {
    Failure.NO_TELEPHONE.value: _l("The shop has no telephone number."),
    Failure.NO_NUMBER.value: _l("There is no number that takes text messages."),
    Failure.NO_TEMPLATE.value: _l("ATRIUM_SMS_TEMPLATES names no template of the provider for it."),
    Failure.NO_VALUE.value: _l("The provider's template wants a value that it has not."),
    Failure.UNREACHABLE.value: _l("The provider cannot be reached."),
    Failure.ANSWER.value: _l("The provider did not take it."),
    Failure.SIGN_IN.value: _l("The mail server does not accept the user or the password."),
    Failure.NO_TLS.value: _l("The mail server offers no TLS, so the password is not sent."),
    Failure.NOT_ARRIVED.value: _l("It did not arrive on the telephone."),
    Failure.NETWORK.value: _l("The telephone network refused it."),
    Failure.FAULT.value: _l("Atrium itself failed at it."),
}


def why_not_sent(error: str) -> tuple[Any, str]:
    """Why a delivery did not go: in our words, and what the provider or the network said as it
    stands; either may be empty.
    """
    code, _colon, detail = error.partition(":")
    words = _FAILURES.get(code)
    return ("", error) if words is None else (words, detail.strip())


_REFUSALS: dict[Refusal, Any] = {
    Refusal.UNKNOWN: _l("There is no such message."),
    Refusal.NOT_FAILED: _l("It is on its way or has arrived already."),
    Refusal.SECRET: _l("Its text opened an account and is not kept; ask for a new one."),
    Refusal.EXPIRED: _l("Nobody needs it any more."),
}


def why_not_again(refusal: Refusal) -> Any:
    """Why a delivery is not sent again, in words."""
    return _REFUSALS[refusal]
