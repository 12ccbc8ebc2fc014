"""A shop hands in its own data as a table: looked at first, then landed like any file.

Belongs here: the table between upload and landing, limited to what measures in the shop. Not
here: the columns (services.imports.shop_tables), judging values (services/adapters), how
readings count (readings).

A look is the landing itself, undone: what is shown is what will happen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import LiteralString

import pandas as pd
import psycopg

from domain.devices import Feed
from domain.uploads import TABLES
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Problem, Reason, Refusal
from services.adapters.tables import CannotRead
from services.imports.rows import CannotImport
from services.imports.shop_tables import SHOP_TABLES, devices_of_table, is_sent_by_hand, table_text
from services.operations.inbox import ADAPTERS
from services.operations.quarantine import quarantine
from services.operations.readings import ReadingRows, write_readings
from services.operations.uploads import KeptUpload
from services.uploads.guard import checked_file
from services.uploads.limits import UploadLimits
from storage.objects import ObjectStore

KEEP_FILE: LiteralString = "SELECT ingest.keep_uploaded_file(%s, %s, %s, %s)"
COUNT_FILE: LiteralString = "SELECT ingest.count_uploaded_file(%s, %s, %s, %s, %s, %s, %s)"


class RowStatus(StrEnum):
    """What becomes of a row. LATE: its month is closed; finance decides on it."""

    ACCEPTED = "ACCEPTED"
    REVISED = "REVISED"
    DUPLICATE = "DUPLICATE"
    LATE = "LATE"
    REFUSED = "REFUSED"


# A row of several readings is what the first of these says that one of them is.
_FIRST = (RowStatus.LATE, RowStatus.REVISED, RowStatus.ACCEPTED, RowStatus.DUPLICATE)


@dataclass(frozen=True, slots=True)
class ShopRow:
    """`number` is the row's number in the file, the header being 1; `cells` as they came."""

    number: int
    status: RowStatus
    cells: tuple[str, ...]
    reason_code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ShopTable:
    """A shop's table and what becomes, or became, of its rows, in their order.

    `problem`: why the file as a whole cannot be read, else None.
    """

    feed: Feed
    header: tuple[str, ...]
    rows: tuple[ShopRow, ...] = ()
    problem: Problem | None = None
    file_id: int | None = None

    def of(self, status: RowStatus) -> tuple[ShopRow, ...]:
        return tuple(row for row in self.rows if row.status is status)

    def count(self, status: RowStatus) -> int:
        return sum(row.status is status for row in self.rows)

    @property
    def will_change(self) -> bool:
        return any(row.status not in (RowStatus.REFUSED, RowStatus.DUPLICATE) for row in self.rows)


def own_devices(where: MallDevices, *, shop_code: str) -> MallDevices:
    """The register as a shop may use it: the devices that ever hung in the shop."""
    devices = {
        code: device
        for code, device in where.devices.items()
        if any(place.shop_code == shop_code for place in device.places)
    }
    return MallDevices(mall=where.mall, devices=devices, shop_codes=frozenset({shop_code}))


def feeds_of(where: MallDevices) -> tuple[Feed, ...]:
    """The tables that a shop with these devices can fill in."""
    devices = [device for device in where.devices.values() if is_sent_by_hand(device)]
    return tuple(feed for feed in SHOP_TABLES if devices_of_table(feed, devices))


def read_rows(
    store: ObjectStore, upload: KeptUpload, *, limits: UploadLimits
) -> tuple[tuple[str, ...], ...]:
    """The cells of a kept table, the header first. Raises UploadRefused, ObjectNotFound."""
    with (
        store.open(upload.object_key) as stream,
        checked_file(stream, name=upload.name, accepted=TABLES, limits=limits) as file,
    ):
        return file.rows


