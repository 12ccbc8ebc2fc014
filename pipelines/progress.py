"""What `pipelines.month` tells its caller: one JSON object per line on standard output.

Belongs here: the lines. Not here: the work they tell of. Whatever else prints (libraries, dbt)
goes to standard error, so the lines stay clean.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from pipelines.resources import Progress


class Narrator(Progress):
    """Writes the lines, and reports the progress of the asset at work under its stage."""

    def __init__(self) -> None:
        # The first descriptor is ours alone from now on; prints of others go to the second.
        sys.stdout.flush()
        self._lines = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self.stage = ""
        self.failed_stage = ""

    def say(self, event: str, **values: Any) -> None:
        line = json.dumps({"event": event, **values}, ensure_ascii=False, default=str)
        self._lines.write(line + "\n")
        self._lines.flush()

    def report(self, done: int, total: int) -> None:
        if self.stage:
            self.say("stage", name=self.stage, state="progress", done=done, total=total)

    @contextmanager
    def during(self, stage: str) -> Iterator[dict[str, Any]]:
        """Tell of a stage's start and end; what the block puts in the mapping are its figures."""
        began = monotonic()
        figures: dict[str, Any] = {}
        self.stage = stage
        self.say("stage", name=stage, state="started")
        try:
            yield figures
        except BaseException:
            self.failed_stage = stage
            self._ended("failed", stage, began, figures)
            raise
        self._ended("finished", stage, began, figures)

    def _ended(self, state: str, stage: str, began: float, figures: dict[str, Any]) -> None:
        self.stage = ""
        self.say(
            "stage",
            name=stage,
            state=state,
            seconds=round(monotonic() - began, 2),
            figures=figures,
        )
