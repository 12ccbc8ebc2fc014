"""The sites' own inbox."""

from services.gateways.message import Message, Receipt


class InAppInbox:
    """The outbox row is the message: its reader sees it as soon as it counts as sent."""

    def send(self, message: Message) -> Receipt:
        """Nothing leaves the house."""
        return Receipt("inbox")
