"""One process per file: limited in memory, CPU, files and time, and gone afterwards.

A start costs 0.06 s for CSV, 0.1 s for pictures, 0.2 s for PDF and XLSX, most of it the import of
the parser. Only plain data comes back.
"""

import base64
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from domain.uploads import FileFormat
from services.uploads.limits import UploadLimits
from services.uploads.reasons import Reason, UploadRefused
from storage.settings import REPOSITORY

log = logging.getLogger(__name__)

# Files opened at once by this process: their memory adds up.
AT_ONCE = 2
# What the process is asked to do with a PDF whose signatures are to be judged.
SIGNATURES = "SIGNATURES"
LARGEST_ANSWER = 64 * 1024 * 1024
_START = "import sys; sys.path.insert(0, sys.argv[2]); from services.uploads.child import main"
# Nothing of ours: neither secrets nor settings.
_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "OPENPYXL_LXML": "False", "LC_ALL": "C.UTF-8"}

_free = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class UploadPaths:
    """What came, and where a picture drawn anew and its thumbnail go."""

    received: Path
    kept: Path
    thumbnail: Path


def open_in_sandbox(paths: UploadPaths, kind: FileFormat, limits: UploadLimits) -> dict[str, Any]:
    """What the format's module found: `rows`, `pages`, or `width` and `height` with the picture
    in `paths.kept` and `paths.thumbnail`.

    Raises UploadRefused; TOO_DEMANDING when the process passed a limit, DAMAGED when it died.
    """
    with paths.kept.open("xb") as kept, paths.thumbnail.open("xb") as thumbnail:
        job = {"kept": kept.fileno(), "thumbnail": thumbnail.fileno()}
        with paths.received.open("rb") as received:
            return _open(
                kind.value, received, limits, job, handed=(kept.fileno(), thumbnail.fileno())
            )


def check_in_sandbox(
    received: IO[bytes], *, roots: Sequence[bytes], now: datetime, limits: UploadLimits
) -> dict[str, Any]:
    """What `services.signatures.checking` says of a PDF, as plain data. Raises UploadRefused as
    above.
    """
    job = {
        "roots": [base64.b64encode(root).decode() for root in roots],
        "now": now.isoformat(),
    }
    return _open(SIGNATURES, received, limits, job)


def _open(
    what: str,
    received: IO[bytes],
    limits: UploadLimits,
    job: dict[str, Any],
    *,
    handed: tuple[int, ...] = (),
) -> dict[str, Any]:
    if not _free.acquire(timeout=limits.seconds):
        raise UploadRefused(Reason.BUSY)
    try:
        answer = _run(what, received, limits, job, handed)
    finally:
        _free.release()
    if "refused" in answer:
        if "error" in answer:
            log.info("a %s could not be opened: %s", what, answer["error"])
        raise UploadRefused(Reason(answer["refused"]), **answer["facts"])
    found: dict[str, Any] = answer["found"]
    return found


def _run(
    what: str,
    received: IO[bytes],
    limits: UploadLimits,
    job: dict[str, Any],
    handed: tuple[int, ...],
) -> dict[str, Any]:
    with tempfile.TemporaryFile() as output:
        asked = json.dumps({**job, "format": what, "limits": asdict(limits)})
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", f"{_START}; main(sys.argv[1])", asked, str(REPOSITORY)],
            stdin=received,
            stdout=output,
            stderr=subprocess.DEVNULL,
            pass_fds=handed,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        code = _wait(process, limits.seconds + 5)
        if code != 0:
            log.warning("opening a %s ended with %s", what, code)
            spent = code in (-signal.SIGKILL, -signal.SIGXCPU)
            raise UploadRefused(Reason.TOO_DEMANDING if spent else Reason.DAMAGED)
        if output.seek(0, os.SEEK_END) > LARGEST_ANSWER:
            raise UploadRefused(Reason.TOO_DEMANDING)
        output.seek(0)
        answer: dict[str, Any] = json.loads(output.read())
        return answer


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Its exit code; whatever is left of it after `seconds` is killed."""
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        # The process leads a session of its own: what it might have started ends too.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
