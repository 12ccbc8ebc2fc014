"""What a gateway takes, what it promises, and the two ways in which it fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """`reference` names the message towards the provider: the same message sent again after a
    crash carries the same one. Providers that take no free text are given `values` for a
    template of theirs. `report_key` is what a provider that can be told how to report names the
    message by.
    """

    reference: str
    recipient: str
    subject: str
    body: str
    template: str = ""
    locale: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    report_key: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Who took a message, and the name by which that provider knows it, if it gave one."""

    provider: str
    provider_id: str = ""


class RetryableError(Exception):
    """The provider could not take the message now; the same message may pass later."""


class PermanentError(Exception):
    """The provider will never take this message, such as for a number that does not exist."""


class Gateway(Protocol):
    def send(self, message: Message) -> Receipt:
        """Hand a message over. Raises RetryableError or PermanentError."""
