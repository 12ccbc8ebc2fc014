"""Transactions of tills are written: the newest received stands, and what it replaced is kept."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from domain.malls import MallClock
from domain.sales import SaleKind
from domain.scopes import Actor, ActorKind, Scope
from services.adapters.directory import MallEntry
from services.adapters.sale_rows import SaleRow
from services.operations import till_sales
from services.operations.till_sales import write_sales
from storage.context import context_key, set_context
from storage.roles import Group
from storage.settings import Settings

DAY = date(2026, 3, 5)
NOON = datetime(2026, 3, 5, 4, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 6, tzinfo=UTC)
KEY = "SELECT number, gross_sales, net_sales, kind, batch_id FROM ingest.till_transactions "


@pytest.fixture
def mall(database_url: str) -> MallEntry:
    return make_mall(database_url, "M1")


def make_mall(url: str, code: str) -> MallEntry:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "INSERT INTO app.malls (code, name) VALUES (%s, 'Mall') RETURNING id", (code,)
        ).fetchone()
    assert row
    return MallEntry(row[0], code, MallClock("Asia/Shanghai"))


@pytest.fixture
def till(database_url: str, mall: MallEntry) -> int:
    return make_till(database_url, mall)


def make_till(url: str, mall: MallEntry) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
            "VALUES (%s, 'POS-1', 'POS', 'EVENT') RETURNING id",
            (mall.mall_id,),
        ).fetchone()
    assert row
    return row[0]


@pytest.fixture(params=[5_000, 2], ids=["at once", "in pieces"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(till_sales, "ROWS_AT_ONCE", request.param)


def sale(till: int, number: str, gross: str = "100.00", **given: object) -> SaleRow:
    row = SaleRow(
        device_id=till,
        business_date=DAY,
        number=number,
        has_stated_date=True,
        occurred_at=NOON,
        kind=SaleKind.SALE,
        gross_sales=Decimal(gross),
        refunds=Decimal(0),
        discounts=Decimal(0),
        tax=Decimal(0),
    )
    return replace(row, **given)  # type: ignore[arg-type]


def write(url: str, mall: MallEntry, rows: list[SaleRow], batch_id: int, hours: int = 0):
    with psycopg.connect(url) as connection:
        return write_sales(
            connection,
            rows,
            mall=mall,
            received_at=RECEIVED + timedelta(hours=hours),
            batch_id=batch_id,
        )


def fetch(url: str, query: str) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload]


def test_new_sales_are_accepted_with_their_exact_amounts(database_url, mall, till) -> None:
    rows = [
        sale(till, "1", "1234.56", discounts=Decimal("34.56"), tax=Decimal("99.99")),
        sale(till, "2", "0", kind=SaleKind.RETURN, refunds=Decimal("50.10"), original_number="1"),
        sale(till, '3, «x» \\ "', "0", kind=SaleKind.VOID),
    ]
    written = write(database_url, mall, rows, 1)
    assert (written.accepted, written.outcomes) == (3, {})
    assert fetch(
        database_url,
        "SELECT number, net_sales::text, tax::text, kind, original_number, occurred_at "
        "FROM ingest.till_transactions ORDER BY number",
    ) == [
        ("1", "1200.00", "99.99", "SALE", "", NOON),
        ("2", "-50.10", "0.00", "RETURN", "1", NOON),
        ('3, «x» \\ "', "0.00", "0.00", "VOID", "", NOON),
    ]


def test_same_again_is_a_duplicate(database_url, mall, till, at_once) -> None:
    rows = [sale(till, str(n)) for n in range(5)]
    write(database_url, mall, rows, 1)
    written = write(database_url, mall, [*rows, sale(till, "9")], 2, hours=1)
    assert (written.accepted, written.duplicate, written.revised) == (1, 5, 0)
    assert written.outcomes == dict.fromkeys(range(5), "duplicate")
    assert fetch(database_url, "SELECT DISTINCT batch_id FROM ingest.till_transactions ORDER BY 1")
    assert fetch(database_url, "SELECT count(*) FROM ingest.till_transaction_revisions") == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        {"gross_sales": Decimal("100.01")},
        {"kind": SaleKind.VOID},
        {"occurred_at": NOON + timedelta(seconds=1)},
        {"tax": Decimal("0.01")},
        {"original_number": "7"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_anything_else_is_a_revision_and_the_old_is_kept(database_url, mall, till, change) -> None:
    write(database_url, mall, [sale(till, "1"), sale(till, "2")], 1)
    written = write(database_url, mall, [replace(sale(till, "1"), **change)], 2, hours=1)
    assert (written.accepted, written.revised, written.outcomes) == (0, 1, {0: "revised"})
    assert fetch(
        database_url,
        "SELECT number, gross_sales::text, kind, batch_id, received_at "
        "FROM ingest.till_transaction_revisions",
    ) == [("1", "100.00", "SALE", 1, RECEIVED)]
    assert fetch(database_url, KEY + "WHERE batch_id = 2")[0][0] == "1"


def test_of_rows_with_one_key_the_last_stands(database_url, mall, till, at_once) -> None:
    rows = [sale(till, "1", "1"), sale(till, "2"), *(sale(till, "1", g) for g in "2234")]
    written = write(database_url, mall, rows, 1)
    assert (written.accepted, written.duplicate, written.revised) == (2, 1, 3)
    assert written.outcomes == {2: "revised", 3: "duplicate", 4: "revised", 5: "revised"}
    assert fetch(database_url, KEY + "WHERE number = '1'")[0][1] == 4
    kept = "SELECT gross_sales::int FROM ingest.till_transaction_revisions ORDER BY gross_sales"
    assert fetch(database_url, kept) == [(1,), (2,), (3,)]


def test_late_repeat_does_not_make_a_sale_uncertain(database_url, mall, till) -> None:
    write(database_url, mall, [sale(till, "1")], 1)
    assert write(database_url, mall, [sale(till, "1", quality="UNCERTAIN")], 2).duplicate == 1


def test_changed_days_are_touched_and_duplicates_touch_none(database_url, mall, till) -> None:
    def pending() -> list[tuple]:
        return fetch(
            database_url,
            "SELECT business_date FROM ingest.touched_dates WHERE cleaned_at IS NULL ORDER BY 1",
        )

    next_day = DAY + timedelta(days=1)
    rows = [sale(till, "1"), sale(till, "1", business_date=next_day)]
    write(database_url, mall, rows, 1)
    assert pending() == [(DAY,), (next_day,)]
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE ingest.touched_dates SET cleaned_at = now()")
    write(database_url, mall, rows, 2)
    assert pending() == []
    write(database_url, mall, [rows[0], sale(till, "1", "7", business_date=next_day)], 3)
    assert pending() == [(next_day,)]


def test_part_of_a_write_that_fails_leaves_nothing(database_url, mall, till, at_once) -> None:
    rows = [sale(till, str(n)) for n in range(5)] + [sale(till, "9", "9" * 13)]
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        write(database_url, mall, rows, 1)
    assert fetch(database_url, KEY) == []


def test_sales_need_one_source(database_url, mall, till) -> None:
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(ValueError, match="one of them"),
    ):
        write_sales(connection, [sale(till, "1")], mall=mall, received_at=NOON)


def test_writers_of_the_same_sales_wait_for_each_other_in_one_order(
    database_url, mall, till, at_once
) -> None:
    """Sixteen writers, each the same sales in another order: no deadlock, none lost or doubled."""
    results, errors = [], []
    go = threading.Barrier(16)

    def work(number: int) -> None:
        numbers = [str((n * (number + 1)) % 41) for n in range(1, 41)]
        try:
            go.wait()
            rows = [sale(till, n, str(number)) for n in numbers]
            results.append(write(database_url, mall, rows, number))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum(one.accepted for one in results) == 40
    assert sum(one.revised for one in results) == 40 * 15
    kept = fetch(database_url, "SELECT count(*) FROM ingest.till_transaction_revisions")
    assert kept == [(40 * 15,)]


@pytest.fixture
def as_device(
    database_url: str, settings: Settings, mall: MallEntry
) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as connection:
        set_context(
            connection,
            key=context_key(settings),
            role=Group.INGEST,
            scope=Scope(mall_ids=frozenset({mall.mall_id})),
            actor=Actor(ActorKind.DEVICE, "key", None),
            now=datetime.now(UTC),
        )
        yield connection
        connection.rollback()


def test_device_writes_sales_of_its_mall_alone(database_url, as_device, mall, till) -> None:
    written = write_sales(as_device, [sale(till, "1")], mall=mall, received_at=NOON, batch_id=1)
    assert written.accepted == 1
    foreign = make_till(database_url, make_mall(database_url, "M2"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="a device is out of scope"):
        write_sales(as_device, [sale(foreign, "1")], mall=mall, received_at=NOON, batch_id=1)


def test_device_reads_and_changes_no_sale_itself(as_device, till) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        as_device.execute("SELECT FROM ingest.till_transactions")
