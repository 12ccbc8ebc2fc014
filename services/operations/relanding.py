"""Refused rows are tried again: their source is read anew with the register as it is now.

What is taken counts as received when its source came, so the newest received still wins: where
something newer stands already, the older value goes among the revisions. Rows that are refused
still stay in quarantine with the reason of today; nothing else of the source is touched, so
trying again doubles nothing.

Belongs here: reading a source again, writing what is taken, releasing rows. Not here: which
sources there are (services/queries/waiting_sources). Writing goes through the devices' door
(`take`), releasing through the desk's session (`settle`): neither login may do both. Between the
two a crash leaves rows written and not released; trying again then finds them known.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from domain.devices import Adapter
from services.adapters.arrival import Arrival
from services.adapters.decoded import Unreadable
from services.adapters.directory import MallDevices
from services.adapters.makes import decoder_of
from services.adapters.readings_json import ParsedBatch, Scope, UnreadableBody, parse
from services.adapters.refusals import Refusal
from services.adapters.resolving import resolve, source_for
from services.adapters.sale_rows import SaleRow
from services.adapters.unpacking import CannotUnpack
from services.operations.batches import unpack_body
from services.operations.kept_files import CannotReadAgain, read_kept_file
from services.operations.readings import ReadingRows, Written, write_readings
from services.operations.till_sales import sales_as_json, write_sales
from services.queries.waiting_sources import KeptSource
from storage.models import Quarantined
from storage.objects import ObjectStore
from storage.settings import Settings

# A release note keeps a sentence, not a book.
LONGEST_NOTE = 500
LINES = "application/x-ndjson"

EARLIER_READINGS: LiteralString = """
SELECT * FROM ingest.keep_earlier_readings(
    %s::bigint[], %s::text[], %s::timestamptz[], %s::numeric[], %s::text[],
    %s::timestamptz, %s::bigint, %s::bigint)
