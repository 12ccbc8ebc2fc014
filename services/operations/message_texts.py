"""The words of messages, in the reader's language.

Belongs here: subjects and bodies, catalogue `messages`. Not here: when and to whom.
"""

from datetime import date
from decimal import Decimal

from babel.dates import format_date

from domain.notifications import Template
from domain.reminders import ReminderStep
from services.language import long_date, marked, money, translator

SUBJECTS: dict[str, str] = {Template.PAYMENT_REMINDER: marked("Payment reminder")}


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
