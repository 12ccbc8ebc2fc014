"""The whole product as its user meets it: set-up from nothing, and the sample month."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figure
from storage.settings import REPOSITORY

SET_UP_GOAL_SECONDS = 300.0
SAMPLE_MONTH_GOAL_SECONDS = 120.0


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="atrium-bench-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def set_up_seconds() -> Figure:
    """`make set-up` in a fresh clone, the package cache warm; the limit is the goal."""
    with _folder() as folder:
        clone = folder / "atrium"
        subprocess.run(
            ["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True, timeout=60
        )
        began = time.monotonic()
        subprocess.run(["make", "--silent", "set-up"], cwd=clone, check=True, timeout=1200)
        seconds = time.monotonic() - began
    return Figure("set_up_seconds", "s", round(seconds, 1), SET_UP_GOAL_SECONDS)


def sample_month_seconds() -> Figure:
    """`atrium run` on an empty state folder; the limit is the goal."""
    with _folder() as folder:
        result = subprocess.run(
            [sys.executable, "-m", "cli.main", "run", "--json"],
            cwd=REPOSITORY,
            env={**os.environ, "ATRIUM_STATE_DIR": str(folder / "var")},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=900,
        )
    seconds = json.loads(result.stdout)["seconds"]
    return Figure("sample_month_seconds", "s", seconds, SAMPLE_MONTH_GOAL_SECONDS)


MEASURES: dict[str, Callable[[], Figure]] = {
    "sample_month_seconds": sample_month_seconds,
    "set_up_seconds": set_up_seconds,
}
