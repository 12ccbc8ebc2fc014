"""What each message is about: its topic, its channels and the variables its words may name.

Belongs here: the specification of every template, and the check of somebody's own words against
it. Not here: the words themselves and how a value is shown (services), when a message may go
(`domain.notifications`).

In words, `{name}` stands for a variable. There is nothing else to it: no expressions, no formats,
so that words somebody types can neither fail nor reach anything but the variables named here.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.notifications import Channel, Template, Topic

# In these, `body` of a delivery shows this in place of the value that is secret.
MASK = "••••••"
LONGEST_SUBJECT = 120
LONGEST_BODY = 2000
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
# Also what an input method makes of braces, and what only looks like a variable.
_BRACED = re.compile(r"[{｛][^{}｛｝]*[}｝]")
_BRACE = re.compile(r"[{}｛｝]")


class Kind(StrEnum):
    """How a variable's value is stored and shown."""

    TEXT = "TEXT"
    DATE = "DATE"  # ISO text
    MONTH = "MONTH"  # its first day
    MONEY = "MONEY"  # {"amount": "1.00", "currency": "CNY"}
    NUMBER = "NUMBER"
    LINK = "LINK"


@dataclass(frozen=True, slots=True)
class Variable:
    """`samples` by language stand for a value in previews. `is_known` variables need not be
    posted: they are read from the mall, the shop, the contract and the cause of the message.
    Own words must name a variable that `is_needed`. The value of one that `is_secret` opens
    something: it is kept until the message went, and no longer.
    """

    name: str
    kind: Kind
    samples: Mapping[str, Any]
    is_known: bool = False
    is_needed: bool = False
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class TemplateSpec:
    """`channels` are those a message takes to who can be reached over them. A legal notice cannot
    be switched off. `is_of_mall`: a mall may have its own words for it.
    """

    template: Template
    topic: Topic
    channels: frozenset[Channel]
    variables: tuple[Variable, ...]
    is_legal: bool = False
    waits_for_morning: bool = False
    is_of_mall: bool = True

    def variable(self, name: str) -> Variable:
        """Raises KeyError."""
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise KeyError(name)

    @property
    def secret(self) -> Variable | None:
        """The variable that is not kept once the message went, if there is one."""
        return next((one for one in self.variables if one.is_secret), None)


def _text(name: str, zh_cn: str, en: str, **facts: bool) -> Variable:
    return Variable(name, Kind.TEXT, {"zh_CN": zh_cn, "en": en}, **facts)


def _other(name: str, kind: Kind, sample: Any, **facts: bool) -> Variable:
    return Variable(name, kind, {"zh_CN": sample, "en": sample}, **facts)


_MALL = _text("mall", "南湖天街", "South Lake Mall", is_known=True)
_SHOP = _text("shop", "清茶铺", "Green Tea House", is_known=True)
_SITE = _other("site", Kind.LINK, "https://mall.example.org", is_known=True)
_ACTOR = _text("actor", "王敏", "Wang Min", is_known=True)
_CONTRACT = _text("contract", "HT-2026-018", "HT-2026-018", is_known=True, is_needed=True)
_START = _other("start_date", Kind.DATE, date(2026, 5, 1), is_known=True)
_END = _other("end_date", Kind.DATE, date(2027, 4, 30), is_known=True)
_EFFECTIVE = _other("effective_date", Kind.DATE, date(2026, 10, 1), is_needed=True)
_REASON = _text("reason", "面积与平面图不符", "The area differs from the plan", is_needed=True)
_NAME = _text("name", "王敏", "Wang Min")
_OF_CONTRACT = (_CONTRACT, _SHOP, _MALL, _START, _END, _ACTOR, _SITE)

_SHOWN = frozenset({Channel.IN_APP})
_WRITTEN = _SHOWN | {Channel.EMAIL}
_EVERYWHERE = _WRITTEN | {Channel.SMS}


