"""The sites' own inbox."""

from services.gateways.message import Message


class InAppInbox:
    """The outbox row is the message: its reader sees it as soon as it counts as sent."""

    def send(self, message: Message) -> None:
        """Nothing leaves the house."""
