"""Text messages for a mall without a provider: a file to look at."""

import json
import os
from pathlib import Path

from services.gateways.message import Message, Receipt


class ConsoleSms:
    """Appends one JSON line per message; telephone numbers stand in it, so its mode is 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, message: Message) -> Receipt:
        line = json.dumps(
            {
                "reference": message.reference,
                "recipient": message.recipient,
                "body": message.body,
            },
            ensure_ascii=False,
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: two processes never mix their lines.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(f"{line}\n".encode())
        return Receipt("file")
