"""Fingerprints of tables: how many rows, and a checksum of what stands in them.

Belongs here: computing and comparing them. The checksum is the sum of a hash of every row,
computed by the server, whatever the order of rows. Values that are equal (`1.0` and `1.00`) hash
alike. Tables with a column that has no hash (`json`, `xml`) are hashed as text.

A physical backup shows the moment it ended, which no snapshot can be taken at. So fingerprints
are taken twice: in a snapshot from before the backup, and again after its end. A table in which
both agree stood still over the whole backup, and must be restored exactly so; one in which they
differ was written to meanwhile and is marked as moving: it must exist, and where rows are only
ever added their number must lie between the two counts. Where no transaction wrote anything in
between, the first fingerprints are the second ones.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
import psycopg
from psycopg import sql

SCHEMAS = ("app", "ingest", "audit", "staging", "marts")

# Tables of these names and their partitions only ever grow.
GROWING = (
    "ingest.readings",
    "ingest.reading_revisions",
    "ingest.files",
    "ingest.batches",
    "audit.",
)

# PostgreSQL joins the hashes of a row's columns by multiplying and adding, so that the sum over
# rows would not notice two rows that swapped a value. A second hash of the whole breaks that; it
# takes the first one as a float (53 of its 64 bits) because the one for integers keeps but 32.
HASHED_ROW = sql.SQL("hashfloat8extended(hash_record_extended(t, 0)::float8, 0)")
HASHED_TEXT = sql.SQL("hashtextextended(t::text, 0)")
UNHASHABLE = ("json", "_json", "xml", "_xml")


class Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rows` and `checksum` before the backup; `rows_after` counts the rows after it, and
    `is_moving` tells that the two fingerprints differ.
    """

    rows: int
    checksum: str
    rows_after: int
    is_moving: bool


class Snapshot:
    """One unchanging view of the database, for as long as its connection is open."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._settled, self._next = self._transactions()

    def fingerprints(self) -> dict[str, Fingerprint]:
        """Of every table of SCHEMAS, partitions one by one, as if nothing moved."""
        return {
            f"{schema}.{name}": self._fingerprint(schema, name, is_hashable)
            for schema, name, is_hashable in self._tables()
        }

    def nothing_written_since(self, earlier: "Snapshot") -> bool:
        """Whether no transaction of the whole server wrote between `earlier` and this one.

        Whoever writes takes a transaction number; if none was open then and none was handed
        out since, nobody wrote.
        """
        return earlier._settled == earlier._next == self._next

    def _transactions(self) -> tuple[int, int]:
        """The oldest transaction number still in progress, and the next to be handed out."""
        row = self._connection.execute(
            "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint "
            "FROM pg_current_snapshot() AS now"
        ).fetchone()
        if row is None:
            raise AssertionError("a snapshot is one row")
        return int(row[0]), int(row[1])

    def _tables(self) -> list[tuple[str, str, bool]]:
        return self._connection.execute(
            """
            SELECT n.nspname, c.relname, NOT EXISTS (
                SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                  AND t.typname = ANY (%(unhashable)s)
            )
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'm') AND n.nspname = ANY (%(schemas)s)
            ORDER BY 1, 2
            """,
            {"schemas": list(SCHEMAS), "unhashable": list(UNHASHABLE)},
        ).fetchall()

    def _fingerprint(self, schema: str, name: str, is_hashable: bool) -> Fingerprint:
        query = sql.SQL("SELECT count(*), coalesce(sum({hashed}), 0)::text FROM {table} AS t")
        row = self._connection.execute(
            query.format(
                hashed=HASHED_ROW if is_hashable else HASHED_TEXT,
                table=sql.Identifier(schema, name),
            )
        ).fetchone()
        if row is None:
            raise AssertionError("an aggregate is one row")
        return Fingerprint(rows=row[0], checksum=row[1], rows_after=row[0], is_moving=False)


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """A view of the database at `url` as it is now.

    Row security is off: a role that may not see every row gets an error, not a part.
    """
    options = (
        "-c timezone=UTC -c row_security=off -c max_parallel_workers_per_gather=2 "
        "-c extra_float_digits=1 -c statement_timeout=0 -c jit=off"
    )
    with psycopg.connect(url, options=options) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield Snapshot(connection)


def settle(
    before: Mapping[str, Fingerprint], after: Mapping[str, Fingerprint]
) -> dict[str, Fingerprint]:
    """Both fingerprints of every table as one; tables that came or went between are moving."""
    nothing = Fingerprint(rows=0, checksum="0", rows_after=0, is_moving=False)
    return {
        name: msgspec.structs.replace(
            before.get(name, nothing),
            rows_after=after.get(name, nothing).rows,
            is_moving=before.get(name) != after.get(name),
        )
        for name in sorted(before.keys() | after.keys())
    }


def differences(
    expected: Mapping[str, Fingerprint], restored: Mapping[str, Fingerprint]
) -> Iterator[str]:
    """What is wrong with restored tables, one sentence each; nothing when all is as it was."""
    for name, table in expected.items():
        found = restored.get(name)
        if found is None:
            if not table.is_moving:
                yield f"{name} is missing; it had {table.rows} rows"
        elif not table.is_moving and found.rows != table.rows:
            yield f"{name} has {found.rows} rows; it had {table.rows}"
        elif not table.is_moving and found.checksum != table.checksum:
            yield f"{name} has its {table.rows} rows, but not with the values it had"
        elif (
            table.is_moving
            and name.startswith(GROWING)
            and not table.rows <= found.rows <= table.rows_after
        ):
            yield (
                f"{name} has {found.rows} rows; it grew from {table.rows} to {table.rows_after} "
                "during the backup"
            )
    for name in restored.keys() - expected.keys():
        yield f"{name} was not there"
