"""Bills as rows: encoded once, hashed as they are written, sent to Postgres by COPY.

Belongs here: bytes. What a bill holds is computed in `domain.bill_run`; whether it is written
is decided in `services.operations.billing`.

The encoding is canonical: fields in a fixed order, decimals as they were computed. What is
hashed is what is stored, without the ids and numbers that the database hands out.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import LiteralString

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

import domain
from domain.bill_inputs import BillRunInputs
from domain.bill_lines.line import Line
from domain.bill_run import Bill
from domain.bills import BillState, bill_number
from domain.calendar import Period
from domain.money import ZERO

Connection = psycopg.Connection[TupleRow]

# Bills sent to Postgres at once.
BATCH = 1000

_json = msgspec.json.Encoder(decimal_format="string", order="deterministic")

BILL_COLUMNS: LiteralString = (
    "id, mall_id, bill_run_id, number, due_date, created_at, state, shop_id, contract_id, "
    "period_start, period_end, currency, net_amount, tax_amount, total_amount"
)
LINE_COLUMNS: LiteralString = (
    "bill_id, line_number, charge_type, clause_id, period_start, period_end, quantity, unit, "
    "net_amount, tax_rate, tax_amount, total_amount, derivation"
)
# Row security lets no COPY in, so rows come by way of tables that only this session has.
_COLUMNS = {"bills": sql.SQL(BILL_COLUMNS), "lines": sql.SQL(LINE_COLUMNS)}
INCOMING = sql.SQL("""
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_bills ON COMMIT DELETE ROWS
    AS SELECT {bills} FROM app.bills WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_lines ON COMMIT DELETE ROWS
    AS SELECT {lines} FROM app.bill_lines WITH NO DATA;
TRUNCATE incoming_bills, incoming_lines
""").format(**_COLUMNS)
COPY_BILLS = sql.SQL("COPY pg_temp.incoming_bills ({bills}) FROM STDIN").format(**_COLUMNS)
COPY_LINES = sql.SQL("COPY pg_temp.incoming_lines ({lines}) FROM STDIN").format(**_COLUMNS)
WRITE_BILLS = sql.SQL(
    "INSERT INTO app.bills ({bills}) SELECT {bills} FROM pg_temp.incoming_bills"
).format(**_COLUMNS)
WRITE_LINES = sql.SQL(
    "INSERT INTO app.bill_lines ({lines}) SELECT {lines} FROM pg_temp.incoming_lines"
).format(**_COLUMNS)


@dataclass(frozen=True, slots=True)
class EncodedBill:
    """Rows of one bill in COPY's text format, without what only the database knows."""

    contract_id: int
    payment_term_days: int
    total: Decimal
    bill: bytes
    lines: tuple[bytes, ...]


def encode_bill(bill: Bill, *, payment_term_days: int) -> EncodedBill:
    month = _days(bill.period)
    return EncodedBill(
        bill.contract_id,
        payment_term_days,
        bill.total,
        (
            f"{bill.shop_id}\t{bill.contract_id}\t{month}\t{bill.currency}\t"
            f"{bill.net!s}\t{bill.tax!s}\t{bill.total!s}\n"
        ).encode(),
        tuple(
            [
                _encode_line(at, line, month if line.period is bill.period else _days(line.period))
                for at, line in enumerate(bill.lines, start=1)
            ]
        ),
    )


def _encode_line(number: int, line: Line, days: str) -> bytes:
    row = (
        f"{number}\t{line.charge_type.value}\t{line.clause_id}\t{days}\t"
        f"{line.quantity!s}\t{line.unit}\t{line.net!s}\t{line.tax_rate!s}\t{line.tax!s}\t"
        f"{line.total!s}\t"
    )
    derivation = _json.encode(line.derivation)
    return b"%s%s\n" % (row.encode(), derivation.replace(b"\\", b"\\\\"))


def _days(period: Period) -> str:
    return f"{period.first!s}\t{period.last!s}"


