"""Letters for a mall without a mail server: a mailbox file that any mail program opens."""

import fcntl
import mailbox
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.gateways.email.letter import compose
from services.gateways.message import Message, Receipt


class ConsoleEmail:
    """Appends to a file in mbox format, mode 0600."""

    def __init__(self, path: Path, *, sender: str) -> None:
        self.path = path
        self.sender = sender
        self._turn = threading.Lock()

    def send(self, message: Message) -> Receipt:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._turn, _alone(self.path.with_name(f"{self.path.name}.lock-file")):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
            box = mailbox.mbox(self.path)
            try:
                box.add(mailbox.mboxMessage(compose(message, sender=self.sender)))
            finally:
                box.close()
        return Receipt("mailbox")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process has the file. A mailbox's own lock fails instead of waiting."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
