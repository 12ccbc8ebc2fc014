"""The bill run of a mall's month, and the issue of its bills.

Belongs here: what is locked, read, held back and written, in the caller's transaction: a run
that is killed leaves nothing. Not here: what is charged (`domain.bill_run`) and what holds a
shop back (`domain.gates`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from domain.bill_inputs import BillRunInputs, ContractInput
from domain.bill_run import Bill, compute_bill
from domain.bills import BillEvent, BillRunState, BillState, advance
from domain.calendar import Period, month_of
from domain.gates import Failure, Gate, check_gates
from domain.money import ZERO
from services.operations.bill_writing import (
    BillWriter,
    EncodedBill,
    OutputHash,
    code_version,
    encode_bill,
    input_sha256,
)
from services.operations.billing_gates import overridden_gates, store_gates
from services.queries.bill_inputs import read_bill_inputs

Connection = psycopg.Connection[TupleRow]


class MallNotFound(Exception):
    """No such mall."""


@dataclass(frozen=True, slots=True)
class HeldBill:
    """A shop whose bills wait, and the gates that hold them."""

    shop_code: str
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class BillRunResult:
    """`contracts` in force in the month; `created` bills by this run, `existing` before it;
    `total` is the sum of both. The hashes cover every bill computed, held ones too.
    `bill_run_id` is None for a dry run.
    """

    bill_run_id: int | None
    input_sha256: str
    output_sha256: str
    contracts: int
    created: int
    existing: int
    held: tuple[HeldBill, ...]
    total: Decimal


@dataclass(frozen=True, slots=True)
class IssueResult:
    """Bills issued now, and the sum of their totals."""

    issued: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class _ShopBills:
    """One shop's leases of a month with the bills computed and the gates that do not hold."""

    shop_id: int
    shop_code: str
    bills: tuple[EncodedBill, ...]
    new: tuple[EncodedBill, ...]
    failures: tuple[Failure, ...]


def run_bills(
    session: Session,
    *,
    mall_id: int,
    month: date,
    now: datetime,
    run_id: str = "",
    dry_run: bool = False,
) -> BillRunResult:
    """Compute the bills of a mall's month and write as DRAFT those that are not there yet.

    `month` is any day of the month. Runs of one mall wait for each other. A shop with
    a failing gate that nobody overrode gets no bill; the gate stands in app.billing_gates. A
    second run creates nothing, and returns the earlier run when its inputs are the same too. A
    dry run writes nothing and gives the same result. Raises MallNotFound.
    """
    connection = _driver_connection(session)
    days = month_of(month)
    _lock(connection, mall_id)
    issue_date = _local_date(connection, mall_id, now)
    inputs = read_bill_inputs(connection, mall_id=mall_id, month=days, now=now)
    return bill_inputs(
        connection, inputs, issue_date=issue_date, now=now, run_id=run_id, dry_run=dry_run
    )


def bill_inputs(
    connection: Connection,
    inputs: BillRunInputs,
    *,
    issue_date: date,
    now: datetime,
    run_id: str = "",
    dry_run: bool = False,
) -> BillRunResult:
    """`run_bills` after its inputs were read, under the lock of the mall."""
    existing = _existing_totals(connection, inputs.mall_id, inputs.month)
    overridden = overridden_gates(connection, inputs.mall_id, inputs.month)
    input_hash = input_sha256(inputs)
    bill_run_id = None if dry_run else _insert_run(connection, inputs, input_hash, run_id, now)
    held: list[HeldBill] = []
    failures: dict[int, tuple[Failure, ...]] = {}
    output = OutputHash()
    with BillWriter(
        connection,
        mall_id=inputs.mall_id,
        month=inputs.month,
        issue_date=issue_date,
        now=now,
        bill_run_id=bill_run_id,
    ) as writer:
        for shop in _compute_shops(inputs, existing.keys()):
            output.add(shop.bills)
            if shop.failures:
                failures[shop.shop_id] = shop.failures
            holding = tuple(
                failure.gate
                for failure in shop.failures
                if (shop.shop_id, failure.gate) not in overridden
            )
            if holding:
                held.append(HeldBill(shop.shop_code, holding))
            else:
                writer.write(shop.new)
        writer.finish()
    result = BillRunResult(
        bill_run_id,
        input_hash,
        output.hexdigest(),
        len(inputs.contracts),
        writer.created,
        len(existing),
        tuple(held),
        writer.total + sum(existing.values(), ZERO),
    )
    if bill_run_id is None:
        return result
    store_gates(connection, inputs.mall_id, inputs.month, failures, now)
    kept = _finish_run(connection, bill_run_id, result, writer.total, now)
    return replace(result, bill_run_id=kept)


