"""The process that opens one file: limits itself first, answers in JSON, ends.

Started by `sandbox`; stdin is the file, stdout takes the answer, two more descriptors take the
picture and its thumbnail. A bug in a parser ends this process and nothing else.
"""

import json
import os
import resource
import sys
from typing import Any

from services.uploads.reasons import Reason, UploadRefused


def main(job: str) -> None:
    asked = json.loads(job)
    _limit(asked["limits"])
    answer: dict[str, Any]
    try:
        answer = {"found": _open(asked)}
    except UploadRefused as refused:
        answer = {"refused": refused.reason.value, "facts": refused.facts}
    except (MemoryError, RecursionError):
        answer = {"refused": Reason.TOO_DEMANDING.value, "facts": {}}
    except Exception as error:  # noqa: BLE001 - whatever a parser raises, the file is damaged
        answer = {"refused": Reason.DAMAGED.value, "facts": {}, "error": type(error).__name__}
    with os.fdopen(1, "w", encoding="utf-8", closefd=False) as output:
        # Half of a surrogate pair, which a workbook may hold, is no text.
        output.write(json.dumps(answer, default=str))


def _limit(limits: dict[str, int]) -> None:
    memory, seconds = limits["memory_bytes"], limits["seconds"]
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, memory // 4),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        hardest = resource.getrlimit(kind)[1]
        value = value if hardest == resource.RLIM_INFINITY else min(value, hardest)
        resource.setrlimit(kind, (value, value))


def _open(asked: dict[str, Any]) -> dict[str, Any]:
    limits, kind = asked["limits"], asked["format"]
    with os.fdopen(0, "rb") as source:
        if kind == "SIGNATURES":
            from services.signatures.checking import check_as_asked

            return check_as_asked(source, asked["roots"], asked["now"])
        if kind == "PDF":
            from services.uploads.opening.papers import open_paper

            return open_paper(source, limits=limits)
        if kind == "XLSX":
            from services.uploads.opening.sheets import open_sheet

            return open_sheet(source, limits=limits)
        if kind == "CSV":
            from services.uploads.opening.texts import open_text

            return open_text(source, limits=limits)
        from services.uploads.opening.pictures import open_picture

        with (
            os.fdopen(asked["kept"], "wb") as kept,
            os.fdopen(asked["thumbnail"], "wb") as thumbnail,
        ):
            return open_picture(source, kept, thumbnail, kind=kind, limits=limits)


if __name__ == "__main__":
    main(sys.argv[1])
