"""The drop-box: its files are found, and one is read and judged.

inbox/<mall code>/<feed>/<name>, optionally .gz, or a .zip of several files of the feed; a
`<name>.done` beside it may hold the sha256 of the file in hex.

Belongs here: finding, and what is refused by name, size or checksum. Not here: what bytes say
(file_contents), writing anything (landing).
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import PurePosixPath

import pandas as pd

from domain.devices import Feed
from services.adapters.arrival import Arrival
from services.adapters.directory import DeviceDirectory, MallDevices, MallEntry
from services.adapters.refusals import Problem, Reason, Refusal, shown
from services.adapters.table_feeds import TABLES, parse_text
from services.adapters.tables import CannotRead
from services.adapters.unpacking import CannotUnpack
from services.operations.file_contents import (
    Contents,
    Observe,
    Reader,
    judge_waiting,
    no_usable_row,
)
from services.operations.staging import stage, staging_file
from storage.objects import ObjectNotFound, ObjectStore
from storage.settings import Settings

INBOX = "inbox/"
DONE = ".done"
SHA256 = re.compile(r"[0-9a-f]{64}")
LONGEST_MARKER = 4096
# Short tables are judged together, up to so many files and characters at a time.
FILES_TOGETHER = 100
CHARACTERS_TOGETHER = 8 * 1024 * 1024
GONE = "GONE: the file left the inbox before it was read"
ADAPTERS: dict[Feed, Callable[..., tuple[pd.DataFrame, list[Refusal], int]]] = {
    feed: partial(parse_text, feed=feed) for feed in TABLES
}


@dataclass(frozen=True, slots=True)
class InboxObject:
    """A file in the drop-box. `mall_code` is empty and `feed` None where the folder says none."""

    key: str
    mall_code: str
    feed: Feed | None
    bytes: int
    modified_at: datetime
    has_marker: bool = False

    @property
    def name(self) -> str:
        return PurePosixPath(self.key).name


@dataclass(frozen=True)
class ParsedFile:
    """What a file says: `contents`, or `problem`, why the whole file is refused."""

    found: InboxObject
    sha256: str = ""
    bytes: int = 0
    feed: Feed | None = None
    mall: MallEntry | None = None
    contents: Contents = field(default_factory=Contents)
    problem: str = ""

    @property
    def mall_id(self) -> int | None:
        return self.mall.mall_id if self.mall else None

    @property
    def frame(self) -> pd.DataFrame:
        """The readings of a file that is not long."""
        return self.contents.frame

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The refusals of a file that is not long."""
        return tuple(self.contents.refusals)

    @property
    def rows_total(self) -> int:
        return self.contents.rows_total


def find_ready_files(
    store: ObjectStore, *, now: datetime, settle_seconds: int = 0
) -> tuple[InboxObject, ...]:
    """Files of the drop-box in the order in which they came.

    Files younger than `settle_seconds` may still be written and wait. A store whose clock is
    ahead of `now` says nothing about age: its files do not wait.
    """
    objects = list(store.list(INBOX))
    markers = {each.key for each in objects if each.key.endswith(DONE)}
    found = []
    for each in objects:
        age = now - each.modified_at
        if each.key in markers or timedelta(0) <= age < timedelta(seconds=settle_seconds):
            continue
        mall_code, feed = _folders(each.key)
        found.append(
            InboxObject(
                key=each.key,
                mall_code=mall_code,
                feed=feed,
                bytes=each.bytes,
                modified_at=each.modified_at,
                has_marker=each.key + DONE in markers,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.modified_at, each.key)))


def inbox_fingerprint(objects: Iterable[InboxObject]) -> str:
    """One key for what lies in the inbox: other names, sizes or times give another key."""
    digest = hashlib.sha256()
    for each in sorted(objects, key=lambda each: each.key):
        digest.update(f"{each.key}\0{each.bytes}\0{each.modified_at.isoformat()}\n".encode())
    return digest.hexdigest()


def parse_file(
    store: ObjectStore,
    found: InboxObject,
    *,
    directory: DeviceDirectory,
    now: datetime,
    settings: Settings,
    observe: Observe = lambda kind, frame: None,
) -> ParsedFile:
    """Read and judge one file, as `parse_files` does."""
    (parsed,) = parse_files(
        store,
        [found],
        directory=directory,
        now=lambda: now,
        settings=settings,
        observe=lambda _: observe,
    )
    return parsed


def parse_files(
    store: ObjectStore,
    found: Iterable[InboxObject],
    *,
    directory: DeviceDirectory,
    now: Callable[[], datetime],
    settings: Settings,
    observe: Callable[[InboxObject], Observe],
) -> Iterator[ParsedFile]:
    """Read and judge files, in their order; bad content never raises, it is a `problem` or
    refusals.

    Short tables are judged together, some at a time.
    A file above `settings.inbox_max_file_bytes` is refused unread (its sha256 stays empty).
    `observe(found)` is shown what a file would write (file_contents.Reader), also of a file that
    turns out to be refused. Raises what the object store raises when it cannot be reached.
    """
    begun: list[_Begun] = []
    waiting_bytes = 0
    for each in found:
        if not begun:
            at = now()
        one = _begin(store, each, directory, at, settings, observe(each))
        begun.append(one)
        waiting_bytes += len(one.contents.unjudged or "")
        if len(begun) >= FILES_TOGETHER or waiting_bytes >= CHARACTERS_TOGETHER:
            yield from _judged(begun)
            begun, waiting_bytes = [], 0
    yield from _judged(begun)


