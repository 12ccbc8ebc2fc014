"""A closed month stands still; what comes for it waits, and nothing of it is lost."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings, strategies

from domain.malls import MallClock
from domain.sales import SaleKind
from domain.scopes import EVERYTHING, Actor, ActorKind
from services.adapters.directory import MallEntry
from services.adapters.sale_rows import SaleRow
from services.operations.closed_months import (
    Applied,
    ClosedMonthError,
    apply_late,
    close_month,
    dismiss_late,
    reopen_month,
)
from services.operations.readings import ReadingRows, Written, write_readings
from services.operations.till_sales import write_sales
from storage.context import context_key, set_context
from storage.database import create_engine, transaction
from storage.roles import Group
from storage.settings import Settings

# In Shanghai with a cut-off at 4: still March.
AT = datetime(2026, 3, 31, 19, tzinfo=UTC)
MARCH = date(2026, 3, 1)
NOW = datetime(2026, 4, 10, tzinfo=UTC)
WHO = Actor(ActorKind.PERSON, "fin@example.com")


class Book:
    """A mall, its till, and what is written and decided about its March, an hour apart each."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = create_engine(url)
        self.hours = 0
        with psycopg.connect(url) as connection:
            row = connection.execute(
                "INSERT INTO app.malls (code, name, business_day_cutoff_hour) "
                "VALUES ('M' || gen_random_uuid(), 'Mall', 4) RETURNING id, code"
            ).fetchone()
            assert row
            self.mall = MallEntry(row[0], row[1], MallClock("Asia/Shanghai", cutoff_hour=4))
            row = connection.execute(
                "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
                "VALUES (%s, 'POS-1', 'POS', 'EVENT') RETURNING id",
                (self.mall.mall_id,),
            ).fetchone()
            assert row
            self.till: int = row[0]

    def tick(self) -> datetime:
        self.hours += 1
        return NOW + timedelta(hours=self.hours)

    def write(self, *values: int | str, minute: int = 0, quality: str = "GOOD") -> Written:
        starts = [AT + timedelta(minutes=minute)] * len(values)
        rows = ReadingRows(
            [self.till] * len(values), ["sales"] * len(values), starts, starts,
            [Decimal(str(value)) for value in values], [quality] * len(values),
        )  # fmt: skip
        with psycopg.connect(self.url) as connection:
            return write_readings(
                connection, rows, mall=self.mall, received_at=self.tick(), batch_id=self.hours
            )

    def sell(self, gross: int | str, number: str = "1", **given: object) -> Written:
        row = SaleRow(
            self.till, date(2026, 3, 31), number, True, AT, SaleKind.SALE, Decimal(gross),
            Decimal(0), Decimal(0), Decimal(0),
        )  # fmt: skip
        with psycopg.connect(self.url) as connection:
            return write_sales(
                connection,
                [replace(row, **given)],  # type: ignore[arg-type]
                mall=self.mall,
                received_at=self.tick(),
                batch_id=self.hours,
            )

    def close(self) -> None:
        with transaction(self.engine) as session:
            close_month(session, mall_id=self.mall.mall_id, month=MARCH, actor=WHO, now=self.tick())

    def reopen(self) -> int:
        with transaction(self.engine) as session:
            return reopen_month(
                session, mall_id=self.mall.mall_id, month=MARCH, reason="a meter was misread",
                actor=WHO, now=self.tick(),
            )  # fmt: skip

    def apply(self, late_id: int) -> Applied:
        with transaction(self.engine) as session:
            return apply_late(session, late_id=late_id, actor=WHO, now=self.tick())

    def dismiss(self, late_id: int, reason: str = "sent twice") -> None:
        with transaction(self.engine) as session:
            dismiss_late(session, late_id=late_id, reason=reason, actor=WHO, now=self.tick())

    def all(self, query: str) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(
                query, {"mall": self.mall.mall_id, "till": self.till}
            ).fetchall()  # type: ignore[call-overload]

    def stands(self) -> list[int]:
        query = "SELECT value::int FROM ingest.readings WHERE device_id = %(till)s ORDER BY "
        return [row[0] for row in self.all(query + "interval_start")]

    def sold(self) -> list[int]:
        query = "SELECT gross_sales::int FROM ingest.till_transactions WHERE device_id = %(till)s"
        return [row[0] for row in self.all(query)]

    def revisions(self) -> list[int]:
        query = "SELECT value::int FROM ingest.reading_revisions WHERE device_id = %(till)s "
        return [row[0] for row in self.all(query + "ORDER BY id")]

    def late(self, state: str = "WAITING") -> list[int]:
        query = "SELECT id FROM ingest.late_readings WHERE mall_id = %(mall)s AND state = "
        return [row[0] for row in self.all(f"{query}'{state}' ORDER BY id")]


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    book = Book(database_url)
    yield book
    book.engine.dispose()