def _leasing(
    template: Template,
    *variables: Variable,
    channels: frozenset[Channel] = _WRITTEN,
    is_legal: bool = False,
    waits_for_morning: bool = False,
) -> TemplateSpec:
    return TemplateSpec(
        template,
        Topic.LEASING,
        channels,
        (*_OF_CONTRACT, *variables),
        is_legal=is_legal,
        waits_for_morning=waits_for_morning,
    )


def _reminder(template: Template) -> TemplateSpec:
    return TemplateSpec(
        template,
        Topic.BILLING,
        _SHOWN | {Channel.SMS},
        (
            _text("bill_number", "B202603-0001", "B202603-0001", is_needed=True),
            _other("month", Kind.MONTH, date(2026, 3, 1)),
            _other("outstanding", Kind.MONEY, (Decimal("1234.50"), "CNY"), is_needed=True),
            _other("due_date", Kind.DATE, date(2026, 4, 11), is_needed=True),
            _SHOP,
            _MALL,
            _SITE,
        ),
        waits_for_morning=True,
    )


def _letter(template: Template, *variables: Variable) -> TemplateSpec:
    """To a person about the account, which belongs to no mall."""
    return TemplateSpec(
        template,
        Topic.ACCOUNT,
        frozenset({Channel.EMAIL}),
        (_NAME, *variables),
        is_legal=True,
        is_of_mall=False,
    )


_LINK = _other("link", Kind.LINK, "https://mall.example.org/link/…", is_needed=True, is_secret=True)

SPECS: Mapping[Template, TemplateSpec] = {
    spec.template: spec
    for spec in (
        _reminder(Template.PAYMENT_REMINDER),
        _reminder(Template.PAYMENT_OVERDUE),
        _letter(Template.ACCOUNT_INVITATION, _LINK, _other("hours", Kind.NUMBER, 72)),
        _letter(Template.PASSWORD_RESET, _LINK, _other("minutes", Kind.NUMBER, 30)),
        _letter(Template.PASSWORD_CHANGED),
        _letter(Template.SECOND_FACTOR_CHANGED),
        _letter(Template.SECOND_FACTOR_REMOVED),
        _letter(Template.ACCOUNT_LOCKED),
        # Somebody waits for it before the page; it goes over one of the channels.
        TemplateSpec(
            Template.SIGNING_CODE,
            Topic.LEASING,
            frozenset({Channel.SMS, Channel.EMAIL}),
            (
                _other("code", Kind.TEXT, "482915", is_needed=True, is_secret=True),
                _text("contract", "HT-2026-018", "HT-2026-018", is_needed=True),
                _other("minutes", Kind.NUMBER, 10),
            ),
            is_legal=True,
            is_of_mall=False,
        ),
        _leasing(Template.CONTRACT_SUBMITTED),
        _leasing(Template.CONTRACT_APPROVED),
        _leasing(Template.CONTRACT_REJECTED, _REASON),
        _leasing(Template.CONTRACT_SENT, channels=_EVERYWHERE, is_legal=True),
        _leasing(Template.CONTRACT_RECALLED, _REASON, is_legal=True),
        _leasing(Template.CONTRACT_SIGNED, is_legal=True),
        _leasing(Template.CONTRACT_DECLINED, _REASON),
        _leasing(Template.CONTRACT_ACTIVE),
        _leasing(Template.CONTRACT_ENDED, is_legal=True),
        _leasing(Template.CHANGE_SUBMITTED, _EFFECTIVE),
        _leasing(Template.CHANGE_REJECTED, _EFFECTIVE, _REASON),
        _leasing(Template.AMENDMENT_SENT, _EFFECTIVE, channels=_EVERYWHERE, is_legal=True),
        _leasing(Template.AMENDMENT_SIGNED, _EFFECTIVE, is_legal=True),
        _leasing(Template.AMENDMENT_DECLINED, _EFFECTIVE, _REASON),
        _leasing(
            Template.TERMINATION_NOTICE,
            _other("last_day", Kind.DATE, date(2026, 12, 31), is_needed=True),
            _REASON,
            channels=_EVERYWHERE,
            is_legal=True,
        ),
        _leasing(
            Template.RENEWAL_REMINDER,
            _other("days", Kind.NUMBER, 30),
            channels=_EVERYWHERE,
            is_legal=True,
            waits_for_morning=True,
        ),
        _leasing(
            Template.RENEWAL_ASKED,
            _other("months", Kind.NUMBER, 12, is_needed=True),
            _text("comment", "希望延长一年", "We would like to stay for another year"),
        ),
        _leasing(Template.RENEWAL_REFUSED, _REASON),
    )
}

