"""A device's push in its maker's language is landed: its body kept, what it says written.

Belongs here: that one transaction. Not here: the languages (services/adapters, one module each),
HTTP (webapp/api), our own format (batches).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

import psycopg

from domain.devices import Adapter
from services.adapters.arrival import Arrival
from services.adapters.decoded import Unreadable
from services.adapters.directory import MallDevices, MallEntry
from services.adapters.makes import decoder_of
from services.adapters.refusals import (
    LONGEST_ROW,
    Problem,
    Reason,
    Refusal,
    kept_row,
)
from services.adapters.resolving import Resolved, UnknownAddress, resolve, source_for
from services.adapters.unpacking import CannotUnpack
from services.operations.batches import keep_batch, reading_rows
from services.operations.readings import Written, write_readings
from services.operations.till_sales import write_sales
from services.operations.unknown_devices import note_unknown_devices


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one thing that a piece of the message says was taken; `status` is accepted, duplicate,
    revised or late.
    """

    place: int
    status: str
    quality: str


@dataclass(frozen=True, slots=True)
class PushResult:
    """accepted + duplicate + revised + late + refused + skipped = total; `uncertain` are among
    those taken. `outcomes` are those taken, by place. `problem`: nothing of the body could be
    read; it is kept all the same.
    """

    batch_id: int
    total: int = 0
    accepted: int = 0
    duplicate: int = 0
    revised: int = 0
    late: int = 0
    skipped: int = 0
    uncertain: int = 0
    refusals: Sequence[Refusal] = ()
    outcomes: Sequence[Outcome] = ()
    unknown: Sequence[UnknownAddress] = ()
    heard_device_ids: frozenset[int] = frozenset()
    problem: Problem | None = None

    @property
    def refused(self) -> int:
        return len(self.refusals)

    @property
    def taken(self) -> int:
        return self.accepted + self.duplicate + self.revised + self.late

    @property
    def is_waiting(self) -> bool:
        """Whether nothing was taken only because nobody has registered who sent it."""
        return (
            not self.taken
            and bool(self.unknown)
            and all(r.reason_code is Reason.UNKNOWN_DEVICE for r in self.refusals)
        )


def land_push(
    connection: psycopg.Connection,
    body: bytes,
    *,
    adapter: Adapter,
    content_type: str,
    devices: MallDevices,
    mall: MallEntry,
    key_id: int,
    only_device_id: int | None,
    received_at: datetime,
    arrival: Arrival,
    unpack: Callable[[bytes], bytes] = bytes,
    newer_devices: Callable[[], MallDevices] | None = None,
) -> PushResult:
    """Land a push in one transaction; `body` is what came over the wire, `unpack` makes its text
    of it or raises CannotUnpack. `newer_devices` is asked when somebody unknown speaks.

    When this returns outside another transaction, the push is committed; inside one it is part
    of that. A body that cannot be read is kept and quarantined whole. Raises psycopg.Error; then
    nothing of the push is kept and the caller may send it again.
    """

    def read(devices: MallDevices) -> Resolved:
        source = source_for(
            devices, adapter=adapter, received_at=received_at, only_device_id=only_device_id
        )
        return resolve(
            decoder_of(adapter)(text, source),
            adapter=adapter,
            where=devices,
            arrival=arrival,
            only_device_id=only_device_id,
        )

    problem: Problem | None = None
    try:
        text = unpack(body)
        resolved = read(devices)
        if resolved.unknown and newer_devices is not None:
            newer = newer_devices()
            if newer is not devices:
                resolved = read(newer)
    except (CannotUnpack, Unreadable) as error:
        problem = error.problem
        resolved = _unreadable(body, problem)

    is_idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    with connection.transaction() if is_idle else nullcontext():
        batch_id = keep_batch(
            connection,
            body,
            content_type=content_type,
            adapter=adapter,
            rows_total=resolved.total,
            refusals=resolved.refusals,
            mall=mall,
            key_id=key_id,
            received_at=received_at,
        )
        note_unknown_devices(
            connection, resolved.unknown, mall_id=mall.mall_id, adapter=adapter, now=received_at
        )
        readings = write_readings(
            connection,
            reading_rows(resolved.readings),
            mall=mall,
            received_at=received_at,
            batch_id=batch_id,
        )
        sales = write_sales(
            connection, resolved.sales, mall=mall, received_at=received_at, batch_id=batch_id
        )
    return PushResult(
        batch_id=batch_id,
        total=resolved.total,
        accepted=readings.accepted + sales.accepted,
        duplicate=readings.duplicate + sales.duplicate,
        revised=readings.revised + sales.revised,
        late=readings.late + sales.late,
        skipped=resolved.skipped,
        uncertain=resolved.uncertain,
        refusals=resolved.refusals,
        outcomes=sorted(_outcomes(resolved, readings, sales), key=lambda o: o.place),
        unknown=resolved.unknown,
        heard_device_ids=resolved.heard_device_ids,
        problem=problem,
    )


def _unreadable(body: bytes, problem: Problem) -> Resolved:
    row = kept_row(body[: LONGEST_ROW + 1].decode("utf-8", "replace"))
    return Resolved(total=1, refusals=[Refusal(0, row, problem.code, problem.reason)])


def _outcomes(resolved: Resolved, readings: Written, sales: Written) -> Iterator[Outcome]:
    batch = resolved.readings
    for row, (place, quality) in enumerate(zip(batch.index, batch.quality, strict=True)):
        yield Outcome(place, readings.outcomes.get(row, "accepted"), quality)
    for row, (place, sale) in enumerate(zip(resolved.sale_places, resolved.sales, strict=True)):
        yield Outcome(place, sales.outcomes.get(row, "accepted"), sale.quality)
