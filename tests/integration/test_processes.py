"""Children of a command end with it, however it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.processes import ChildFailed, children, free_port_from
from storage.settings import REPOSITORY

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    if not Path("/proc").exists():
        return subprocess.run(["ps", "-p", str(pid)], check=False).returncode == 0
    return status.exists() and "State:\tZ" not in status.read_text()


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(pid)


def test_children_end_with_the_block(tmp_path: Path) -> None:
    with children(tmp_path) as group:
        child = group.start("sleeper", SLEEPER, environment={})
        assert is_alive(child.pid)
    assert gone(child.pid)


def test_children_end_on_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), children(tmp_path) as group:
        child = group.start("sleeper", SLEEPER, environment={})
        raise RuntimeError
    assert gone(child.pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_child_ends_when_its_command_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import signal, sys, time\n"
        "from pathlib import Path\n"
        "from cli.processes import children\n"
        # Whoever starts the tests in the background may have had Ctrl-C ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"with children(Path({str(tmp_path)!r})) as group:\n"
        f"    print(group.start('sleeper', {SLEEPER!r}, environment={{}}).pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    pid = int(command.stdout.readline())
    time.sleep(0.5)  # the child asks the kernel for its parent's death first
    os.kill(command.pid, number)
    command.wait(20)
    assert gone(pid)


def test_child_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    with children(tmp_path) as group:
        group.start("broken", [sys.executable, "-c", "raise SystemExit('no luck')"], environment={})
        with pytest.raises(ChildFailed, match="no luck"):
            group.wait_for("broken", "http://127.0.0.1:9/", seconds=20)


def test_busy_port_gives_way_to_the_next(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port_from("127.0.0.1", port) > port