class OutputHash:
    """SHA-256 over every bill computed, in the order of computing."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, bills: Sequence[EncodedBill]) -> None:
        for bill in bills:
            self._sha256.update(bill.bill)
            self._sha256.update(b"".join(bill.lines))

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def input_sha256(inputs: BillRunInputs) -> str:
    """SHA-256 over everything the run looks at, lease by lease."""
    sha256 = hashlib.sha256()
    sha256.update(_json.encode((inputs.mall_id, inputs.month, inputs.tariffs)))
    for contract in inputs.contracts:
        sha256.update(_json.encode(contract))
    return sha256.hexdigest()


@lru_cache(maxsize=1)
def code_version() -> str:
    """Names the rules: a hash over the source of the domain."""
    root = Path(domain.__file__).parent
    sha256 = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        sha256.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return sha256.hexdigest()[:16]


def copy_bills(
    connection: Connection,
    bills: Sequence[EncodedBill],
    *,
    mall_id: int,
    bill_run_id: int,
    month: date,
    first_sequence: int,
    issue_date: date,
    now: datetime,
) -> None:
    """Write bills as DRAFT with numbers from `first_sequence` on, and their lines."""
    ids = [
        row[0]
        for row in connection.execute(
            "SELECT nextval(pg_get_serial_sequence('app.bills', 'id')) FROM generate_series(1, %s)",
            (len(bills),),
        )
    ]
    with connection.cursor() as cursor:
        cursor.execute(INCOMING)
        with cursor.copy(COPY_BILLS) as copy:
            copy.write(
                b"".join(
                    f"{bill_id}\t{mall_id}\t{bill_run_id}\t"
                    f"{bill_number(month, first_sequence + at)}\t"
                    f"{issue_date + timedelta(days=bill.payment_term_days)}\t"
                    f"{now.isoformat()}\t{BillState.DRAFT.value}\t".encode()
                    + bill.bill
                    for at, (bill_id, bill) in enumerate(zip(ids, bills, strict=True))
                )
            )
        with cursor.copy(COPY_LINES) as copy:
            copy.write(
                b"".join(
                    b"%d\t" % bill_id + line
                    for bill_id, bill in zip(ids, bills, strict=True)
                    for line in bill.lines
                )
            )
        cursor.execute(WRITE_BILLS)
        cursor.execute(WRITE_LINES)


class BillWriter:
    """Writes a run's bills in batches: Postgres stores one while the next is computed.

    COPY runs in a thread of its own. It and the caller share one connection, so the caller
    does not use it between `write` and `finish`. A dry run only counts.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        mall_id: int,
        month: Period,
        issue_date: date,
        now: datetime,
        bill_run_id: int | None,
    ) -> None:
        self._connection = connection
        self._mall_id = mall_id
        self._month = month
        self._issue_date = issue_date
        self._now = now
        self._bill_run_id = bill_run_id
        self._waiting: list[EncodedBill] = []
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._sent: Future[None] | None = None
        self._sequence = 0 if bill_run_id is None else _next_sequence(connection, mall_id, month)
        self.created = 0
        self.total = ZERO

    def __enter__(self) -> "BillWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)

    def write(self, bills: Sequence[EncodedBill]) -> None:
        for bill in bills:
            self.created += 1
            self.total += bill.total
        if self._bill_run_id is not None:
            self._waiting += bills
            if len(self._waiting) >= BATCH:
                self._send()

    def finish(self) -> None:
        """Send the rest and wait until all of it is stored. Raises what COPY raised."""
        if self._waiting:
            self._send()
        self._wait()

    def _wait(self) -> None:
        if self._sent is not None:
            self._sent.result()
            self._sent = None

    def _send(self) -> None:
        self._wait()
        assert self._bill_run_id is not None
        self._sent = self._thread.submit(
            copy_bills,
            self._connection,
            self._waiting,
            mall_id=self._mall_id,
            bill_run_id=self._bill_run_id,
            month=self._month.first,
            first_sequence=self._sequence,
            issue_date=self._issue_date,
            now=self._now,
        )
        self._sequence += len(self._waiting)
        self._waiting = []


def _next_sequence(connection: Connection, mall_id: int, month: Period) -> int:
    row = connection.execute(
        "SELECT coalesce(max(split_part(number, '-', 2)::bigint), 0) + 1 FROM app.bills "
        "WHERE mall_id = %s AND period_start = %s",
        (mall_id, month.first),
    ).fetchone()
    assert row is not None
    return int(row[0])