def test_closed_month_stands_and_the_late_value_waits(book: Book) -> None:
    book.write(5)
    book.close()
    with psycopg.connect(book.url) as connection:
        connection.execute("UPDATE ingest.touched_dates SET cleaned_at = now()")
    written = book.write(6)
    assert (written.late, written.accepted, written.revised) == (1, 0, 0)
    assert written.outcomes == {0: "late"}
    assert (book.stands(), book.revisions()) == ([5], [])
    assert book.all(
        "SELECT month, device_id = %(till)s, metric, interval_start, value::int, quality, sale, "
        "batch_id FROM ingest.late_readings"
    ) == [(MARCH, True, "sales", AT, 6, "GOOD", None, 3)]
    pending = "SELECT count(*) FROM ingest.touched_dates WHERE cleaned_at IS NULL"
    assert book.all(pending) == [(0,)]


def test_first_value_of_a_closed_month_waits_too(book: Book) -> None:
    book.close()
    assert book.write(5).late == 1
    assert book.stands() == []


def test_only_rows_of_the_closed_month_are_late(book: Book) -> None:
    book.close()
    april = AT + timedelta(hours=1, minutes=5)
    times = [AT, april, AT - timedelta(minutes=1)]
    rows = ReadingRows(
        [book.till] * 3, ["sales"] * 3, times, times, [Decimal(n) for n in range(3)], ["GOOD"] * 3
    )
    with psycopg.connect(book.url) as connection:
        written = write_readings(
            connection, rows, mall=book.mall, received_at=book.tick(), batch_id=1
        )
    assert (written.accepted, written.late) == (1, 2)
    assert written.outcomes == {0: "late", 2: "late"}
    assert book.stands() == [1]


@pytest.mark.parametrize("value", ["6", "6.00"])
def test_same_late_value_again_is_no_second_candidate(book: Book, value: str) -> None:
    book.write(5)
    book.close()
    book.write(6)
    assert book.write(value).outcomes == {0: "duplicate"}
    assert book.write(5).outcomes == {0: "late"}, "newer than the one that waits"
    assert book.write(6, 7, 7).outcomes == {0: "late", 1: "late", 2: "duplicate"}
    assert len(book.late()) == 4


def test_what_stands_again_is_a_duplicate(book: Book) -> None:
    book.write(5)
    book.close()
    assert book.write("5.0").outcomes == {0: "duplicate"}
    assert book.write(5, quality="UNCERTAIN").outcomes == {0: "duplicate"}
    assert book.late() == []


def test_dismissed_value_does_not_come_back_by_itself(book: Book) -> None:
    book.write(5)
    book.close()
    book.write(6)
    book.dismiss(*book.late())
    assert book.write(6).outcomes == {0: "duplicate"}
    assert book.write(5).outcomes == {0: "duplicate"}
    assert (book.late(), book.stands()) == ([], [5])


def test_late_value_is_applied_once_the_month_is_open(book: Book) -> None:
    book.write(5)
    book.close()
    book.write(6)
    (late,) = book.late()
    with pytest.raises(ClosedMonthError, match="2026-03 is closed; open it again"):
        book.apply(late)
    assert book.reopen() == 1
    with psycopg.connect(book.url) as connection:
        connection.execute("UPDATE ingest.touched_dates SET cleaned_at = now()")
    assert book.apply(late) is Applied.REVISED
    assert (book.stands(), book.revisions()) == ([6], [5])
    touched = "SELECT business_date FROM ingest.touched_dates WHERE cleaned_at IS NULL"
    assert book.all(touched) == [(date(2026, 3, 31),)]
    with pytest.raises(ClosedMonthError, match="is applied already"):
        book.apply(late)


