"""Readings are written: every one counted as accepted, duplicate or revised.

The key of a reading is (device, metric, interval start). The rows of a write count as though
they came one after the other:
- no reading under the key: **accepted**;
- the same value and interval end, and the same quality or an uncertain one: **duplicate**,
  nothing changes (a late repeat does not make a good reading uncertain);
- anything else: **revised**, the newest received wins, and what it replaces goes to
  ingest.reading_revisions.
So of two rows with one key in one write the last wins, and the earlier one counts by what it met.
A reading of a closed month is **late**: it waits beside what was closed (late_values).

Belongs here: writing readings and touching their business dates, for the API and the files
alike. Not here: parsing (services/adapters), files (landing), batches (batches).
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import LiteralString

import msgspec
import pandas as pd
import psycopg

from domain.devices import REGISTER_METRICS
from domain.malls import MallClock
from services.adapters.directory import MallEntry
from services.operations.late_values import (
    enter_months,
    keep_late_readings,
    month_of,
    settle_waiting,
)
from storage.database import ensure_month_partitions

# Up to here arrays in one statement beat a COPY and a second statement.
ROWS_AS_ARRAYS = 20_000
REGISTERS: frozenset[str] = frozenset(REGISTER_METRICS)
MOMENT = timedelta(microseconds=1)

# Batches above this are tried as all new first: asking for conflicts row by row costs Postgres as
# much again as the insert itself.
ROWS_TRIED_AS_NEW = 50

INSERT: LiteralString = """
INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value, quality,
                             received_at, file_id, batch_id)
SELECT device_id, metric, interval_start, interval_end, value, quality,
       %s::timestamptz, %s::bigint, %s::bigint
"""
FROM_ARRAYS: LiteralString = """
FROM unnest(%s::text::bigint[], %s::text::text[], %s::text::timestamptz[],
            %s::text::timestamptz[], %s::text::numeric[], %s::text::text[])
     AS came (device_id, metric, interval_start, interval_end, value, quality)
"""
FROM_INCOMING: LiteralString = "FROM pg_temp.incoming"
# A whole batch that comes again is known by its ends, before it makes an error of itself.
UNLESS_KNOWN: LiteralString = """
WHERE NOT EXISTS (
    SELECT FROM ingest.readings
    WHERE (device_id, metric, interval_start)
          IN ((%s::bigint, %s::text, %s::timestamptz), (%s::bigint, %s::text, %s::timestamptz))
)
"""
# One order of keys for all writers: two of them cannot wait for each other.
IN_ORDER: LiteralString = " ORDER BY device_id, metric, interval_start "
SKIP_KNOWN: LiteralString = " ON CONFLICT DO NOTHING"
CREATE_INCOMING: LiteralString = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
    place bigint, device_id bigint, metric text, interval_start timestamptz,
    interval_end timestamptz, value numeric, quality text
) ON COMMIT DELETE ROWS
"""
COPY_INCOMING: LiteralString = """
COPY pg_temp.incoming (place, device_id, metric, interval_start, interval_end, value, quality)
FROM STDIN
"""
# How the rows count, and the change of what they revise: Postgres' own function, since who hands
# in readings may change none.
SETTLE_ARRAYS: LiteralString = """
SELECT place, outcome FROM ingest.settle_readings(
    %s::text::bigint[], %s::text::text[], %s::text::timestamptz[], %s::text::timestamptz[],
    %s::text::numeric[], %s::text::text[], %s::timestamptz, %s::bigint, %s::bigint)
"""
SETTLE_INCOMING: LiteralString = """
SELECT settled.place, settled.outcome
FROM (SELECT array_agg(device_id ORDER BY place), array_agg(metric ORDER BY place),
             array_agg(interval_start ORDER BY place), array_agg(interval_end ORDER BY place),
             array_agg(value ORDER BY place), array_agg(quality ORDER BY place)
      FROM pg_temp.incoming) AS came (devices, metrics, starts, ends, amounts, qualities),
     ingest.settle_readings(devices, metrics, starts, ends, amounts, qualities,
                            %s::timestamptz, %s::bigint, %s::bigint) AS settled
"""


