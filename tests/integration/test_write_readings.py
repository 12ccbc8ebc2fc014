"""Writing readings: every row counts once, nothing is lost, and what was replaced is kept."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from domain.malls import MallClock
from services.adapters.directory import MallEntry
from services.operations import readings
from services.operations.readings import ReadingRows, touch_dates, touched_days, write_readings

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
CLOCK = MallClock("Asia/Shanghai", cutoff_hour=4)


@pytest.fixture
def mall(database_url: str) -> MallEntry:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "INSERT INTO app.malls (code, name, business_day_cutoff_hour) "
            "VALUES ('M1', 'Mall', 4) RETURNING id"
        ).fetchone()
    return MallEntry(row[0], "M1", CLOCK)


@pytest.fixture(params=["arrays", "copy", "arrays tried as new", "copy tried as new"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All ways of writing must count alike."""
    if "copy" in request.param:
        monkeypatch.setattr(readings, "ROWS_AS_ARRAYS", 1)
    if "new" in request.param:
        monkeypatch.setattr(readings, "ROWS_TRIED_AS_NEW", 0)
    return request.param


def rows(*given: tuple) -> ReadingRows:
    """(minutes after noon, value[, quality[, device]]) of the sales of device 7."""
    columns = list(zip(*[(*g, *("GOOD", 7)[len(g) - 2 :]) for g in given], strict=True))
    starts = [NOON + timedelta(minutes=m) for m in columns[0]]
    return ReadingRows(
        device_id=list(columns[3]),
        metric=["sales"] * len(given),
        interval_start=starts,
        interval_end=starts,
        value=[Decimal(str(v)) for v in columns[1]],
        quality=list(columns[2]),
    )


def write(url: str, mall: MallEntry, given: ReadingRows, batch_id: int, at: datetime = NOON):
    with psycopg.connect(url) as connection:
        return write_readings(connection, given, mall=mall, received_at=at, batch_id=batch_id)


def stored(url: str) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT extract(epoch FROM interval_start - %s)::int / 60, value, quality, batch_id "
            "FROM ingest.readings ORDER BY 1",
            (NOON,),
        ).fetchall()


def revisions(url: str) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT value, quality, batch_id FROM ingest.reading_revisions ORDER BY id"
        ).fetchall()


def test_new_readings_are_accepted_with_their_exact_value(database_url, mall, path) -> None:
    result = write(database_url, mall, rows((0, "1500.00"), (1, "0.100001")), 1)
    assert (result.accepted, result.duplicate, result.revised, result.outcomes) == (2, 0, 0, {})
    assert [str(row[1]) for row in stored(database_url)] == ["1500.00", "0.100001"]


def test_same_again_is_a_duplicate_and_changes_nothing(database_url, mall, path) -> None:
    write(database_url, mall, rows((0, 5), (1, 6)), 1)
    result = write(database_url, mall, rows((0, 5), (1, "6.00"), (2, 7)), 2)
    assert (result.accepted, result.duplicate, result.revised) == (1, 2, 0)
    assert result.outcomes == {0: "duplicate", 1: "duplicate"}
    assert [row[3] for row in stored(database_url)] == [1, 1, 2]
    assert revisions(database_url) == []


def test_another_value_is_a_revision_and_the_old_value_is_kept(database_url, mall, path) -> None:
    write(database_url, mall, rows((0, 5), (1, 6)), 1)
    result = write(database_url, mall, rows((1, 9), (2, 1)), 2)
    assert (result.accepted, result.duplicate, result.revised) == (1, 0, 1)
    assert result.outcomes == {0: "revised"}
    assert stored(database_url)[1] == (1, 9, "GOOD", 2)
    assert revisions(database_url) == [(6, "GOOD", 1)]


def test_actual_value_revises_the_estimate_of_the_same_size(database_url, mall) -> None:
    write(database_url, mall, rows((0, 5, "ESTIMATED")), 1)
    assert write(database_url, mall, rows((0, 5, "GOOD")), 2).revised == 1
    assert stored(database_url)[0][2] == "GOOD"


def test_late_repeat_does_not_make_a_good_reading_uncertain(database_url, mall) -> None:
    write(database_url, mall, rows((0, 5)), 1)
    assert write(database_url, mall, rows((0, 5, "UNCERTAIN")), 2).duplicate == 1
    assert stored(database_url)[0][2] == "GOOD"


def test_of_two_rows_with_one_key_the_last_wins(database_url, mall, path) -> None:
    result = write(database_url, mall, rows((0, 5), (1, 1), (0, 6), (0, 6), (0, 7)), 1)
    assert (result.accepted, result.duplicate, result.revised) == (2, 1, 2)
    assert result.outcomes == {2: "revised", 3: "duplicate", 4: "revised"}
    assert stored(database_url)[0][1] == 7
    assert [row[0] for row in revisions(database_url)] == [5, 6]


def test_doubled_rows_meet_what_was_stored_first(database_url, mall, path) -> None:
    write(database_url, mall, rows((0, 5)), 1)
    result = write(database_url, mall, rows((0, 6), (0, 5), (0, 5)), 2)
    assert result.outcomes == {0: "revised", 1: "revised", 2: "duplicate"}
    assert [row[0] for row in revisions(database_url)] == [5, 6]
    assert stored(database_url)[0][1] == 5


