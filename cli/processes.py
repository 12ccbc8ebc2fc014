"""Child processes of a command: started, watched, and ended with it.

Belongs here: starting and ending. Not here: what the children do.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.settings import REPOSITORY

PR_SET_PDEATHSIG = 1


class ChildFailed(Exception):
    """A child ended before it was ready; the message names its log."""


def free_port_from(host: str, wanted: int, *, taken: frozenset[int] = frozenset()) -> int:
    """`wanted`, or the next port above it on which nothing listens."""
    for port in range(wanted, min(wanted + 200, 65536)):
        if port in taken:
            continue
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise ChildFailed(f"no free port on {host} from {wanted} on")


class Children:
    """Processes of one command. `end` stops all of them, gently and then by force."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        log_dir.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: dict[str, str],
        piped: bool = False,
    ) -> subprocess.Popen[str]:
        """Run `python -m cli.child …`, which dies with us even when we are killed.

        Output goes to <log_dir>/<name>.log; with `piped`, stdin and stdout are pipes.
        """
        with (self.log_dir / f"{name}.log").open("a") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "cli.child", str(os.getpid()), *arguments],
                cwd=REPOSITORY,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._running[name] = child
        return child

    def ended(self) -> tuple[str, int] | None:
        """Name and exit code of a child that ended by itself, if one did."""
        for name, child in self._running.items():
            code = child.poll()
            if code is not None:
                return name, code
        return None

    def tail(self, name: str, characters: int = 1500) -> str:
        path = self.log_dir / f"{name}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return f"{path} ends:\n{text[-characters:].strip()}"

    def wait_for(self, name: str, url: str, seconds: float = 60) -> None:
        """Wait until `url` answers with 200. Raises ChildFailed when it does not."""

        def answers() -> bool:
            with urllib.request.urlopen(url, timeout=5) as answer:  # nosec B310  # our own
                return bool(answer.status == 200)

        self._wait(name, url, answers, seconds)

    def wait_for_port(self, name: str, host: str, port: int, seconds: float = 60) -> None:
        """Wait until something listens on the port. Raises ChildFailed when nothing does."""

        def listens() -> bool:
            with socket.create_connection((host, port), timeout=5):
                return True

        self._wait(name, f"{host}:{port}", listens, seconds)

    def _wait(self, name: str, place: str, is_there: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._running[name].poll() is not None:
                raise ChildFailed(f"{name} ended before it was ready. {self.tail(name)}")
            try:
                if is_there():
                    return
            except OSError:  # what urllib raises for a refused, reset or slow connection, too
                time.sleep(0.2)
        raise ChildFailed(f"{name} does not answer at {place}. {self.tail(name)}")

    def end(self, name: str | None = None, seconds: float = 15) -> None:
        """End one child, or all, with the processes they started."""
        names = [name] if name else list(self._running)
        children = [self._running.pop(each) for each in names if each in self._running]
        for child in children:
            _signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, deadline - time.monotonic()))
            _signal_group(child, signal.SIGKILL)
            child.wait()


def _signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


@contextmanager
def children(log_dir: Path) -> Iterator[Children]:
    """Children that end with the block, also on Ctrl-C and SIGTERM."""
    group = Children(log_dir)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield group
    finally:
        group.end()
        signal.signal(signal.SIGTERM, previous)


def die_with(parent: int) -> None:
    """Ask the kernel (Linux) to end this process when its parent ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the command that started this process is gone")