@dataclass(frozen=True, slots=True)
class ReadingRows:
    """Columns of equal length; instants are aware, values finite decimals or their text."""

    device_id: Sequence[int]
    metric: Sequence[str]
    interval_start: Sequence[datetime]
    interval_end: Sequence[datetime]
    value: Sequence[Decimal | str]
    quality: Sequence[str]

    def __len__(self) -> int:
        return len(self.device_id)

    def columns(self) -> tuple[Sequence[object], ...]:
        return (
            self.device_id,
            self.metric,
            self.interval_start,
            self.interval_end,
            self.value,
            self.quality,
        )

    def taken(self, places: Sequence[int]) -> "ReadingRows":
        """The rows at these places, in this order."""
        return ReadingRows(
            device_id=[self.device_id[n] for n in places],
            metric=[self.metric[n] for n in places],
            interval_start=[self.interval_start[n] for n in places],
            interval_end=[self.interval_end[n] for n in places],
            value=[self.value[n] for n in places],
            quality=[self.quality[n] for n in places],
        )

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> "ReadingRows":
        """Rows of a frame with the columns of services.adapters.tables.FRAME_COLUMNS."""
        return cls(
            device_id=frame["device_id"].tolist(),
            metric=frame["metric"].tolist(),
            interval_start=list(frame["interval_start"].dt.to_pydatetime()),
            interval_end=list(frame["interval_end"].dt.to_pydatetime()),
            value=frame["value"].tolist(),
            quality=frame["quality"].tolist(),
        )


@dataclass(frozen=True, slots=True)
class Written:
    """How the rows counted; accepted + duplicate + revised + late = rows. `outcomes` names the
    place (from 0) of each row that was not accepted, as `duplicate`, `revised` or `late`.
    """

    accepted: int = 0
    duplicate: int = 0
    revised: int = 0
    late: int = 0
    outcomes: dict[int, str] = field(default_factory=dict)


def write_readings(
    connection: psycopg.Connection,
    rows: ReadingRows,
    *,
    mall: MallEntry,
    received_at: datetime,
    file_id: int | None = None,
    batch_id: int | None = None,
) -> Written:
    """Write readings of one mall inside the caller's transaction; how they counted.

    Exactly one of `file_id` and `batch_id` names the source, and it is new in this transaction:
    by it the rows of this write are known. One connection serves one thread. Missing monthly
    partitions are made; business dates that changed are touched.
    Raises psycopg.Error; then nothing of the transaction holds.
    """
    if (file_id is None) == (batch_id is None):
        raise ValueError("name the file or the batch that the readings came in, one of them")
    if not len(rows):
        return Written()
    days = touched_days(rows, mall.clock)
    # Before any row is held: who closes a month waits for whoever entered it.
    unsettled = enter_months(connection, mall_id=mall.mall_id, days=days)
    source = _Source(mall, received_at, file_id, batch_id)
    if unsettled:
        return _write_around(connection, rows, source, unsettled)
    return _write_open(connection, rows, source, days)


@dataclass(frozen=True, slots=True)
class _Source:
    mall: MallEntry
    received_at: datetime
    file_id: int | None
    batch_id: int | None


def _write_around(
    connection: psycopg.Connection,
    rows: ReadingRows,
    source: _Source,
    unsettled: Mapping[date, bool],
) -> Written:
    """Write what belongs to open months and keep the rest as late, row by row."""
    clock, mall_id = source.mall.clock, source.mall.mall_id
    months = [month_of(clock.business_date(start)) for start in rows.interval_start]
    late = [place for place, month in enumerate(months) if unsettled.get(month)]
    rest = [place for place, month in enumerate(months) if not unsettled.get(month)]
    outcomes: dict[int, str] = {}
    if late:
        kept = rows.taken(late)
        found = keep_late_readings(
            connection,
            mall_id=mall_id,
            months=[months[place] for place in late],
            columns=kept.columns(),
            received_at=source.received_at,
            file_id=source.file_id,
            batch_id=source.batch_id,
        )
        outcomes |= {late[place]: outcome for place, outcome in found.items()}
    written = Written()
    if rest:
        open_ = rows.taken(rest)
        opened_again = [month for month, is_closed in unsettled.items() if not is_closed]
        if opened_again:
            keys = zip(open_.device_id, open_.metric, open_.interval_start, strict=True)
            settle_waiting(
                connection,
                mall_id=mall_id,
                months=opened_again,
                now=source.received_at,
                keys=list(keys),
            )
        written = _write_open(connection, open_, source, touched_days(open_, clock))
        outcomes |= {rest[place]: outcome for place, outcome in written.outcomes.items()}
    waiting = sum(outcome == "late" for outcome in outcomes.values())
    return replace(
        written,
        duplicate=written.duplicate + len(late) - waiting,
        late=waiting,
        outcomes=dict(sorted(outcomes.items())),
    )


