"""Fingerprints of tables: how many rows, and a checksum of what stands in them.

Belongs here: computing and comparing them. The checksum is the sum of a hash of every row,
computed by the server, whatever the order of rows. Values that are equal (`1.0` and `1.00`) hash
alike. Tables with a column that has no hash (`json`, `xml`) are hashed as text.

A physical backup shows the moment it ended, which no snapshot can be taken at. So fingerprints
are taken twice: in a snapshot from before the backup, and again after its end. A table in which
both agree stood still over the whole backup, and must be restored exactly so; one in which they
differ was written to meanwhile and is marked as moving: it must exist, and where rows are only
ever added their number must lie between the two counts.

Hashing costs; most of a mall's rows never change. So a table is only hashed again when it may have
changed since it last was: it has another layout, another number of rows, or a row that a
transaction wrote which had not ended by then (`horizon`). With no such row and as many rows as
before, no row came, changed or went. Should this ever be wrong, the proof fails, for there every
table is hashed anew; after a failed proof nothing is carried over.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

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
# Transaction numbers of 32 bits, as rows carry them, are compared over half their circle.
COMPARABLE = 2**31 - 10_000_000
UNHASHABLE = ("json", "_json", "xml", "_xml")


class Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rows` and `checksum` before the backup; `rows_after` counts the rows after it, and
    `is_moving` tells that the two fingerprints differ. `layout` is a hash of the columns.
    """

    rows: int
    checksum: str
    rows_after: int
    is_moving: bool
    layout: str


class Known(msgspec.Struct, frozen=True):
    """Fingerprints of an earlier snapshot; every transaction before `horizon` had ended then."""

    tables: Mapping[str, Fingerprint]
    horizon: int


class Table(NamedTuple):
    schema: str
    name: str
    is_hashable: bool
    layout: str

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


class Snapshot:
    """One unchanging view of the database, for as long as its connection is open.

    Every transaction numbered before `horizon` had ended, none from `following` on had; both
    numbers have 64 bits.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        row = connection.execute(
            "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint "
            "FROM pg_current_snapshot() AS now"
        ).fetchone()
        if row is None:
            raise AssertionError("a snapshot is one row")
        self.horizon: int = row[0]
        self.following: int = row[1]

    def fingerprints(self, known: Known | None = None) -> dict[str, Fingerprint]:
        """Of every table of SCHEMAS, partitions one by one, as if nothing moved.

        Those that cannot have changed since `known` are taken from it.
        """
        if known is not None and not 0 <= self.following - known.horizon < COMPARABLE:
            known = None
        return {
            f"{table.schema}.{table.name}": self._unchanged(table, known)
            or self._fingerprint(table)
            for table in self._tables()
        }

    def audit_head(self) -> tuple[int, str] | None:
        """(seq, hash) of the last event of the audit's chain; None before there is an audit."""
        known = self._connection.execute("SELECT to_regclass('audit.head')").fetchone()
        if known is None or known[0] is None:
            return None
        return self._connection.execute("SELECT seq, hash FROM audit.head").fetchone()

    def audit_hash(self, seq: int) -> str | None:
        """The hash that event `seq` carries; None without such an event."""
        row = self._connection.execute(
            "SELECT hash FROM audit.events WHERE seq = %s", (seq,)
        ).fetchone()
        return row[0] if row else None

    def nothing_written_since(self, earlier: "Snapshot") -> bool:
        """Whether both see the same: no transaction that wrote, anywhere on the server, has ended
        in between.

        Whoever writes takes a transaction number. If all before `following` had ended then and
        that is still the first that has not, none ended since.
        """
        return earlier.horizon == earlier.following == self.following

    def _tables(self) -> list[Table]:
        rows = self._connection.execute(
            """
            SELECT n.nspname, c.relname, NOT bool_or(t.typname = ANY (%(unhashable)s)),
                   md5(string_agg(
                       concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod,
                                 a.attisdropped, a.attmissingval::text),
                       ',' ORDER BY a.attnum))
            FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            LEFT JOIN pg_type t ON t.oid = a.atttypid
            WHERE c.relkind IN ('r', 'm') AND n.nspname = ANY (%(schemas)s)
            GROUP BY 1, 2
            ORDER BY 1, 2
            """,
            {"schemas": list(SCHEMAS), "unhashable": list(UNHASHABLE)},
        )
        return [Table(*row) for row in rows]

    def _unchanged(self, table: Table, known: Known | None) -> Fingerprint | None:
        """The known fingerprint of a table that cannot have changed since, else None."""
        before = known.tables.get(f"{table.schema}.{table.name}") if known else None
        if known is None or before is None or before.layout != table.layout:
            return None
        row = self._connection.execute(
            sql.SQL(
                "SELECT count(*), count(*) FILTER (WHERE age(xmin) <= (SELECT age(%s::xid))) "
                "FROM {}"
            ).format(table.identifier),
            (str(known.horizon % 2**32),),
        ).fetchone()
        if row != (before.rows, 0):
            return None
        return msgspec.structs.replace(before, rows_after=before.rows, is_moving=False)

    def _fingerprint(self, table: Table) -> Fingerprint:
        query = sql.SQL("SELECT count(*), coalesce(sum({hashed}), 0)::text FROM {table} AS t")
        row = self._connection.execute(
            query.format(
                hashed=HASHED_ROW if table.is_hashable else HASHED_TEXT, table=table.identifier
            )
        ).fetchone()
        if row is None:
            raise AssertionError("an aggregate is one row")
        return Fingerprint(row[0], row[1], row[0], False, table.layout)


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
    nothing = Fingerprint(rows=0, checksum="0", rows_after=0, is_moving=False, layout="")
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
