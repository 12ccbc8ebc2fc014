"""Kannel, the SMS gateway, with a text message centre that is a program of its own package.

Belongs here: starting and ending bearerbox, smsbox and fakesmsc, which come with Debian's packages
kannel and kannel-extras.
"""

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from storage.postgres import free_port

BEARERBOX, SMSBOX = Path("/usr/sbin/bearerbox"), Path("/usr/sbin/smsbox")
FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
# As fakesmsc writes down a message in UCS-2.
GOT = re.compile(r"ot message \d+: <\S+ (\S+) ucs-2 (.*)>")
USER, PASSWORD = "mall", "s3cr3t-of-kannel"
CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
smsbox-port = {box}
admin-password = bar
box-allow-ip = "127.0.0.1"
log-file = "{folder}/bearerbox.log"
log-level = 0
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
port = {centre}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {send}
sendsms-interface = 127.0.0.1
log-file = "{folder}/smsbox.log"
access-log = "{folder}/access.log"
log-level = 0

group = sendsms-user
username = {user}
password = {password}
default-sender = 10086
max-messages = 10

group = sms-service
keyword = default
max-messages = 0
text = ""
"""


class Kannel:
    """`url` is what ATRIUM_SMS_ENDPOINT would be."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def arrived(self) -> list[tuple[str, str]]:
        """Number and text of what telephones would have shown, piece by piece."""
        log = (self.folder / "fakesmsc.log").read_text(errors="replace")
        return [
            (number, unquote_to_bytes(text.replace("+", " ")).decode("utf-16-be"))
            for number, text in GOT.findall(log)
        ]


@contextmanager
def kannel() -> Iterator[Kannel]:
    for program in (BEARERBOX, SMSBOX, FAKESMSC):
        if not program.exists():
            pytest.skip(
                f"{program} is not here: Debian's packages kannel and kannel-extras have it"
            )
    folder = Path(tempfile.mkdtemp(prefix="atrium-kannel-"))
    ports = {name: free_port() for name in ("admin", "box", "centre", "send")}
    configuration = folder / "kannel.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, user=USER, password=PASSWORD, **ports)
    )
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                )
            )

    try:
        start("bearerbox-out", str(BEARERBOX), str(configuration))
        _await_port(ports["box"])
        _await_port(ports["centre"])
        # It sends nothing of its own: no message is due for a day.
        start(
            "fakesmsc", str(FAKESMSC), "-H", "127.0.0.1", "-r", str(ports["centre"]),
            "-i", "86400", "-m", "1", "10086 13800000001 text nothing",
        )  # fmt: skip
        start("smsbox-out", str(SMSBOX), str(configuration))
        _await_port(ports["send"])
        yield Kannel(folder, f"http://127.0.0.1:{ports['send']}/cgi-bin/sendsms")
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await_port(port: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