@dataclass(frozen=True)
class _Begun:
    """A file that was read; `reader` is None where it is refused."""

    parsed: ParsedFile
    reader: Reader | None = None

    @property
    def contents(self) -> Contents:
        return self.parsed.contents


def _begin(
    store: ObjectStore,
    found: InboxObject,
    directory: DeviceDirectory,
    now: datetime,
    settings: Settings,
    observe: Observe,
) -> _Begun:
    limit = settings.inbox_max_file_bytes
    where = directory.mall(found.mall_code)
    refused = ParsedFile(found, "", found.bytes, found.feed, where.mall if where else None)
    too_large = Problem(
        Reason.TOO_LARGE, f"the file has {found.bytes:,} bytes; the limit is {limit:,}"
    )
    if found.bytes > limit:
        return _Begun(replace(refused, problem=str(too_large)))
    folder = settings.state_dir / "spool"
    arrival = Arrival(
        received_at=now,
        ahead=timedelta(minutes=settings.clock_skew_ahead_minutes),
        behind=timedelta(days=settings.file_skew_behind_days),
    )
    with staging_file(folder) as file:
        try:
            with store.open(found.key) as stream:
                sha256, size = stage(stream, file, limit=limit)
        except ObjectNotFound:
            return _Begun(replace(refused, problem=GONE))
        refused = replace(refused, bytes=size)
        if size > limit:
            return _Begun(replace(refused, problem=str(too_large)))
        refused = replace(refused, sha256=sha256)
        try:
            _check_marker(store, found, sha256)
            place, feed = _check_folders(found, where)
            reader = Reader(feed, place, arrival, folder, limit, observe)
            contents = reader.begin(file, found.name)
        except (CannotRead, CannotUnpack) as error:
            return _Begun(replace(refused, problem=str(error.problem)))
    return _Begun(replace(refused, contents=contents), reader)


def _judged(begun: list[_Begun]) -> Iterator[ParsedFile]:
    """The files with their short tables judged, feed by feed and mall by mall."""
    alike: dict[object, list[tuple[Reader, Contents]]] = {}
    for each in begun:
        if each.reader is not None and each.contents.unjudged is not None:
            of = (each.reader.feed, each.reader.where.mall.mall_id)
            alike.setdefault(of, []).append((each.reader, each.contents))
    problems: dict[int, str] = {}
    for waiting in alike.values():
        for (_, contents), refused in zip(waiting, judge_waiting(waiting), strict=True):
            if refused is not None:
                problems[id(contents)] = str(refused.problem)
    for each in begun:
        problem = each.parsed.problem
        if not problem:
            problem = problems.get(id(each.contents)) or no_usable_row(each.contents)
        yield replace(each.parsed, problem=problem)


def _folders(key: str) -> tuple[str, Feed | None]:
    parts = key.removeprefix(INBOX).split("/")
    if len(parts) != 3 or not all(parts):
        return "", None
    mall_code, feed, _ = parts
    return mall_code, Feed(feed) if feed in list(Feed) else None


def _check_marker(store: ObjectStore, found: InboxObject, sha256: str) -> None:
    if not found.has_marker:
        return
    try:
        with store.open(found.key + DONE) as stream:
            text = stream.read(LONGEST_MARKER).decode("ascii", "replace")
    except ObjectNotFound:
        return
    stated = SHA256.search(text.lower())
    if stated is None:
        raise CannotRead(
            Reason.CHECKSUM,
            f"{found.name}{DONE} holds {shown(text.strip())}; expected the sha256 in hex",
        )
    if stated[0] != sha256:
        raise CannotRead(
            Reason.CHECKSUM,
            f"its sha256 is {sha256}, {found.name}{DONE} says {stated[0]}: send it again",
        )


def _check_folders(found: InboxObject, where: MallDevices | None) -> tuple[MallDevices, Feed]:
    parts = found.key.removeprefix(INBOX).split("/")
    if len(parts) != 3:
        raise CannotRead(
            Reason.UNKNOWN_FOLDER,
            f"it lies at {shown(found.key)}; expected inbox/<mall code>/<feed>/<name>",
        )
    if where is None:
        raise CannotRead(
            Reason.UNKNOWN_MALL, f"there is no mall {shown(parts[0])}; register it or move the file"
        )
    if found.feed is None:
        raise CannotRead(
            Reason.UNKNOWN_FEED, f"there is no feed {shown(parts[1])}; the feeds are "
            + ", ".join(Feed)
        )  # fmt: skip
    return where, found.feed
