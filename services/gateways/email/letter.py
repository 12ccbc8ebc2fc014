"""A message as a letter."""

from email.message import EmailMessage
from hashlib import sha256

from services.gateways.message import Message


def compose(message: Message, *, sender: str) -> EmailMessage:
    """Plain text in UTF-8. The same reference gives the same Message-ID, so that a mail program
    shows a letter that was sent twice once.
    """
    letter = EmailMessage()
    letter["From"] = sender
    letter["To"] = message.recipient
    letter["Subject"] = message.subject
    domain = sender.rpartition("@")[2]
    letter["Message-ID"] = f"<{sha256(message.reference.encode()).hexdigest()[:32]}@{domain}>"
    letter.set_content(message.body)
    return letter
