"""The words of messages, in the reader's language.

Belongs here: subjects and bodies, catalogue `messages`. Not here: when and to whom.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from babel.dates import format_date

from domain.notifications import Template
from domain.reminders import ReminderStep
from services.language import long_date, marked, money, translator

SUBJECTS: dict[str, str] = {
    Template.PAYMENT_REMINDER: marked("Payment reminder"),
    Template.ACCOUNT_INVITATION: marked("Your Atrium account"),
    Template.PASSWORD_RESET: marked("Set a new Atrium password"),
    Template.PASSWORD_CHANGED: marked("Your Atrium password was changed"),
    Template.SECOND_FACTOR_CHANGED: marked("Your Atrium authenticator was changed"),
    Template.ACCOUNT_LOCKED: marked("Your Atrium account is locked"),
}


class Notice(Protocol):
    """The body of a letter that needs to know nothing but the name."""

    def __call__(self, *, locale: str, name: str) -> str: ...


def subject(template: str, locale: str) -> str:
    """Subject line of a template; the template's own name when it has none."""
    return translator(locale, "messages")(SUBJECTS[template]) if template in SUBJECTS else template


def payment_reminder(
    *,
    step: ReminderStep,
    locale: str,
    mall: str,
    shop: str,
    bill_number: str,
    month: date,
    outstanding: Decimal,
    currency: str,
    due_date: date,
) -> str:
    """Body of a reminder. It names dates, never "today": it may be read in the morning after."""
    _ = translator(locale, "messages")
    text = (
        _(
            "[{mall}] {shop}: bill {bill_number} for {month} was due on {due_date} and "
            "{amount} is still open. Please pay now. If you have paid already, thank you."
        )
        if step.is_overdue
        else _(
            "[{mall}] {shop}: bill {bill_number} for {month} is due on {due_date}. "
            "{amount} is to be paid. If you have paid already, thank you."
        )
    )
    return text.format(
        mall=mall,
        shop=shop,
        bill_number=bill_number,
        month=format_date(month, "yyyy年M月" if locale == "zh_CN" else "MMMM yyyy", locale=locale),
        amount=money(outstanding, currency),
        due_date=long_date(due_date, locale),
    )


def no_telephone(locale: str) -> str:
    """Why a text message could not go out."""
    return translator(locale, "messages")("The shop has no telephone number.")


def invitation(*, locale: str, name: str, link: str, life: timedelta) -> str:
    """Body of the letter that invites somebody to choose a password."""
    _ = translator(locale, "messages")
    return _(
        "Hello {name},\n\n"
        "an account was made for you in Atrium, the mall's operations system. "
        "Choose your password here:\n\n{link}\n\n"
        "The link works once, and for {hours} hours. "
        "If you expected no account, please ignore this letter."
    ).format(name=name, link=link, hours=_whole(life, timedelta(hours=1)))


def password_reset(*, locale: str, name: str, link: str, life: timedelta) -> str:
    """Body of the letter for somebody who forgot the password."""
    _ = translator(locale, "messages")
    return _(
        "Hello {name},\n\n"
        "you, or somebody who knows your address, asked for a new Atrium password. "
        "Set it here:\n\n{link}\n\n"
        "The link works once, and for {minutes} minutes. "
        "If it was not you, ignore this letter: your password stays as it is."
    ).format(name=name, link=link, minutes=_whole(life, timedelta(minutes=1)))


def password_changed(*, locale: str, name: str) -> str:
    _ = translator(locale, "messages")
    return _(
        "Hello {name},\n\n"
        "the password of your Atrium account was changed, and its other sessions were ended. "
        "If it was not you, set a new password at once with “Forgot your password?” on the "
        "sign-in page, and tell your administrator."
    ).format(name=name)


def second_factor_enrolled(*, locale: str, name: str) -> str:
    _ = translator(locale, "messages")
    return _(
        "Hello {name},\n\n"
        "an authenticator was set up for your Atrium account. "
        "If it was not you, tell your administrator at once."
    ).format(name=name)


def second_factor_removed(*, locale: str, name: str) -> str:
    _ = translator(locale, "messages")
    return _(
        "Hello {name},\n\n"
        "the authenticator of your Atrium account was removed. "
        "If neither you nor an administrator did so for you, tell your administrator at once."
    ).format(name=name)


def account_locked(*, locale: str, name: str) -> str:
    _ = translator(locale, "messages")
    return _(
        "Hello {name},\n\n"
        "after several wrong passwords or codes your Atrium account is locked for a while. "
        "You can wait, or set a new password with “Forgot your password?” on the sign-in page, "
        "which unlocks it. If the tries were not yours, tell your administrator."
    ).format(name=name)


def _whole(span: timedelta, unit: timedelta) -> int:
    return span // unit
