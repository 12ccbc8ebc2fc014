"""A real SMTP server on the loopback that keeps what it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from aiosmtpd.controller import Controller

from storage.postgres import free_port


class Mailbox:
    """`url` is what ATRIUM_EMAIL_SERVER would be."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.letters: list[EmailMessage] = []

    async def handle_DATA(self, server, session, envelope):  # type: ignore[no-untyped-def]
        parsed = BytesParser(policy=policy.default).parsebytes(envelope.content)
        assert isinstance(parsed, EmailMessage)
        self.letters.append(parsed)
        return "250 kept"

    def to(self, email: str) -> list[EmailMessage]:
        return [letter for letter in self.letters if letter["To"] == email]


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    port = free_port()
    mailbox = Mailbox(f"smtp://127.0.0.1:{port}")
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
