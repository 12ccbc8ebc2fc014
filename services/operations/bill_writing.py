"""Bills as rows: encoded once, hashed as they are written, sent to Postgres by COPY.

Belongs here: bytes. What a bill holds is computed in `domain.bill_run`; whether it is written
is decided in `services.operations.billing`.

The encoding is canonical: fields in a fixed order, decimals as they were computed. What is
hashed is what is stored, without the ids and numbers that the database hands out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import msgspec
import psycopg
from psycopg.rows import TupleRow

import domain
from domain.bill_inputs import BillRunInputs
from domain.bill_run import Bill
from domain.bills import BillState, bill_number

_json = msgspec.json.Encoder(decimal_format="string", order="deterministic")

COPY_BILLS = """
    COPY app.bills (id, mall_id, bill_run_id, number, due_date, created_at, state, shop_id,
                    contract_id, period_start, period_end, currency, net_amount, tax_amount,
                    total_amount) FROM STDIN
"""
COPY_LINES = """
    COPY app.bill_lines (bill_id, line_number, charge_type, clause_id, period_start, period_end,
                         quantity, unit, net_amount, tax_rate, tax_amount, total_amount,
                         derivation) FROM STDIN
"""


@dataclass(frozen=True, slots=True)
class EncodedBill:
    """Rows of one bill in COPY's text format, without what only the database knows."""

    contract_id: int
    payment_term_days: int
    total: Decimal
    bill: bytes
    lines: tuple[bytes, ...]


def encode_bill(bill: Bill, *, payment_term_days: int) -> EncodedBill:
    return EncodedBill(
        bill.contract_id,
        payment_term_days,
        bill.total,
        (
            f"{bill.shop_id}\t{bill.contract_id}\t{bill.period.first}\t{bill.period.last}\t"
            f"{bill.currency}\t{bill.net}\t{bill.tax}\t{bill.total}\n"
        ).encode(),
        tuple(
            (
                f"{at}\t{line.charge_type.value}\t{line.clause_id}\t{line.period.first}\t"
                f"{line.period.last}\t{line.quantity}\t{line.unit}\t{line.net}\t{line.tax_rate}\t"
                f"{line.tax}\t{line.total}\t"
            ).encode()
            + _json.encode(line.derivation).replace(b"\\", b"\\\\")
            + b"\n"
            for at, line in enumerate(bill.lines, start=1)
        ),
    )


class OutputHash:
    """SHA-256 over every bill computed, in the order of computing."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, bill: EncodedBill) -> None:
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
    connection: psycopg.Connection[TupleRow],
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