"""
EARLIER_SALES: LiteralString = """
SELECT * FROM ingest.keep_earlier_sales(%s::jsonb, %s::timestamptz, %s::bigint, %s::bigint)
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a source says today. `places` and `sale_places` are the row numbers of the readings
    and sales; `problem` is empty, or why the source as a whole cannot be read.
    """

    readings: ReadingRows
    places: Sequence[int] = ()
    sales: Sequence[SaleRow] = ()
    sale_places: Sequence[int] = ()
    refusals: Sequence[Refusal] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """How the rows that waited ended. `earlier` are those that something newer stands before.
    `refusals` are of rows that stay, `problem` says why the source could not be read at all.
    """

    accepted: int = 0
    revised: int = 0
    duplicate: int = 0
    late: int = 0
    earlier: int = 0
    refusals: Sequence[Refusal] = ()
    problem: str = ""

    @property
    def note(self) -> str:
        return (
            f"landed again: {self.accepted} accepted, {self.revised} revised, "
            f"{self.duplicate} known already, {self.late} late, {self.earlier} older than what "
            "stands"
        )


@dataclass(frozen=True, slots=True)
class Settled:
    released: int = 0
    refused: int = 0


@dataclass(slots=True)
class Totals:
    """What trying again came to, over several sources."""

    sources: int = 0
    readings: int = 0
    released: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, taken: Taken, settled: Settled) -> None:
        self.sources += 1
        self.readings += taken.accepted + taken.revised + taken.late
        self.released += settled.released
        self.refused += settled.refused
        if taken.problem:
            self.problems.append(taken.problem)


_NOTHING = ReadingRows((), (), (), (), (), ())


def judge(
    kept: KeptSource, *, where: MallDevices, store: ObjectStore, settings: Settings
) -> Judged:
    """Read a source again with the register as it is now; bad content never raises.

    Raises what the object store raises when it cannot be reached.
    """
    if kept.source.kind == "file":
        try:
            readings, places, sales, sale_places, refusals = read_kept_file(
                kept, where=where, store=store, settings=settings
            )
        except CannotReadAgain as error:
            return Judged(_NOTHING, problem=str(error))
        return Judged(readings, places, sales, sale_places, refusals)
    arrival = Arrival(
        received_at=kept.received_at,
        ahead=timedelta(minutes=settings.clock_skew_ahead_minutes),
        behind=timedelta(days=settings.clock_skew_behind_days),
    )
    try:
        body = unpack_body(kept.body)
    except CannotUnpack as error:
        return Judged(_NOTHING, problem=str(error.problem))
    adapter = Adapter(kept.adapter)
    if adapter is Adapter.ATRIUM:
        try:
            batch = parse(
                body,
                is_lines=kept.content_type.partition(";")[0].strip().lower() == LINES,
                scope=Scope(where, kept.only_device_id),
                arrival=arrival,
                max_readings=settings.api_max_readings,
            )
        except UnreadableBody as error:
            return Judged(_NOTHING, problem=str(error.problem))
        return Judged(_rows(batch), batch.index, refusals=batch.refusals)
    source = source_for(
        where,
        adapter=adapter,
        received_at=kept.received_at,
        only_device_id=kept.only_device_id,
    )
    try:
        decoded = decoder_of(adapter)(body, source)
    except Unreadable as error:
        return Judged(_NOTHING, problem=str(error.problem))
    resolved = resolve(
        decoded,
        adapter=adapter,
        where=where,
        arrival=arrival,
        only_device_id=kept.only_device_id,
    )
    return Judged(
        _rows(resolved.readings),
        resolved.readings.index,
        resolved.sales,
        resolved.sale_places,
        resolved.refusals,
    )


def _rows(batch: ParsedBatch) -> ReadingRows:
    return ReadingRows(
        device_id=batch.device_id,
        metric=batch.metric,
        interval_start=batch.interval_start,
        interval_end=batch.interval_end,
        value=batch.value,
        quality=batch.quality,
    )


def take(
    connection: psycopg.Connection, kept: KeptSource, judged: Judged, *, where: MallDevices
) -> Taken:
    """Write what the waiting rows of a source say today, inside the caller's transaction.

    Only the rows that wait are written: all others were taken when the source came.
    Raises psycopg.Error; then nothing of the transaction holds.
    """
    refusals = tuple(each for each in judged.refusals if each.row_number in kept.rows)
    if judged.problem:
        return Taken(problem=judged.problem)
    of_file = kept.source.id if kept.source.kind == "file" else None
    of_batch = kept.source.id if kept.source.kind == "batch" else None
    counts: Counter[str] = Counter()
    rows = judged.readings.taken(
        [at for at, place in enumerate(judged.places) if place in kept.rows]
    )
    if len(rows):
        older = {
            place
            for (place,) in connection.execute(
                EARLIER_READINGS,
                (
                    list(rows.device_id),
                    list(rows.metric),
                    list(rows.interval_start),
                    list(rows.value),
                    list(rows.quality),
                    kept.received_at,
                    of_file,
                    of_batch,
                ),
            )
        }
        rows = rows.taken([at for at in range(len(rows)) if at not in older])
        written = write_readings(
            connection,
            rows,
            mall=where.mall,
            received_at=kept.received_at,
            file_id=of_file,
            batch_id=of_batch,
        )
        counts.update(_counts(written), earlier=len(older))
    sales = [
        sale
        for sale, place in zip(judged.sales, judged.sale_places, strict=True)
        if place in kept.rows
    ]
    if sales:
        older = {
            place
            for (place,) in connection.execute(
                EARLIER_SALES,
                (sales_as_json(list(enumerate(sales))), kept.received_at, of_file, of_batch),
            )
        }
        written = write_sales(
            connection,
            [sale for at, sale in enumerate(sales) if at not in older],
            mall=where.mall,
            received_at=kept.received_at,
            file_id=of_file,
            batch_id=of_batch,
        )
        counts.update(_counts(written), earlier=len(older))
    return Taken(
        accepted=counts["accepted"],
        revised=counts["revised"],
        duplicate=counts["duplicate"],
        late=counts["late"],
        earlier=counts["earlier"],
        refusals=refusals,
    )


def _counts(written: Written) -> dict[str, int]:
    return {
        "accepted": written.accepted,
        "revised": written.revised,
        "duplicate": written.duplicate,
        "late": written.late,
    }


def settle(
    session: Session, kept: KeptSource, taken: Taken, *, mall_id: int, actor: str, now: datetime
) -> Settled:
    """Release the waiting rows of a source that were taken; those that were not say why today."""
    column = Quarantined.batch_id if kept.source.kind == "batch" else Quarantined.file_id
    waiting = session.execute(
        sa.select(
            Quarantined.id, Quarantined.row_number, Quarantined.reason_code, Quarantined.reason
        )
        .where(
            column == kept.source.id,
            Quarantined.mall_id == mall_id,
            Quarantined.released_at.is_(None),
        )
        .order_by(Quarantined.id)
        .with_for_update()
    ).all()
    if taken.problem:
        return Settled(refused=len(waiting))
    still: dict[int, list[Refusal]] = defaultdict(list)
    for refusal in taken.refusals:
        still[refusal.row_number].append(refusal)
    released: list[int] = []
    changed: list[dict[str, object]] = []
    for row in waiting:
        # A row read since the source was has not been tried.
        if row.row_number not in kept.rows:
            continue
        if not still[row.row_number]:
            released.append(row.id)
            continue
        refusal = still[row.row_number].pop(0)
        if (row.reason_code, row.reason) != (refusal.reason_code.value, refusal.reason):
            changed.append(
                {
                    "row_id": row.id,
                    "code": refusal.reason_code.value,
                    "why": refusal.reason.replace("\x00", "�"),
                }
            )
    _release(session, released, actor=actor, note=taken.note, now=now)
    if changed:
        session.connection().execute(
            sa.update(Quarantined)
            .where(Quarantined.id == sa.bindparam("row_id"))
            .values(reason_code=sa.bindparam("code"), reason=sa.bindparam("why")),
            changed,
        )
    return Settled(released=len(released), refused=len(waiting) - len(released))


def dismiss(
    session: Session,
    *,
    mall_id: int,
    row_ids: Iterable[int],
    reason: str,
    actor: str,
    now: datetime,
) -> int:
    """Say that refused rows need nothing more, and why; the rows stay. How many there were.

    Raises ValueError without a reason.
    """
    if not reason.strip():
        raise ValueError("say why the rows are dismissed")
    ids = session.scalars(
        sa.select(Quarantined.id).where(
            Quarantined.id.in_(list(row_ids)),
            Quarantined.mall_id == mall_id,
            Quarantined.released_at.is_(None),
        )
    ).all()
    _release(session, ids, actor=actor, note=reason.strip(), now=now)
    return len(ids)


def _release(session: Session, ids: Sequence[int], *, actor: str, note: str, now: datetime) -> None:
    if ids:
        session.execute(
            sa.update(Quarantined)
            .where(Quarantined.id == sa.func.any(sa.cast(list(ids), ARRAY(sa.BigInteger))))
            .values(released_at=now, released_by=actor, release_note=note[:LONGEST_NOTE])
            .execution_options(synchronize_session=False)
        )
