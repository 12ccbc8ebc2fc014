"""A stranger's file is held against a paper of ours.

Belongs here: reading the file, comparing it, and having its signatures judged in a process of its
own. Not here: which paper it is held against (the pages).
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from services.signatures.checking import Fault, PaperFacts, SignatureFacts
from services.signatures.comparing import Comparison, compare_file
from services.uploads.guard import receive
from services.uploads.limits import UploadLimits
from services.uploads.reasons import UploadRefused
from services.uploads.sandbox import check_in_sandbox


@dataclass(frozen=True)
class Examination:
    """`paper` is what the file's own signatures say; it counts only where the file is not ours."""

    sha256: str
    bytes: int
    comparison: Comparison
    paper: PaperFacts


def examine_file(
    stream: IO[bytes],
    *,
    sealed: bytes,
    signed: bytes | None,
    roots: tuple[bytes, ...],
    limits: UploadLimits,
    now: datetime,
) -> Examination:
    """Raises UploadRefused: EMPTY, TOO_LARGE, BUSY. What cannot be read as a PDF is no refusal:
    it is not the paper, and that is said.
    """
    with tempfile.TemporaryDirectory(prefix="atrium-verify-") as folder:
        path = Path(folder) / "received"
        digest, size = receive(stream, path, limits.pdf_bytes)
        comparison = compare_file(path.read_bytes(), sealed=sealed, signed=signed)
        with path.open("rb") as received:
            try:
                paper = _read(check_in_sandbox(received, roots=roots, now=now, limits=limits))
            except UploadRefused as refused:
                if refused.is_passing:
                    raise
                paper = PaperFacts((), (Fault.UNREADABLE,))
    return Examination(digest, size, comparison, paper)


def _read(found: dict[str, Any]) -> PaperFacts:
    return PaperFacts(
        signatures=tuple(
            SignatureFacts(
                **{
                    **one,
                    "signed_at": one["signed_at"] and datetime.fromisoformat(one["signed_at"]),
                    "faults": tuple(Fault(fault) for fault in one["faults"]),
                }
            )
            for one in found["signatures"]
        ),
        faults=tuple(Fault(fault) for fault in found["faults"]),
    )
