"""Our own words for every message, as msgids of the catalogue `messages`.

Belongs here: subjects and bodies in English, with their variables in braces; the Chinese ones
stand in the catalogue. Not here: which variables there are (`domain.message_templates`) and how
words become a text (message_texts).

They name dates, never "today": a message may be read on the morning after. One body serves every
channel, so it is short enough for a telephone, and says from which mall it comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.notifications import Template
from services.language import marked


@dataclass(frozen=True, slots=True)
class Words:
    """A subject and a body with `{variables}`."""

    subject: str
    body: str


OURS: Mapping[Template, Words] = {
    Template.PAYMENT_REMINDER: Words(
        marked("Payment reminder"),
        marked(
            "[{mall}] {shop}: bill {bill_number} for {month} is due on {due_date}. "
            "{outstanding} is to be paid. If you have paid already, thank you."
        ),
    ),
    Template.PAYMENT_OVERDUE: Words(
        marked("Overdue payment"),
        marked(
            "[{mall}] {shop}: bill {bill_number} for {month} was due on {due_date} and "
            "{outstanding} is still open. Please pay now. If you have paid already, thank you."
        ),
    ),
    Template.ACCOUNT_INVITATION: Words(
        marked("Your Atrium account"),
        marked(
            "Hello {name},\n\n"
            "an account was made for you in Atrium, the mall's operations system. "
            "Choose your password here:\n\n{link}\n\n"
            "The link works once, and for {hours} hours. "
            "If you expected no account, please ignore this letter."
        ),
    ),
    Template.PASSWORD_RESET: Words(
        marked("Set a new Atrium password"),
        marked(
            "Hello {name},\n\n"
            "you, or somebody who knows your address, asked for a new Atrium password. "
            "Set it here:\n\n{link}\n\n"
            "The link works once, and for {minutes} minutes. "
            "If it was not you, ignore this letter: your password stays as it is."
        ),
    ),
    Template.PASSWORD_CHANGED: Words(
        marked("Your Atrium password was changed"),
        marked(
            "Hello {name},\n\n"
            "the password of your Atrium account was changed, and its other sessions were ended. "
            "If it was not you, set a new password at once with “Forgot your password?” on the "
            "sign-in page, and tell your administrator."
        ),
    ),
    Template.SECOND_FACTOR_CHANGED: Words(
        marked("Your Atrium authenticator was changed"),
        marked(
            "Hello {name},\n\n"
            "an authenticator was set up for your Atrium account. "
            "If it was not you, tell your administrator at once."
        ),
    ),
    Template.SECOND_FACTOR_REMOVED: Words(
        marked("Your Atrium authenticator was removed"),
        marked(
            "Hello {name},\n\n"
            "the authenticator of your Atrium account was removed. "
            "If neither you nor an administrator did so for you, tell your administrator at once."
        ),
    ),
    Template.ACCOUNT_LOCKED: Words(
        marked("Your Atrium account is locked"),
        marked(
            "Hello {name},\n\n"
            "after several wrong passwords or codes your Atrium account is locked for a while. "
            "You can wait, or set a new password with “Forgot your password?” on the sign-in "
            "page, which unlocks it. If the tries were not yours, tell your administrator."
        ),
    ),
    Template.SIGNING_CODE: Words(
        marked("Your code to sign a contract"),
        marked(
            "{code} is your code to sign contract {contract}. It works once, and for {minutes} "
            "minutes. Tell it to nobody, the mall's people included."
        ),
    ),
    Template.CONTRACT_SUBMITTED: Words(
        marked("Contract {contract} waits for review"),
        marked(
            "[{mall}] {actor} handed in contract {contract} with {shop}, {start_date} to "
            "{end_date}. Please approve or reject it: {site}"
        ),
    ),
    Template.CONTRACT_APPROVED: Words(
        marked("Contract {contract} was approved"),
        marked(
            "[{mall}] {actor} approved contract {contract} with {shop}. "
            "It can now be sent for signature: {site}"
        ),
    ),
    Template.CONTRACT_REJECTED: Words(
        marked("Contract {contract} was rejected"),
        marked("[{mall}] {actor} rejected contract {contract} with {shop}: {reason}"),
    ),
    Template.CONTRACT_SENT: Words(
        marked("Contract {contract} is ready to sign"),
        marked(
            "[{mall}] {shop}: contract {contract}, {start_date} to {end_date}, is ready for your "
            "signature. Please sign in, read it, and sign it or decline it: {site}"
        ),
    ),
    Template.CONTRACT_RECALLED: Words(
        marked("Contract {contract} was taken back"),
        marked(
            "[{mall}] {shop}: contract {contract} was taken back for a change and cannot be "
            "signed any more. A new one will be sent to you. Reason: {reason}"
        ),
    ),
    Template.CONTRACT_SIGNED: Words(
        marked("Contract {contract} is signed"),
        marked(
            "[{mall}] {shop}: contract {contract}, {start_date} to {end_date}, is signed by both "
            "sides. The signed paper can be downloaded at {site}"
        ),
    ),
    Template.CONTRACT_DECLINED: Words(
        marked("Contract {contract} was declined"),
        marked("[{mall}] {shop} declined to sign contract {contract}: {reason}"),
    ),
    Template.CONTRACT_ACTIVE: Words(
        marked("Contract {contract} has begun"),
        marked("[{mall}] {shop}: contract {contract} runs from {start_date} to {end_date}."),
    ),
    Template.CONTRACT_ENDED: Words(
        marked("Contract {contract} has ended"),
        marked("[{mall}] {shop}: contract {contract} ended on {end_date}."),
    ),
    Template.CHANGE_SUBMITTED: Words(
        marked("A change of contract {contract} waits for review"),
        marked(
            "[{mall}] {actor} proposes a change of contract {contract} with {shop} from "
            "{effective_date} on. Please approve or reject it: {site}"
        ),
    ),
    Template.CHANGE_REJECTED: Words(
        marked("The change of contract {contract} was rejected"),
        marked(
            "[{mall}] {actor} rejected the change of contract {contract} with {shop} from "
            "{effective_date} on: {reason}"
        ),
    ),
    Template.AMENDMENT_SENT: Words(
        marked("An amendment of contract {contract} is ready to sign"),
        marked(
            "[{mall}] {shop}: an amendment of contract {contract} from {effective_date} on is "
            "ready for your signature. Please sign in, read it, and sign it or decline it: {site}"
        ),
    ),
    Template.AMENDMENT_SIGNED: Words(
        marked("The amendment of contract {contract} is signed"),
        marked(
            "[{mall}] {shop}: the amendment of contract {contract} from {effective_date} on is "
            "signed by both sides. The signed paper can be downloaded at {site}"
        ),
    ),
    Template.AMENDMENT_DECLINED: Words(
        marked("The amendment of contract {contract} was declined"),
        marked(
            "[{mall}] {shop} declined to sign the amendment of contract {contract} from "
            "{effective_date} on: {reason}"
        ),
    ),
    Template.TERMINATION_NOTICE: Words(
        marked("Notice of the early end of contract {contract}"),
        marked(
            "[{mall}] {shop}: contract {contract} ends early. Its last day is {last_day}. "
            "Reason: {reason}"
        ),
    ),
    Template.RENEWAL_REMINDER: Words(
        marked("Contract {contract} ends on {end_date}"),
        marked(
            "[{mall}] {shop}: contract {contract} ends on {end_date}. "
            "If the shop is to stay, please see to its renewal in time: {site}"
        ),
    ),
    Template.RENEWAL_ASKED: Words(
        marked("{shop} asks for a renewal"),
        marked(
            "[{mall}] {shop} asks to renew contract {contract}, which ends on {end_date}, by "
            "{months} months. {comment}"
        ),
    ),
    Template.RENEWAL_REFUSED: Words(
        marked("Contract {contract} is not renewed"),
        marked(
            "[{mall}] {shop}: contract {contract}, which ends on {end_date}, is not renewed: "
            "{reason}"
        ),
    ),
}
