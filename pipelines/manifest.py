"""The parsed dbt project, which the definitions are made from.

Belongs here: making the manifest and knowing whether it is still true. Not here: running dbt.
Parsing takes seconds, so it is done at set-up (`python -m pipelines.prepare`) and reused while
no file of the project changes.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.settings import REPOSITORY

PROJECT = REPOSITORY / "dbt_project"
TARGET = PROJECT / "target"
MANIFEST = TARGET / "manifest.json"
FINGERPRINT = TARGET / "sources.sha256"
SOURCE_SUFFIXES = {".sql", ".yml", ".yaml", ".csv", ".md"}
MADE_FOLDERS = {"target", "logs", "dbt_packages"}


class ManifestError(Exception):
    """The dbt project does not parse; the message is dbt's."""


def prepare_manifest() -> Path:
    """The manifest of the project as it is now, parsed if a source changed since.

    Raises ManifestError. Two processes may ask at once: one parses, the other waits.
    """
    TARGET.mkdir(parents=True, exist_ok=True)
    with (TARGET / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _fingerprint()
        if not (MANIFEST.exists() and _recorded() == wanted):
            FINGERPRINT.unlink(missing_ok=True)
            _parse()
            FINGERPRINT.write_text(wanted)
    return MANIFEST


def _recorded() -> str:
    return FINGERPRINT.read_text() if FINGERPRINT.exists() else ""


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(PROJECT.rglob("*")):
        inner = path.relative_to(PROJECT)
        if inner.parts[0] in MADE_FOLDERS or path.suffix not in SOURCE_SUFFIXES:
            continue
        digest.update(f"{inner}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _parse() -> None:
    from dbt.cli.main import dbtRunner

    arguments = ["--quiet", "parse", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    with _environment():
        result = dbtRunner().invoke(arguments)
    if not result.success:
        raise ManifestError(f"the dbt project does not parse: {result.exception or 'see above'}")


@contextmanager
def _environment() -> Iterator[None]:
    """What dbt reads from the environment, for the length of the block."""
    wanted = {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_TARGET_PATH": str(TARGET),
        "DBT_LOG_PATH": str(PROJECT / "logs"),
    }
    previous = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
