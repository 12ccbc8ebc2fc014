"""Letters for a mall without a mail server: a mailbox file that any mail program opens."""

import mailbox
import os
from pathlib import Path

from services.gateways.email.letter import compose
from services.gateways.message import Message, Receipt


class ConsoleEmail:
    """Appends to a file in mbox format, mode 0600."""

    def __init__(self, path: Path, *, sender: str) -> None:
        self.path = path
        self.sender = sender

    def send(self, message: Message) -> Receipt:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
        box = mailbox.mbox(self.path)
        box.lock()
        try:
            box.add(mailbox.mboxMessage(compose(message, sender=self.sender)))
            box.flush()
        finally:
            box.unlock()
            box.close()
        return Receipt("mailbox")