def test_applied_in_any_order_the_newest_received_stands(book: Book) -> None:
    book.close()
    for value in (6, 7, 8):
        book.write(value)
    first, second, third = book.late()
    book.reopen()
    assert book.apply(second) is Applied.ACCEPTED
    assert book.apply(first) is Applied.SUPERSEDED
    assert book.stands() == [7]
    assert book.apply(third) is Applied.REVISED
    assert (book.stands(), sorted(book.revisions())) == ([8], [6, 7])


def test_newer_value_settles_what_waits_before_it(book: Book) -> None:
    book.write(5)
    book.close()
    book.write(6)
    book.reopen()
    assert book.write(5).outcomes == {0: "revised"}, "5 is the newest word again"
    assert (book.stands(), book.revisions(), book.late()) == ([5], [5, 6], [])
    assert len(book.late("APPLIED")) == 1


def test_sales_of_a_closed_month_wait_and_are_applied(book: Book) -> None:
    book.sell(10)
    book.close()
    assert book.sell(10).outcomes == {0: "duplicate"}
    assert book.sell(11).outcomes == {0: "late"}
    assert book.sell(11).outcomes == {0: "duplicate"}
    assert book.sell(3, number="2").outcomes == {0: "late"}
    assert book.sold() == [10]
    first, _ = book.late()
    assert book.reopen() == 2
    assert book.apply(first) is Applied.REVISED
    assert book.sell(4, number="2").outcomes == {0: "revised"}
    assert sorted(book.sold()) == [4, 11]
    kept = "SELECT gross_sales::int FROM ingest.till_transaction_revisions ORDER BY id"
    assert book.all(kept) == [(10,), (3,)]


def test_april_sale_of_the_same_number_is_another(book: Book) -> None:
    book.close()
    assert book.sell(10, business_date=date(2026, 4, 1)).accepted == 1
    assert book.sell(10).late == 1


def test_decisions_are_refused_with_the_reason(book: Book) -> None:
    with pytest.raises(ClosedMonthError, match="2026-03 is open"):
        book.reopen()
    book.close()
    with pytest.raises(ClosedMonthError, match="is closed already"):
        book.close()
    book.write(5)
    (late,) = book.late()
    with pytest.raises(ClosedMonthError, match="say why"):
        book.dismiss(late, " ")
    with pytest.raises(ClosedMonthError, match="there is no late value"):
        book.dismiss(late + 1)
    with (
        transaction(book.engine) as session,
        pytest.raises(ClosedMonthError, match="2026-04 has not ended"),
    ):
        close_month(session, mall_id=book.mall.mall_id, month=date(2026, 4, 3), actor=WHO, now=NOW)


def test_audit_tells_every_decision(book: Book) -> None:
    book.close()
    book.write(5)
    book.write(6)
    first, second = book.late()
    book.reopen()
    book.apply(first)
    book.dismiss(second)
    told = book.all(
        "SELECT action, subject_type, subject_id, note FROM audit.events "
        "WHERE mall_id = %(mall)s AND subject_type IN ('closed_months', 'late_readings') "
        "ORDER BY seq"
    )
    assert told == [
        ("MONTH_CLOSED", "closed_months", "2026-03", ""),
        ("MONTH_REOPENED", "closed_months", "2026-03", "a meter was misread"),
        ("LATE_APPLIED", "late_readings", str(first), ""),
        ("LATE_DISMISSED", "late_readings", str(second), "sent twice"),
    ]


def test_closing_waits_for_a_writer_and_the_next_writer_is_late(book: Book) -> None:
    """Without the lock the month would close under the writer's feet."""
    closed = threading.Event()

    def close() -> None:
        book.close()
        closed.set()

    rows = ReadingRows([book.till], ["sales"], [AT], [AT], [Decimal(5)], ["GOOD"])
    closer = threading.Thread(target=close)
    with psycopg.connect(book.url) as connection:
        write_readings(connection, rows, mall=book.mall, received_at=NOW, batch_id=1)
        closer.start()
        assert not closed.wait(0.5)
    closer.join(10)
    assert closed.is_set()
    assert book.write(6).late == 1
    assert book.stands() == [5]