# Messages that let people sleep. What somebody waits for, such as a code, is not among them.
WAITS_FOR_MORNING = frozenset(one for one in Template if SPECS[one].waits_for_morning)
# Their text opens something; it is not kept once they went or are given up.
SECRET = frozenset(one for one in Template if SPECS[one].secret is not None)


class Flaw(StrEnum):
    """What is wrong with somebody's own words."""

    EMPTY = "EMPTY"
    TOO_LONG = "TOO_LONG"
    TWO_LINES = "TWO_LINES"  # of a subject
    UNKNOWN = "UNKNOWN"  # a variable that this message has not
    MISSING = "MISSING"  # a variable that this message must name
    BRACE = "BRACE"  # a brace that belongs to no variable
    SECRET = "SECRET"  # a secret in the subject, which is kept


class Part(StrEnum):
    SUBJECT = "SUBJECT"
    BODY = "BODY"


@dataclass(frozen=True, slots=True)
class TextProblem:
    """`name` is the variable or the piece of text at fault, or empty."""

    part: Part
    flaw: Flaw
    name: str = ""

    def __str__(self) -> str:
        return f"{self.part.lower()}: {self.flaw.lower()} {self.name}".rstrip()


def check_words(template: Template, *, subject: str, body: str) -> tuple[TextProblem, ...]:
    """What is wrong with words for a template; empty when they can be used."""
    spec = SPECS[template]
    names = {one.name for one in spec.variables}
    found = [
        *_check_part(Part.SUBJECT, subject, names, LONGEST_SUBJECT),
        *_check_part(Part.BODY, body, names, LONGEST_BODY),
    ]
    if "\n" in subject.strip() or "\r" in subject.strip():
        found.append(TextProblem(Part.SUBJECT, Flaw.TWO_LINES))
    if spec.secret is not None and spec.secret.name in variables_in(subject):
        found.append(TextProblem(Part.SUBJECT, Flaw.SECRET, spec.secret.name))
    named = set(variables_in(body))
    found += [
        TextProblem(Part.BODY, Flaw.MISSING, one.name)
        for one in spec.variables
        if one.is_needed and one.name not in named
    ]
    return tuple(found)


def _check_part(
    part: Part, text: str, names: Collection[str], longest: int
) -> tuple[TextProblem, ...]:
    found = []
    if not text.strip():
        found.append(TextProblem(part, Flaw.EMPTY))
    if len(text) > longest:
        found.append(TextProblem(part, Flaw.TOO_LONG))
    for piece in dict.fromkeys(_BRACED.findall(text)):
        whole = _VARIABLE.fullmatch(piece)
        if whole is None or whole[1] not in names:
            found.append(TextProblem(part, Flaw.UNKNOWN, piece[1:-1].strip()))
    found += [
        TextProblem(part, Flaw.BRACE, brace)
        for brace in dict.fromkeys(_BRACE.findall(_BRACED.sub("", text)))
    ]
    return tuple(found)


def variables_in(text: str) -> tuple[str, ...]:
    """Names in braces, each once, in the order of the text."""
    return tuple(dict.fromkeys(_VARIABLE.findall(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every variable that has a value replaced by it, once: a value that itself holds
    braces stays as it is. Variables without a value stay, too.
    """
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
