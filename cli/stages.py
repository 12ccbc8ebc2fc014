"""Progress of long work for a person: one bar per stage, silence when nobody watches."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Stages:
    """Stages in the order they began, with their seconds."""

    def __init__(self, console: Console, *, visible: bool) -> None:
        self.seconds: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not visible,
        )

    def __enter__(self) -> "Stages":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.start(name)
        yield
        self.finish(name)

    def start(self, name: str) -> None:
        self._started[name] = time.monotonic()
        self._tasks[name] = self._progress.add_task(name, total=None, note="")

    def advance(self, name: str, done: int, total: int | None, note: str = "") -> None:
        if name in self._tasks:
            self._progress.update(self._tasks[name], completed=done, total=total, note=note)

    def finish(self, name: str, note: str = "") -> None:
        self.seconds[name] = round(time.monotonic() - self._started[name], 2)
        self._progress.update(self._tasks[name], completed=1, total=1, note=note)

    def show(self, event: dict[str, Any]) -> None:
        """Follow an event of a child process: a stage started, got on, or finished."""
        if event["event"] != "stage":
            return
        name = event["name"]
        if event["state"] == "started":
            self.start(name)
        elif event["state"] == "progress":
            self.advance(name, event["done"], event.get("total"))
        elif event["state"] == "finished":
            self.finish(name)
