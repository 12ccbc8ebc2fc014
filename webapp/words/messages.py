"""Kinds of messages by name, and why one was sent."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.notifications import Template

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