def test_twins_of_a_late_value_are_one_candidate(book: Book) -> None:
    book.close()
    results: list[Written] = []
    threads = [threading.Thread(target=lambda: results.append(book.write(5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((one.late, one.duplicate) for one in results) == [(0, 1)] * 7 + [(1, 0)]
    assert len(book.late()) == 1


@pytest.mark.parametrize("group", [Group.FINANCE, Group.SUPER_ADMIN])
def test_finance_closes_and_decides_in_its_own_role(
    book: Book, settings: Settings, group: Group
) -> None:
    book.write(5)
    book.close()
    book.write(6)
    (late,) = book.late()
    with transaction(book.engine) as session:
        raw = session.connection().connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        set_context(
            raw, key=context_key(settings), role=group, scope=EVERYTHING, actor=WHO,
            now=datetime.now(UTC),
        )  # fmt: skip
        reopen_month(
            session, mall_id=book.mall.mall_id, month=MARCH, reason="x", actor=WHO, now=NOW
        )
        assert apply_late(session, late_id=late, actor=WHO, now=NOW) is Applied.REVISED
        close_month(session, mall_id=book.mall.mall_id, month=MARCH, actor=WHO, now=NOW)
    assert book.stands() == [6]


def test_operation_decides_nothing(book: Book, settings: Settings) -> None:
    with transaction(book.engine) as session:
        raw = session.connection().connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        set_context(
            raw, key=context_key(settings), role=Group.OPERATION, scope=EVERYTHING, actor=WHO,
            now=datetime.now(UTC),
        )  # fmt: skip
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            close_month(session, mall_id=book.mall.mall_id, month=MARCH, actor=WHO, now=NOW)
        session.rollback()


STEPS = strategies.lists(
    strategies.one_of(
        strategies.tuples(
            strategies.just("write"), strategies.integers(0, 1), strategies.integers(1, 3)
        ),
        strategies.tuples(
            strategies.just("sell"), strategies.integers(0, 1), strategies.integers(1, 3)
        ),
        strategies.tuples(strategies.sampled_from(["close", "reopen"])),
        strategies.tuples(strategies.just("apply"), strategies.integers(0, 5)),
    ),
    max_size=16,
)


# The same value again, after another came late: the newest word is the old one.
AGAIN = [("write", 0, 1), ("close",), ("write", 0, 2), ("reopen",), ("write", 0, 1)]
SOLD_AGAIN = [("sell", *step[1:]) if step[0] == "write" else step for step in AGAIN]


@given(steps=STEPS)
@example(steps=AGAIN)
@example(steps=SOLD_AGAIN)
@example(steps=[*AGAIN[:3], ("write", 0, 1), ("reopen",)])
@example(steps=[*SOLD_AGAIN[:3], ("sell", 0, 1), ("reopen",)])
@example(steps=[*AGAIN[:3], ("write", 0, 3), ("reopen",), ("apply", 1), ("apply", 0)])
@settings(max_examples=25)
def test_any_interleaving_ends_with_the_newest_and_loses_nothing(
    module_database_url: str, steps: list[tuple]
) -> None:
    """Writes of two readings and two sales among closings, openings and applications."""
    book = Book(module_database_url)
    newest: dict[tuple[str, int], int] = {}
    received: set[tuple[str, int, int]] = set()
    is_closed = False
    for step in steps:
        match step:
            case ("write", key, value):
                written = book.write(value, minute=key)
                assert is_closed or not written.late
            case ("sell", key, value):
                book.sell(value, number=str(key))
            case ("close",) if not is_closed:
                book.close()
                is_closed = True
            case ("reopen",) if is_closed:
                book.reopen()
                is_closed = False
            case ("apply", place) if not is_closed and place < len(book.late()):
                book.apply(book.late()[place])
        if step[0] in ("write", "sell"):
            newest[step[0], step[1]] = step[2]
            received.add(step)
    if is_closed:
        book.reopen()
    for late in book.late():
        book.apply(late)
    number = "extract(minute FROM interval_start)::int, value::int"
    sold = "number::int, gross_sales::int"
    of = "WHERE device_id = %(till)s"
    readings = book.all(f"SELECT {number} FROM ingest.readings {of}")
    sales = book.all(f"SELECT {sold} FROM ingest.till_transactions {of}")
    stands = {("write", key): value for key, value in readings}
    stands |= {("sell", key): value for key, value in sales}
    assert stands == newest
    kept = {("write", *row) for row in readings} | {("sell", *row) for row in sales}
    kept |= {
        ("write", *row) for row in book.all(f"SELECT {number} FROM ingest.reading_revisions {of}")
    }
    kept |= {
        ("sell", *row)
        for row in book.all(f"SELECT {sold} FROM ingest.till_transaction_revisions {of}")
    }
    assert kept == received
    book.engine.dispose()
