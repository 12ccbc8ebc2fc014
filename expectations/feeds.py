"""Which rules judge which feed, and the judging of a batch that comes in pieces.

Memory holds one piece at a time: what a rule found in each is merged into one verdict.
"""

from time import perf_counter

import pandas as pd

from domain.devices import Feed
from expectations import footfall_hours, meter_registers, pos_days
from expectations.kinds import BY_KIND, Part
from expectations.suite import SMALL_BATCH, Finding, Verdict, find, merge, outcome_finding

PARTS: dict[Feed, tuple[Part, ...]] = {
    Feed.POS_DAYS: pos_days.PARTS,
    Feed.FOOTFALL_HOURS: footfall_hours.PARTS,
    Feed.METER_REGISTERS: meter_registers.PARTS,
    **{feed: BY_KIND for feed in Feed if feed is Feed.READINGS or feed.adapter is not None},
}
# Small files are judged together, long ones piece by piece: a call of the library takes a while.
ROWS_AT_ONCE = 250_000


class Validation:
    """A batch being judged: `add` what it would write, then ask for the verdict."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.rows = 0
        self.seconds = 0.0
        self._waiting: dict[str, list[pd.DataFrame]] = {}
        self._found: dict[tuple[int, int], list[Finding]] = {}

    def begin(self) -> "Validation":
        """The judging of one file, to be absorbed unless the file is refused whole."""
        return Validation(self.feed)

    def add(self, subject: str, frame: pd.DataFrame) -> None:
        """Rows of a subject (`readings`, `sales`)."""
        self.rows += len(frame)
        waiting = self._waiting.setdefault(subject, [])
        waiting.append(frame)
        if sum(map(len, waiting)) >= ROWS_AT_ONCE:
            self._judge(subject)

    def absorb(self, file: "Validation", key: str) -> None:
        """Take over what the file with this key would write."""
        self.seconds += file.seconds
        self.rows += file.rows
        for place, found in file._found.items():
            self._found.setdefault(place, []).extend(found)
        for subject, frames in file._waiting.items():
            for frame in frames:
                self.rows -= len(frame)
                self.add(subject, frame.assign(file=key))

    def verdict(self, *, refused: int) -> Verdict:
        """The judgement of all that was added, of which `refused` more rows were refused."""
        for subject in list(self._waiting):
            self._judge(subject)
        began = perf_counter()
        findings = [merge(found) for _, found in sorted(self._found.items())]
        if self.rows + refused >= SMALL_BATCH:
            findings.append(outcome_finding(self.rows, refused))
        self.seconds += perf_counter() - began
        return Verdict(self.feed, self.rows, refused, self.seconds, tuple(findings))

    def _judge(self, subject: str) -> None:
        began = perf_counter()
        frames = self._waiting.pop(subject, [])
        if not frames:
            return
        whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
        for number, part in enumerate(PARTS[self.feed]):
            rows = part.of(whole) if part.subject == subject else whole[:0]
            if len(rows):
                for nth, finding in enumerate(find(part.with_columns(rows), part.rules)):
                    self._found.setdefault((number, nth), []).append(finding)
        self.seconds += perf_counter() - began


def validate(feed: Feed, frame: pd.DataFrame, *, refused: int) -> Verdict:
    """Judge a batch of readings that is at hand as a whole."""
    validation = Validation(feed)
    if len(frame):
        validation.add("readings", frame)
    return validation.verdict(refused=refused)
