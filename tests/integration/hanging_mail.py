"""A mail server that takes connections and says nothing, as one does that is stuck."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class HangingServer:
    """`url` is what ATRIUM_EMAIL_SERVER would be; `asked` is set when somebody came."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.url = f"smtp://127.0.0.1:{listener.getsockname()[1]}"
        self.asked = threading.Event()
        self.held: list[socket.socket] = []

    def hold(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.held.append(connection)
            self.asked.set()


@contextmanager
def hanging_mail_server() -> Iterator[HangingServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = HangingServer(listener)
        thread = threading.Thread(target=server.hold, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            # Wakes the thread in accept, which closing alone does not.
            listener.shutdown(socket.SHUT_RDWR)
            for connection in server.held:
                connection.close()
            thread.join(5)
