"""The readings and refusals of a long file, put aside on disk between judging and writing.

Belongs here: heaps of COPY text and a list of refusals in a folder that goes away with the spool.
"""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from services.adapters.refusals import Reason, Refusal

REFUSALS_AT_ONCE = 5_000


class Spool:
    """Filled while a file is judged, read when it is written."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = Path(tempfile.mkdtemp(dir=parent))
        self.device_ids: set[int] = set()
        self._quarters: set[tuple[datetime, bool]] = set()
        self._gone = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def add_heaps(self, heaps: dict[int, str]) -> None:
        for number, lines in heaps.items():
            with (self.folder / f"heap-{number:04}").open("a", encoding="utf-8") as file:
                file.write(lines)

    def add_quarters(self, quarters: Sequence[tuple[datetime, bool]]) -> None:
        self._quarters.update(quarters)

    def add_refusals(self, refusals: Sequence[Refusal]) -> None:
        if refusals:
            with (self.folder / "refusals").open("ab") as file:
                for refusal in refusals:
                    file.write(msgspec.json.encode(refusal) + b"\n")

    @property
    def heaps(self) -> list[Path]:
        return sorted(self.folder.glob("heap-*"))

    @property
    def quarters(self) -> list[tuple[datetime, bool]]:
        return sorted(self._quarters)

    def refusals(self) -> Iterator[list[Refusal]]:
        """The refusals in their order, some at a time."""
        path = self.folder / "refusals"
        if not path.exists():
            return
        some: list[Refusal] = []
        with path.open("rb") as lines:
            for line in lines:
                kept = msgspec.json.decode(line)
                kept["reason_code"] = Reason(kept["reason_code"])
                some.append(Refusal(**kept))
                if len(some) == REFUSALS_AT_ONCE:
                    yield some
                    some = []
        if some:
            yield some

    def close(self) -> None:
        self._gone()
