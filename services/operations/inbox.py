"""The drop-box: its files are found, and one is read and judged.

inbox/<mall code>/<feed>/<name>, optionally .gz; a `<name>.done` beside it may hold the sha256 of
the file in hex.

Belongs here: reading. Not here: what a file's columns mean (services/adapters), writing anything
(landing).
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import pandas as pd

from domain.devices import Feed
from services.adapters import footfall_hours, meter_registers, pos_days
from services.adapters.arrival import Arrival
from services.adapters.directory import DeviceDirectory, MallDevices, MallEntry
from services.adapters.refusals import Problem, Reason, Refusal, shown
from services.adapters.tables import CannotRead, decode_text, no_readings
from services.adapters.unpacking import CannotUnpack, unpack_gzip
from storage.objects import ObjectNotFound, ObjectStore
from storage.settings import Settings

INBOX = "inbox/"
DONE = ".done"
SHA256 = re.compile(r"[0-9a-f]{64}")
LONGEST_MARKER = 4096
GONE = "GONE: the file left the inbox before it was read"
ADAPTERS: dict[Feed, Callable[..., tuple[pd.DataFrame, list[Refusal], int]]] = {
    Feed.POS_DAYS: pos_days.parse,
    Feed.FOOTFALL_HOURS: footfall_hours.parse,
    Feed.METER_REGISTERS: meter_registers.parse,
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
    """What a file says. `frame` has the columns of services.adapters.tables.FRAME_COLUMNS;
    `problem` is empty, or why the whole file is refused.
    """

    found: InboxObject
    sha256: str = ""
    bytes: int = 0
    feed: Feed | None = None
    mall: MallEntry | None = None
    frame: pd.DataFrame = field(default_factory=no_readings)
    refusals: tuple[Refusal, ...] = ()
    rows_total: int = 0
    problem: str = ""

    @property
    def mall_id(self) -> int | None:
        return self.mall.mall_id if self.mall else None


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
) -> ParsedFile:
    """Read and judge one file; bad content never raises, it is a `problem` or refusals.

    A file above `settings.inbox_max_file_bytes` is refused unread (its sha256 stays empty).
    Raises what the object store raises when it cannot be reached.
    """
    limit = settings.inbox_max_file_bytes
    where = directory.mall(found.mall_code)
    mall = where.mall if where else None
    too_large = Problem(
        Reason.TOO_LARGE, f"the file has {found.bytes:,} bytes; the limit is {limit:,}"
    )
    if found.bytes > limit:
        return ParsedFile(found, "", found.bytes, found.feed, mall, problem=str(too_large))
    try:
        with store.open(found.key) as stream:
            data: bytes = stream.read(limit + 1)
    except ObjectNotFound:
        return ParsedFile(found, "", found.bytes, found.feed, mall, problem=GONE)
    if len(data) > limit:
        return ParsedFile(found, "", len(data), found.feed, mall, problem=str(too_large))
    sha256 = hashlib.sha256(data).hexdigest()
    arrival = Arrival(
        received_at=now,
        ahead=timedelta(minutes=settings.clock_skew_ahead_minutes),
        behind=timedelta(days=settings.file_skew_behind_days),
    )
    try:
        _check_marker(store, found, sha256)
        frame, refusals, rows_total = _judge(data, found, where, arrival, limit)
    except (CannotRead, CannotUnpack) as refused:
        return ParsedFile(found, sha256, len(data), found.feed, mall, problem=str(refused.problem))
    problem = ""
    if rows_total and frame.empty:
        first = min(refusals, key=lambda refusal: refusal.row_number)
        problem = str(
            Problem(
                Reason.NO_USABLE_ROW,
                f"all {rows_total:,} rows are refused, line {first.row_number} because "
                f"{first.reason}",
            )
        )
    return ParsedFile(
        found=found,
        sha256=sha256,
        bytes=len(data),
        feed=found.feed,
        mall=mall,
        frame=frame,
        refusals=tuple(sorted(refusals, key=lambda refusal: refusal.row_number)),
        rows_total=rows_total,
        problem=problem,
    )


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


def _judge(
    data: bytes,
    found: InboxObject,
    where: MallDevices | None,
    arrival: Arrival,
    limit: int,
) -> tuple[pd.DataFrame, list[Refusal], int]:
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
    if not data:
        raise CannotRead(Reason.EMPTY_FILE, "it has no bytes; expected a header and rows")
    if found.name.lower().endswith(".gz"):
        data = unpack_gzip(data, limit=limit)
    return ADAPTERS[found.feed](decode_text(data), where=where, arrival=arrival)