def _write_open(
    connection: psycopg.Connection, rows: ReadingRows, origin: _Source, days: Sequence[date]
) -> Written:
    """Write rows of which none is late."""
    first, last = min(rows.interval_start), max(rows.interval_start)
    ensure_month_partitions(connection, first.astimezone(UTC).date(), last.astimezone(UTC).date())
    source: tuple[object, ...] = (origin.received_at, origin.file_id, origin.batch_id)
    arrays: tuple[object, ...] = ()
    if len(rows) <= ROWS_AS_ARRAYS:
        arrays = array_literals(rows)
        where, settle = FROM_ARRAYS, SETTLE_ARRAYS
    else:
        _copy_incoming(connection, rows)
        where, settle = FROM_INCOMING, SETTLE_INCOMING
    given = (*source, *arrays)
    accepted = 0
    if len(rows) > ROWS_TRIED_AS_NEW:
        ends = [
            column[place]
            for place in (0, -1)
            for column in (rows.device_id, rows.metric, rows.interval_start)
        ]
        accepted = _insert_new(
            connection, INSERT + where + UNLESS_KNOWN + IN_ORDER, (*given, *ends)
        )
    if not accepted:
        accepted = connection.execute(INSERT + where + IN_ORDER + SKIP_KNOWN, given).rowcount
    outcomes: dict[int, str] = {}
    if accepted < len(rows):
        outcomes = dict(connection.execute(settle, (*arrays, *source)).fetchall())
    revised = sum(outcome == "revised" for outcome in outcomes.values())
    if accepted or revised:
        touch_dates(connection, mall_id=origin.mall.mall_id, days=days, now=origin.received_at)
    return Written(
        accepted=accepted,
        duplicate=len(outcomes) - revised,
        revised=revised,
        outcomes=outcomes,
    )


def _insert_new(
    connection: psycopg.Connection, statement: LiteralString, given: Sequence[object]
) -> int:
    """Rows inserted: all of them, or none because one is there already."""
    try:
        with connection.transaction():
            return connection.execute(statement, given).rowcount
    except psycopg.errors.UniqueViolation:
        return 0


def touch_dates(
    connection: psycopg.Connection, *, mall_id: int, days: Sequence[date], now: datetime
) -> None:
    """Say that readings of these business dates changed: they wait for cleaning."""
    connection.execute("SELECT ingest.touch_dates(%s, %s::date[], %s)", (mall_id, list(days), now))


def touched_days(rows: ReadingRows, clock: MallClock) -> list[date]:
    """Business dates of the readings, in order.

    A register read at the very start of a day also closes the day before.
    """
    starts = rows.interval_start
    margin = MOMENT if not REGISTERS.isdisjoint(rows.metric) else timedelta(0)
    day = clock.business_date(min(starts) - margin)
    final = clock.business_date(max(starts))
    if day == final:
        return [day]
    ordered = sorted(starts)
    days = []
    while day <= final:
        begins, ends = clock.business_day(day)
        at = bisect_left(ordered, begins)
        if at < len(ordered) and ordered[at] < ends + margin:
            days.append(day)
        day += timedelta(days=1)
    return days


def array_literals(rows: ReadingRows) -> tuple[str, ...]:
    """The columns as array literals: Postgres parses them faster than psycopg builds arrays.
    Nothing here needs escaping: numbers, times and words of the domain.
    """
    starts = _times(rows.interval_start)
    ends = starts if rows.interval_end is rows.interval_start else _times(rows.interval_end)
    columns = (
        ",".join(map(str, rows.device_id)),
        ",".join(rows.metric),
        starts,
        ends,
        ",".join(map(str, rows.value)),
        ",".join(rows.quality),
    )
    return tuple(f"{{{column}}}" for column in columns)


def _times(instants: Sequence[datetime]) -> str:
    """`"2026-03-01T00:00:00Z","…"`: msgspec writes times fifteen times faster than isoformat."""
    return msgspec.json.encode(instants)[1:-1].decode()


def _copy_incoming(connection: psycopg.Connection, rows: ReadingRows) -> None:
    with connection.cursor() as cursor:
        cursor.execute(CREATE_INCOMING)
        cursor.execute("TRUNCATE pg_temp.incoming")
        columns = zip(
            rows.device_id,
            rows.metric,
            _times(rows.interval_start)[1:-1].split('","'),
            _times(rows.interval_end)[1:-1].split('","'),
            rows.value,
            rows.quality,
            strict=True,
        )
        lines = [
            f"{place}\t{device}\t{metric}\t{start}\t{end}\t{value}\t{quality}\n"
            for place, (device, metric, start, end, value, quality) in enumerate(columns)
        ]
        with cursor.copy(COPY_INCOMING) as copy:
            for at in range(0, len(lines), ROWS_AS_ARRAYS):
                copy.write("".join(lines[at : at + ROWS_AS_ARRAYS]))
        if len(lines) > ROWS_AS_ARRAYS:
            cursor.execute("ANALYZE pg_temp.incoming")