def _compute_shops(inputs: BillRunInputs, billed: Iterable[int]) -> Iterator[_ShopBills]:
    """Shop by shop: all bills, those of leases not `billed` yet, and the gates of the latter."""
    billed = frozenset(billed)
    for shop_id, leases in groupby(inputs.contracts, key=lambda contract: contract.shop_id):
        bills: list[EncodedBill] = []
        new: list[EncodedBill] = []
        failures: dict[Gate, Failure] = {}
        shop_code = ""
        for contract in leases:
            shop_code = contract.shop_code
            bill = compute_bill(contract, inputs)
            encoded = _encode(bill, contract)
            bills += encoded
            if contract.contract_id not in billed:
                new += encoded
                for failure in check_gates(contract, bill, inputs):
                    failures.setdefault(failure.gate, failure)
        yield _ShopBills(shop_id, shop_code, tuple(bills), tuple(new), tuple(failures.values()))


def _encode(bill: Bill | None, contract: ContractInput) -> tuple[EncodedBill, ...]:
    if bill is None:
        return ()
    return (encode_bill(bill, payment_term_days=contract.payment_term_days),)


def _insert_run(
    connection: Connection, inputs: BillRunInputs, input_hash: str, run_id: str, now: datetime
) -> int:
    row = connection.execute(
        "INSERT INTO app.bill_runs (mall_id, month, state, input_sha256, code_version, run_id, "
        "started_at) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (
            inputs.mall_id,
            inputs.month.first,
            BillRunState.RUNNING.value,
            input_hash,
            code_version(),
            run_id,
            now,
        ),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _finish_run(
    connection: Connection, bill_run_id: int, result: BillRunResult, created: Decimal, now: datetime
) -> int:
    """Complete the run's record; a run that only repeats an earlier one leaves that one's."""
    if not result.created:
        earlier = connection.execute(
            """
            SELECT max(e.id) FROM app.bill_runs AS e JOIN app.bill_runs AS r
                ON r.mall_id = e.mall_id AND r.month = e.month
               AND r.input_sha256 = e.input_sha256 AND r.code_version = e.code_version
            WHERE r.id = %s AND e.id < r.id AND e.output_sha256 = %s AND e.bills_held = %s
            """,
            (bill_run_id, result.output_sha256, len(result.held)),
        ).fetchone()
        if earlier is not None and earlier[0] is not None:
            connection.execute("DELETE FROM app.bill_runs WHERE id = %s", (bill_run_id,))
            return int(earlier[0])
    connection.execute(
        "UPDATE app.bill_runs SET state = %s, output_sha256 = %s, contracts = %s, "
        "bills_created = %s, bills_held = %s, total_amount = %s, finished_at = %s WHERE id = %s",
        (
            BillRunState.FINISHED.value,
            result.output_sha256,
            result.contracts,
            result.created,
            len(result.held),
            created,
            now,
            bill_run_id,
        ),
    )
    return bill_run_id