def land_table(
    connection: psycopg.Connection,
    upload: KeptUpload,
    *,
    feed: Feed,
    rows: Sequence[Sequence[str]],
    where: MallDevices,
    shop_code: str,
    arrival: Arrival,
    is_trial: bool = False,
) -> ShopTable:
    """Land a shop's table inside the caller's transaction; refused rows stand in quarantine. A
    trial does the same and undoes it.

    `where` is the mall's whole register; only what hangs in the shop on the day is written. A
    table that cannot be read lands nothing. Raises psycopg.Error, and
    psycopg.errors.UniqueViolation when this upload was landed before.
    """
    header = tuple(rows[0]) if rows else ()
    try:
        text = table_text(feed, rows)
    except CannotImport as refused:
        sentence = refused.problem.sentence("en")
        return ShopTable(feed, header, problem=Problem(Reason.WRONG_HEADER, sentence))
    where = own_devices(where, shop_code=shop_code)
    try:
        frame, refusals, total = ADAPTERS[feed](text, where=where, arrival=arrival)
    except CannotRead as refused:
        return ShopTable(feed, header, problem=refused.problem)
    frame, elsewhere = _hanging_here(frame, where, shop_code, rows)
    refusals = sorted([*refusals, *elsewhere], key=lambda refusal: refusal.row_number)
    with connection.transaction(force_rollback=is_trial):
        row = connection.execute(
            KEEP_FILE, (upload.id, feed.value, upload.object_key, arrival.received_at)
        ).fetchone()
        assert row is not None
        file_id: int = row[0]
        written = write_readings(
            connection,
            ReadingRows.of_frame(frame),
            mall=where.mall,
            received_at=arrival.received_at,
            file_id=file_id,
        )
        quarantine(
            connection,
            refusals,
            mall_id=where.mall.mall_id,
            file_id=file_id,
            received_at=arrival.received_at,
        )
        table = ShopTable(
            feed, header, _judged(frame, written.outcomes, refusals, rows), file_id=file_id
        )
        counts = [table.count(status) for status in RowStatus]
        connection.execute(COUNT_FILE, (file_id, total, *counts))
        return table


def _hanging_here(
    frame: pd.DataFrame, where: MallDevices, shop_code: str, rows: Sequence[Sequence[str]]
) -> tuple[pd.DataFrame, list[Refusal]]:
    """The readings of devices that hung in the shop on the day, and refusals of the others."""
    clock = where.mall.clock
    by_id = {device.device_id: device for device in where.devices.values()}
    elsewhere: dict[int, str] = {}
    for number, device_id, start in zip(
        frame["row_number"].tolist(),
        frame["device_id"].tolist(),
        frame["interval_start"].dt.to_pydatetime(),
        strict=True,
    ):
        day = clock.business_date(start)
        device = by_id[device_id]
        if device.shop_on(day) != shop_code:
            elsewhere[int(number)] = (
                f"{device.code} did not stand in shop {shop_code} on {day.isoformat()}"
            )
    refusals = [
        Refusal(number, ",".join(rows[number - 1]), Reason.WRONG_SHOP, sentence)
        for number, sentence in elsewhere.items()
    ]
    return frame[~frame["row_number"].isin(list(elsewhere))], refusals


def _judged(
    frame: pd.DataFrame,
    outcomes: dict[int, str],
    refusals: Sequence[Refusal],
    rows: Sequence[Sequence[str]],
) -> tuple[ShopRow, ...]:
    found: dict[int, set[RowStatus]] = {}
    for place, number in enumerate(frame["row_number"].tolist()):
        found.setdefault(number, set()).add(RowStatus(outcomes.get(place, "accepted").upper()))
    judged = [
        ShopRow(
            number,
            next(status for status in _FIRST if status in statuses),
            tuple(rows[number - 1]),
        )
        for number, statuses in found.items()
    ]
    judged += [
        ShopRow(
            refusal.row_number,
            RowStatus.REFUSED,
            tuple(rows[refusal.row_number - 1]),
            refusal.reason_code.value,
            refusal.reason,
        )
        for refusal in refusals
    ]
    return tuple(sorted(judged, key=lambda row: row.number))
