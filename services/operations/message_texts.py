"""Messages as their readers see them: the words filled with values, in the reader's language.

Belongs here: which words count (a mall's own or ours), how values are shown, previews and the
check of all words. Not here: our words (message_words), when and to whom (message_addressing).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from babel.dates import format_date
from sqlalchemy.orm import Session

from domain.message_templates import (
    MASK,
    SPECS,
    Kind,
    TextProblem,
    Variable,
    check_words,
    fill,
)
from domain.notifications import Template
from services.language import LOCALES, long_date, money, translator
from services.operations.message_words import OURS, Words
from storage.models import Mall, MessageTemplate

CATALOGUE = "messages"


@dataclass(frozen=True, slots=True)
class Text:
    """A message ready to be sent. Where the template has a secret, `masked` is the body without
    it, and `body` is not to be kept; else they are the same.
    """

    subject: str
    body: str
    masked: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Words filled with samples, and what is wrong with them."""

    subject: str
    body: str
    problems: tuple[TextProblem, ...]


class WrongParameters(Exception):
    """A message is posted without values that its template needs; `missing` names them."""

    def __init__(self, template: Template, missing: tuple[str, ...]) -> None:
        self.template = template
        self.missing = missing
        super().__init__(f"{template} needs {', '.join(missing)}")


def our_words(template: Template, locale: str) -> Words:
    """What a template says where a mall has no words of its own."""
    _ = translator(locale, CATALOGUE)
    ours = OURS[template]
    return Words(_(ours.subject), _(ours.body))


def subject_of(template: str, locale: str) -> str:
    """Our subject, for deliveries written before they kept their own."""
    if template not in set(Template):
        return template
    return our_words(Template(template), locale).subject


def words_of(session: Session, *, mall_id: int | None, template: Template, locale: str) -> Words:
    """The mall's own words for a template, or ours."""
    if mall_id is not None and SPECS[template].is_of_mall:
        own = session.execute(
            sa.select(MessageTemplate.subject, MessageTemplate.body).where(
                MessageTemplate.mall_id == mall_id,
                MessageTemplate.template == template.value,
                MessageTemplate.locale == locale,
            )
        ).one_or_none()
        # Words that an older version took may not fit any more: what must be told is told.
        if own is not None and not check_words(template, subject=own[0], body=own[1]):
            return Words(own[0], own[1])
    return our_words(template, locale)


def render(
    template: Template, *, locale: str, values: Mapping[str, Any], words: Words | None = None
) -> Text:
    """A template's text for stored or plain values (see `shown_values`); `words` default to ours.

    Raises WrongParameters when a variable that the words name has no value.
    """
    words = words or our_words(template, locale)
    shown = shown_values(template, locale=locale, values=values)
    named = [one.name for one in SPECS[template].variables]
    parts = f"{words.subject}{words.body}"
    missing = tuple(name for name in named if f"{{{name}}}" in parts and name not in shown)
    if missing:
        raise WrongParameters(template, missing)
    secret = SPECS[template].secret
    hidden = shown if secret is None else {**shown, secret.name: MASK}
    return Text(
        # A subject is one line whatever somebody typed as a reason or a name.
        subject=" ".join(fill(words.subject, hidden).split()),
        body=fill(words.body, shown).strip(),
        masked=fill(words.body, hidden).strip(),
    )


def shown_values(template: Template, *, locale: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The template's variables as a reader sees them, those that `values` holds: dates may be
    dates or ISO text, money (amount, currency) or {"amount": …, "currency": …}.
    """
    return {
        one.name: _shown(one.kind, values[one.name], locale)
        for one in SPECS[template].variables
        if values.get(one.name) is not None
    }


def _shown(kind: Kind, value: Any, locale: str) -> str:
    if kind is Kind.DATE:
        return long_date(_day(value), locale)
    if kind is Kind.MONTH:
        pattern = "yyyy年M月" if locale == "zh_CN" else "MMMM yyyy"
        return format_date(_day(value), pattern, locale=locale)
    if kind is Kind.MONEY and isinstance(value, Mapping):
        return money(Decimal(value["amount"]), value["currency"])
    if kind is Kind.MONEY and isinstance(value, tuple):
        return money(*value)
    return str(value)


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def check_parameters(template: Template, parameters: Mapping[str, Any]) -> None:
    """Raises WrongParameters when a value that must be posted is missing."""
    missing = tuple(
        one.name
        for one in SPECS[template].variables
        if not one.is_known and parameters.get(one.name) is None
    )
    if missing:
        raise WrongParameters(template, missing)


def sample_values(template: Template, locale: str) -> dict[str, str]:
    """What stands for each variable in a preview, by its name."""
    samples = {one.name: one.samples[locale] for one in SPECS[template].variables}
    return shown_values(template, locale=locale, values=samples)


def preview(template: Template, *, locale: str, subject: str, body: str) -> Preview:
    """How words would look. Variables that the template has not are left as they were typed."""
    values = sample_values(template, locale)
    return Preview(
        subject=fill(subject, values),
        body=fill(body, values),
        problems=check_words(template, subject=subject, body=body),
    )


def check_templates(session: Session | None = None) -> tuple[str, ...]:
    """What is wrong with the words of messages, a sentence each: with ours in every language, and
    with the malls' own when there is a session.
    """
    found = []
    for template in Template:
        for locale in LOCALES:
            ours = our_words(template, locale)
            found += _sentences(template, locale, ours, "our words")
    if session is not None:
        rows = session.execute(
            sa.select(Mall.code, MessageTemplate)
            .join(Mall, Mall.id == MessageTemplate.mall_id)
            .order_by(Mall.code, MessageTemplate.template, MessageTemplate.locale)
        )
        for code, own in rows:
            if own.template not in set(Template) or own.locale not in LOCALES:
                found.append(f"{own.template} ({own.locale}), words of {code}: no such message")
                continue
            words = Words(own.subject, own.body)
            found += _sentences(Template(own.template), own.locale, words, f"words of {code}")
    return tuple(found)


def _sentences(template: Template, locale: str, words: Words, whose: str) -> list[str]:
    problems = check_words(template, subject=words.subject, body=words.body)
    return [f"{template} ({locale}), {whose}: {problem}" for problem in problems]


def secret_in(template: Template, *, masked: str, body: str) -> dict[str, str]:
    """The secret value that a body has in the place of the mask, by its variable's name; for a
    provider that takes values, not texts.
    """
    secret: Variable | None = SPECS[template].secret
    before, mask, after = masked.partition(MASK)
    if secret is None or not mask or not body.startswith(before):
        return {}
    return {secret.name: body[len(before) : len(body) - len(after)]}