def issue_bills(
    session: Session, *, mall_id: int, month: date, actor: str, now: datetime
) -> IssueResult:
    """Carry a month's drafts through review to ISSUED, each step with its event.

    The issue date is `now` in the mall's zone; it sets the due date. Bills of shops that a gate
    holds stay drafts. A bill without anything to pay is settled at once. Raises MallNotFound.
    """
    connection = _driver_connection(session)
    days = month_of(month)
    _lock(connection, mall_id)
    issue_date = _local_date(connection, mall_id, now)
    rows = connection.execute(
        """
        SELECT b.id, b.state, b.total_amount FROM app.bills AS b
        WHERE b.mall_id = %s AND b.period_start = %s AND b.state = ANY(%s)
          AND NOT EXISTS (
              SELECT FROM app.billing_gates AS g
              WHERE g.mall_id = b.mall_id AND g.shop_id = b.shop_id AND g.month = b.period_start
                AND NOT g.is_passed AND g.overridden_at IS NULL
          )
        ORDER BY b.id FOR UPDATE OF b
        """,
        (mall_id, days.first, [BillState.DRAFT.value, BillState.IN_REVIEW.value]),
    ).fetchall()
    drafts = [bill_id for bill_id, state, _ in rows if state == BillState.DRAFT]
    issued = [bill_id for bill_id, _, _ in rows]
    settled = [bill_id for bill_id, _, total in rows if total <= 0]
    _advance(connection, drafts, BillState.DRAFT, BillEvent.SUBMIT, actor, now)
    _advance(connection, issued, BillState.IN_REVIEW, BillEvent.ISSUE, actor, now)
    connection.execute(
        """
        UPDATE app.bills AS b SET issued_at = %s, due_date = %s::date + c.payment_term_days
        FROM app.contracts AS c WHERE c.id = b.contract_id AND b.id = ANY(%s)
        """,
        (now, issue_date, issued),
    )
    _advance(
        connection,
        settled,
        BillState.ISSUED,
        BillEvent.PAY_REST,
        actor,
        now,
        comment="nothing to pay",
    )
    session.expire_all()
    return IssueResult(len(rows), sum((total for _, _, total in rows), ZERO))


def _advance(
    connection: Connection,
    bill_ids: Sequence[int],
    state: BillState,
    event: BillEvent,
    actor: str,
    now: datetime,
    comment: str = "",
) -> None:
    """Move bills that are all in `state`, and append the event to each."""
    if not bill_ids:
        return
    following = advance(state, event).value
    ids = list(bill_ids)
    connection.execute(
        "UPDATE app.bills SET state = %s WHERE id = ANY(%s) AND state = %s",
        (following, ids, state.value),
    )
    connection.execute(
        "INSERT INTO app.bill_events "
        "(bill_id, event, from_state, to_state, actor, comment, occurred_at) "
        "SELECT bill_id, %s, %s, %s, %s, %s, %s FROM unnest(%s::bigint[]) AS bill_id",
        (event.value, state.value, following, actor, comment, now, ids),
    )


def _driver_connection(session: Session) -> Connection:
    """The psycopg connection under the session's transaction, for COPY and arrays."""
    session.flush()
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def _lock(connection: Connection, mall_id: int) -> None:
    """One run at a time per mall, until the transaction ends: what one month adjusts of earlier
    ones, no other may.
    """
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (f"bills {mall_id}",),
    )


def _local_date(connection: Connection, mall_id: int, now: datetime) -> date:
    row = connection.execute("SELECT time_zone FROM app.malls WHERE id = %s", (mall_id,)).fetchone()
    if row is None:
        raise MallNotFound(f"there is no mall {mall_id}")
    return now.astimezone(ZoneInfo(row[0])).date()


def _existing_totals(connection: Connection, mall_id: int, month: Period) -> dict[int, Decimal]:
    """Totals of the month's bills that are not void, by contract."""
    return dict(
        connection.execute(
            "SELECT contract_id, total_amount FROM app.bills "
            "WHERE mall_id = %s AND period_start = %s AND state <> 'VOID'",
            (mall_id, month.first),
        ).fetchall()
    )
