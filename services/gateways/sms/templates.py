"""Providers that take no free text: which template of theirs stands for which message of ours.

Belongs here: reading ATRIUM_SMS_TEMPLATES. Not here: the calls that use it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain.message_templates import SPECS
from domain.notifications import Channel, Failure, Template
from services.gateways.message import Message, PermanentError
from services.language import LOCALES
from storage.settings import SettingsError

_ENTRY = re.compile(r"([A-Z_]+)(?:/(\w+))?=([\w-]+)(?:\(([\w,\s]*)\))?")


@dataclass(frozen=True, slots=True)
class ProviderTemplate:
    """The provider's code of a template, and the variables it takes, in its order."""

    code: str
    variables: tuple[str, ...]


class ProviderTemplates:
    """By message and language; an entry without a language serves all of them."""

    def __init__(self, entries: Mapping[tuple[str, str], ProviderTemplate]) -> None:
        self._entries = entries

    def of(self, message: Message) -> tuple[str, dict[str, str]]:
        """The provider's template for a message, and its values in the provider's order.

        Raises PermanentError when there is none, or a value is missing.
        """
        found = self._find(message.template, message.locale)
        if found is None:
            raise PermanentError(Failure.NO_TEMPLATE.told(f"{message.template} ({message.locale})"))
        missing = [name for name in found.variables if name not in message.values]
        if missing:
            raise PermanentError(Failure.NO_VALUE.told(", ".join(missing)))
        return found.code, {name: message.values[name] for name in found.variables}

    def unnamed(self) -> tuple[str, ...]:
        """Text messages that have no template in some language."""
        return tuple(
            template.value
            for template, spec in SPECS.items()
            if Channel.SMS in spec.channels
            and not all(self._find(template, locale) for locale in LOCALES)
        )

    def _find(self, template: str, locale: str) -> ProviderTemplate | None:
        return self._entries.get((template, locale)) or self._entries.get((template, ""))


def read_templates(text: str) -> ProviderTemplates:
    """From `PAYMENT_REMINDER=SMS_1(mall,shop,outstanding);SIGNING_CODE/en=SMS_2(code)`.

    Without a list the variables are all that the message has. Raises SettingsError naming what
    cannot be read.
    """
    entries: dict[tuple[str, str], ProviderTemplate] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        found = _ENTRY.fullmatch(part)
        if found is None:
            raise _wrong(part, "write MESSAGE=code(variable,variable), or MESSAGE/en=code(…)")
        name, locale, code, listed = found.groups()
        if name not in set(Template) or Channel.SMS not in SPECS[Template(name)].channels:
            raise _wrong(part, "there is no such text message")
        if locale and locale not in LOCALES:
            raise _wrong(part, f"languages are {', '.join(LOCALES)}")
        known = [one.name for one in SPECS[Template(name)].variables]
        variables = known if listed is None else [one.strip() for one in listed.split(",")]
        unknown = [one for one in variables if one and one not in known]
        if unknown:
            raise _wrong(part, f"{name} has no variable {unknown[0]}; it has {', '.join(known)}")
        entries[name, locale or ""] = ProviderTemplate(code, tuple(filter(None, variables)))
    return ProviderTemplates(entries)


def _wrong(part: str, what: str) -> SettingsError:
    return SettingsError(f"ATRIUM_SMS_TEMPLATES: {what}; it is {part!r}")