def test_readings_of_two_months_find_their_partitions(database_url, mall) -> None:
    day = 24 * 60
    assert write(database_url, mall, rows((0, 1), (31 * day, 2), (70 * day, 3)), 1).accepted == 3


def test_readings_need_one_source(database_url, mall) -> None:
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(ValueError, match="one of them"),
    ):
        write_readings(connection, rows((0, 1)), mall=mall, received_at=NOON)


def test_changed_dates_wait_for_cleaning_and_duplicates_touch_none(database_url, mall) -> None:
    def pending(connection: psycopg.Connection) -> list[date]:
        return [
            row[0]
            for row in connection.execute(
                "SELECT business_date FROM ingest.touched_dates WHERE cleaned_at IS NULL ORDER BY 1"
            )
        ]

    with psycopg.connect(database_url, autocommit=True) as connection:
        write(database_url, mall, rows((0, 1), (9 * 60, 2)), 1)
        assert pending(connection) == [date(2026, 3, 5), date(2026, 3, 6)]
        connection.execute("UPDATE ingest.touched_dates SET cleaned_at = %s", (NOON,))
        write(database_url, mall, rows((0, 1)), 2)
        assert pending(connection) == []
        write(database_url, mall, rows((0, 4)), 3)
        assert pending(connection) == [date(2026, 3, 5)]


def test_writers_of_one_date_do_not_wait_for_each_other(database_url, mall) -> None:
    write(database_url, mall, rows((0, 1)), 1)
    with (
        psycopg.connect(database_url) as one,
        psycopg.connect(database_url, options="-c lock_timeout=2s") as other,
    ):
        write_readings(one, rows((1, 1)), mall=mall, received_at=NOON, batch_id=2)
        write_readings(other, rows((2, 1)), mall=mall, received_at=NOON, batch_id=3)


def test_cleaner_waits_for_writers_that_have_not_committed(database_url, mall) -> None:
    write(database_url, mall, rows((0, 1)), 1)
    with (
        psycopg.connect(database_url) as writer,
        psycopg.connect(database_url, options="-c lock_timeout=200ms") as cleaner,
    ):
        write_readings(writer, rows((1, 1)), mall=mall, received_at=NOON, batch_id=2)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            cleaner.execute(
                "SELECT 1 FROM ingest.touched_dates WHERE cleaned_at IS NULL FOR UPDATE"
            )


def test_date_touched_behind_a_cleaner_waits_again(database_url, mall) -> None:
    write(database_url, mall, rows((0, 1)), 1)
    with psycopg.connect(database_url) as cleaner, psycopg.connect(database_url) as writer:
        cleaner.execute("SELECT 1 FROM ingest.touched_dates FOR UPDATE")
        late = threading.Thread(
            target=lambda: touch_dates(
                writer, mall_id=mall.mall_id, days=[date(2026, 3, 5)], now=NOON
            )
        )
        late.start()
        cleaner.execute("UPDATE ingest.touched_dates SET cleaned_at = %s", (NOON,))
        cleaner.commit()
        late.join(10)
        writer.commit()
        pending = cleaner.execute(
            "SELECT count(*) FROM ingest.touched_dates WHERE cleaned_at IS NULL"
        ).fetchone()
    assert pending == (1,)


def test_register_at_the_cutoff_closes_the_day_before() -> None:
    cutoff = datetime(2026, 3, 5, 20, tzinfo=UTC)  # 04:00 of the 6th in Shanghai
    dial = ReadingRows([1], ["electricity_register"], [cutoff], [cutoff], ["5"], ["GOOD"])
    assert touched_days(dial, CLOCK) == [date(2026, 3, 5), date(2026, 3, 6)]
    sale = ReadingRows([1], ["sales"], [cutoff], [cutoff], ["5"], ["GOOD"])
    assert touched_days(sale, CLOCK) == [date(2026, 3, 6)]


def test_days_between_two_readings_are_not_touched() -> None:
    assert touched_days(rows((0, 1), (3 * 24 * 60, 1)), CLOCK) == [
        date(2026, 3, 5),
        date(2026, 3, 8),
    ]


def test_sixteen_threads_lose_no_reading(database_url, mall) -> None:
    """Each thread has a connection of its own; half of the keys overlap with the next thread's."""
    per_thread, batch = 1000, 250
    errors: list[BaseException] = []
    counted = [0, 0, 0]
    lock = threading.Lock()

    def work(number: int) -> None:
        try:
            with psycopg.connect(database_url, autocommit=True) as connection:
                for part in range(per_thread // batch):
                    first = number * per_thread // 2 + part * batch
                    given = rows(*[(first + i, first + i) for i in range(batch)])
                    with connection.transaction():
                        result = write_readings(
                            connection,
                            given,
                            mall=mall,
                            received_at=NOON,
                            batch_id=number * 100 + part + 1,
                        )
                    with lock:
                        counted[0] += result.accepted
                        counted[1] += result.duplicate
                        counted[2] += result.revised
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    distinct = 15 * per_thread // 2 + per_thread
    assert counted == [distinct, 16 * per_thread - distinct, 0]
    assert [row[0] for row in stored(database_url)] == list(range(distinct))
