"""What a gateway takes, what it promises, and the two ways in which it fails."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """`reference` names the message towards the provider: the same message sent again after a
    crash carries the same one.
    """

    reference: str
    recipient: str
    subject: str
    body: str


class RetryableError(Exception):
    """The provider could not take the message now; the same message may pass later."""


class PermanentError(Exception):
    """The provider will never take this message, such as for a number that does not exist."""


class Gateway(Protocol):
    def send(self, message: Message) -> None:
        """Hand a message over. Raises RetryableError or PermanentError."""
