"""What the staged bytes of a file say: readings, sales, refusals, whichever feed they are of.

Belongs here: from bytes to rows that can be written: archives, our tables and JSON, the formats
of makes. Not here: finding files (inbox), staging bytes (staging), writing rows (landing).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import pandas as pd

from domain.devices import Adapter, Feed
from services.adapters.arrival import Arrival
from services.adapters.decoded import Unreadable
from services.adapters.directory import MallDevices
from services.adapters.makes import decoder_of
from services.adapters.readings_json import Scope, UnreadableBody
from services.adapters.readings_json import parse as parse_json
from services.adapters.readings_judge import ParsedBatch
from services.adapters.refusals import Problem, Reason, Refusal
from services.adapters.resolving import UnknownAddress, resolve, source_for
from services.adapters.sale_rows import SaleRow
from services.adapters.short_tables import judge_together
from services.adapters.table_feeds import TABLES
from services.adapters.tables import (
    FRAME_COLUMNS,
    CannotRead,
    JudgedPiece,
    JudgedTable,
    judge_pieces,
    no_readings,
)
from services.operations.spool import Spool
from services.operations.staging import (
    SMALL,
    copy_member,
    staging_file,
    text_of,
    unpack_gzip_file,
    zip_members,
)

# What is no table is read whole.
LARGEST_WHOLE = 64 * 1024 * 1024
MOST_READINGS = 1_000_000
# Shown ("readings", frame of FRAME_COLUMNS) and ("sales", frame with SaleRow's fields).
Observe = Callable[[str, pd.DataFrame], None]


@dataclass
class Contents:
    """Rows of a file. `frame` has tables.FRAME_COLUMNS, its `row_number` unique in the file;
    a long file's readings and refusals stand in `spool` instead. `usable` and `refused` count
    rows; `first_refusal` is the first of them. `unjudged` is the text of a short table that
    waits to be judged with others (`judge_waiting`).
    """

    frame: pd.DataFrame = field(default_factory=no_readings)
    refusals: list[Refusal] = field(default_factory=list)
    sales: list[SaleRow] = field(default_factory=list)
    sale_rows: list[int] = field(default_factory=list)
    spool: Spool | None = None
    usable: int = 0
    refused: int = 0
    uncertain: int = 0
    readings: int = 0
    first_refusal: Refusal | None = None
    unknown: list[UnknownAddress] = field(default_factory=list)
    heard_device_ids: set[int] = field(default_factory=set)
    members: int = 0
    unjudged: str | None = None

    @property
    def rows_total(self) -> int:
        return self.usable + self.refused

    @property
    def device_ids(self) -> set[int]:
        """Devices that were heard."""
        spooled = self.spool.device_ids if self.spool is not None else set()
        return {*self.frame["device_id"].tolist(), *self.heard_device_ids, *spooled} | {
            sale.device_id for sale in self.sales
        }

    def all_refusals(self) -> Iterator[list[Refusal]]:
        """The refusals in their order, some at a time."""
        if self.spool is not None:
            yield from self.spool.refusals()
        if self.refusals:
            yield self.refusals


@dataclass(frozen=True)
class Reader:
    """Reads files of one feed for one mall. `observe` is shown what a file would write, piece by
    piece; `folder` is where long files are put aside.
    """

    feed: Feed
    where: MallDevices
    arrival: Arrival
    folder: Path
    limit: int
    observe: Observe = lambda kind, frame: None

    def read(self, file: IO[bytes], name: str) -> Contents:
        """Raises CannotRead and CannotUnpack, which say why the file as a whole is refused."""
        contents = self.begin(file, name)
        if contents.unjudged is not None:
            (refused,) = judge_waiting([(self, contents)])
            if refused is not None:
                raise refused
        return contents

    def begin(self, file: IO[bytes], name: str) -> Contents:
        """As `read`, but a short table is left `unjudged`."""
        contents = Contents()
        try:
            self._read_packed(file, name, contents)
        except BaseException:
            if contents.spool is not None:
                contents.spool.close()
            raise
        return contents

    def _read_packed(self, file: IO[bytes], name: str, contents: Contents) -> None:
        if name.lower().endswith(".zip"):
            package, entries = zip_members(file, limit=self.limit)
            if self.feed in TABLES and sum(entry.file_size for entry in entries) > SMALL:
                contents.spool = Spool(self.folder)
            with package:
                for entry in entries:
                    with staging_file(self.folder) as unpacked:
                        copy_member(package, entry, unpacked)
                        self._read_plain(unpacked, contents, member=entry.filename)
        elif name.lower().endswith(".gz"):
            with staging_file(self.folder) as unpacked:
                unpack_gzip_file(file, unpacked, limit=self.limit)
                self._read_plain(unpacked, contents, member="")
        else:
            self._read_plain(file, contents, member="")

    def _read_plain(self, file: IO[bytes], contents: Contents, *, member: str) -> None:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            if not size:
                raise CannotRead(Reason.EMPTY_FILE, "it has no bytes; expected a header and rows")
            adapter = self.feed.adapter
            if adapter is not None:
                self._read_make(adapter, _whole(file, size), contents, member)
            elif self.feed is Feed.READINGS and _is_json(file):
                self._read_json(_whole(file, size), contents, member)
            else:
                self._read_table(file, size, contents, member)
        except CannotRead as refused:
            if not member:
                raise
            problem = refused.problem
            raise CannotRead(problem.code, f"{member}: {problem.reason}") from None

    def _read_table(self, file: IO[bytes], size: int, contents: Contents, member: str) -> None:
        table = TABLES[self.feed]
        offset = _next_row(contents)
        if size <= SMALL and not member:
            contents.unjudged = "".join(text_of(file))
            return
        if contents.spool is None and size > SMALL:
            contents.spool = Spool(self.folder)
        frames = []
        for piece in judge_pieces(text_of(file), table, where=self.where, arrival=self.arrival):
            _refuse(contents, piece.refusals, member)
            contents.usable += piece.usable
            contents.uncertain += piece.uncertain
            contents.readings += piece.usable * len(table.readings)
            if contents.spool is None:
                frames.append(piece.frame())
            else:
                self._put_aside(piece, contents.spool, offset)
        for frame in frames:
            self._add_frame(contents, frame, offset)

    def take(self, table: JudgedTable, contents: Contents) -> None:
        """What a short table says, judged."""
        contents.unjudged = None
        _refuse(contents, table.refusals, "")
        contents.usable = table.rows_total - len(table.refusals)
        contents.uncertain = table.uncertain
        contents.readings = len(table.frame)
        self._add_frame(contents, table.frame, 0)

    def _put_aside(self, piece: JudgedPiece, spool: Spool, offset: int) -> None:
        spool.add_heaps(piece.heaps(offset))
        spool.add_quarters(piece.quarters())
        spool.device_ids |= piece.device_ids()
        self.observe("readings", piece.sample())

    def _add_frame(self, contents: Contents, frame: pd.DataFrame, offset: int) -> None:
        if not len(frame):
            return
        if offset:
            frame = frame.assign(row_number=frame["row_number"] + offset)
        self.observe("readings", frame)
        contents.frame = (
            pd.concat([contents.frame, frame], ignore_index=True) if len(contents.frame) else frame
        )

    def _read_json(self, body: bytes, contents: Contents, member: str) -> None:
        if contents.spool is not None:
            raise CannotRead(
                Reason.TOO_LARGE, "a zip of many readings holds tables only; send JSON by itself"
            )
        try:
            batch = parse_json(
                body,
                is_lines=_is_lines(body),
                scope=Scope(self.where),
                arrival=self.arrival,
                max_readings=MOST_READINGS,
            )
        except UnreadableBody as refused:
            raise CannotRead(refused.problem.code, refused.problem.reason) from None
        self._add_batch(contents, batch, batch.refusals, (), (), member)
        contents.uncertain += batch.uncertain

    def _read_make(self, adapter: Adapter, body: bytes, contents: Contents, member: str) -> None:
        source = source_for(self.where, adapter=adapter, received_at=self.arrival.received_at)
        try:
            decoded = decoder_of(adapter)(body, source)
        except Unreadable as refused:
            raise CannotRead(refused.problem.code, refused.problem.reason) from None
        resolved = resolve(decoded, adapter=adapter, where=self.where, arrival=self.arrival)
        self._add_batch(
            contents,
            resolved.readings,
            resolved.refusals,
            resolved.sales,
            resolved.sale_places,
            member,
        )
        contents.uncertain += resolved.uncertain
        contents.unknown += resolved.unknown
        contents.heard_device_ids |= resolved.heard_device_ids

    def _add_batch(
        self,
        contents: Contents,
        batch: ParsedBatch,
        refusals: Sequence[Refusal],
        sales: Sequence[SaleRow],
        sale_places: Sequence[int],
        member: str,
    ) -> None:
        offset = _next_row(contents)
        usable = {*batch.index, *sale_places}
        _refuse(contents, refusals, member, usable=usable)
        contents.usable += len(usable)
        contents.readings += len(batch.index)
        contents.sales += sales
        if sales:
            self.observe("sales", pd.DataFrame([asdict(sale) for sale in sales]))
        contents.sale_rows += [place + offset for place in sale_places]
        self._add_frame(contents, frame_of(batch, self.where), offset)


def judge_waiting(
    waiting: Sequence[tuple[Reader, Contents]],
) -> list[CannotRead | None]:
    """Judge the short tables of one feed and mall together, each as though it came alone; why a
    file is refused whole, where one is.
    """
    if not waiting:
        return []
    reader = waiting[0][0]
    texts = [contents.unjudged or "" for _, contents in waiting]
    tables = judge_together(texts, TABLES[reader.feed], where=reader.where, arrival=reader.arrival)
    refused: list[CannotRead | None] = []
    for (each, contents), table in zip(waiting, tables, strict=True):
        if isinstance(table, CannotRead):
            contents.unjudged = None
            refused.append(table)
        else:
            each.take(table, contents)
            refused.append(None)
    return refused


def frame_of(batch: ParsedBatch, where: MallDevices) -> pd.DataFrame:
    """A batch's readings as a frame of tables.FRAME_COLUMNS."""
    if not batch.index:
        return no_readings()
    codes = {device.device_id: device.code for device in where.devices.values()}
    frame = pd.DataFrame(
        {
            "row_number": list(batch.index),
            "device_id": list(batch.device_id),
            "device_code": pd.Series([codes[each] for each in batch.device_id], dtype=object),
            "metric": pd.Series([str(each) for each in batch.metric], dtype=object),
            "interval_start": pd.Series(list(batch.interval_start)),
            "interval_end": pd.Series(list(batch.interval_end)),
            "value": pd.Series(list(batch.value), dtype=object),
            "quality": pd.Series([str(each) for each in batch.quality], dtype=object),
        },
        columns=list(FRAME_COLUMNS),
    )
    for name in ("interval_start", "interval_end"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame


def no_usable_row(contents: Contents) -> str:
    """Why a file of which every row is refused is refused whole; empty where one is not."""
    first = contents.first_refusal
    if contents.usable or first is None:
        return ""
    return str(
        Problem(
            Reason.NO_USABLE_ROW,
            f"all {contents.refused:,} rows are refused, line {first.row_number} because "
            f"{first.reason}",
        )
    )


def _refuse(
    contents: Contents,
    refusals: Sequence[Refusal],
    member: str,
    *,
    usable: set[int] | None = None,
) -> None:
    """Keep refusals; rows of which a part can be used are not counted as refused."""
    if not refusals:
        return
    refusals = sorted(refusals, key=lambda refusal: refusal.row_number)
    if member:
        refusals = [
            Refusal(each.row_number, each.row, each.reason_code, f"{member}: {each.reason}")
            for each in refusals
        ]
    contents.first_refusal = contents.first_refusal or refusals[0]
    contents.refused += len({each.row_number for each in refusals} - (usable or set()))
    if contents.spool is None:
        contents.refusals += refusals
    else:
        contents.spool.add_refusals([*contents.refusals, *refusals])
        contents.refusals.clear()


def _next_row(contents: Contents) -> int:
    """What the row numbers of a zip's next member begin after."""
    # No file has so many lines.
    contents.members += 1
    return (contents.members - 1) << 32


def _whole(file: IO[bytes], size: int) -> bytes:
    if size > LARGEST_WHOLE:
        raise CannotRead(
            Reason.TOO_LARGE,
            f"it has {size:,} bytes; the limit of a file that is no table is {LARGEST_WHOLE:,}",
        )
    return file.read()


def _is_json(file: IO[bytes]) -> bool:
    start = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return start[:1] in (b"[", b"{")


def _is_lines(body: bytes) -> bool:
    """One reading a line: the first line is an object that ends on it."""
    first = body.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0].strip()
    return first.startswith(b"{") and first.endswith(b"}")
