"""Fingerprints of tables on real Postgres: every change is noticed, nothing is hashed twice."""

from collections.abc import Iterator

import psycopg
import pytest

from storage.backup.fingerprints import Fingerprint, Known, differences, snapshot


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A table of its own kind among the migrated ones, on a connection that commits at once."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """
            CREATE TABLE ingest.things (id bigint, name text, amount numeric, tags text[],
                                        detail jsonb);
            INSERT INTO ingest.things
            SELECT n, 'name ' || n, n * 1.5, ARRAY['a', n::text], jsonb_build_object('n', n)
            FROM generate_series(1, 500) AS n;
            CREATE TABLE ingest.papers (id bigint, raw json);
            INSERT INTO ingest.papers SELECT n, '{"n": 1}' FROM generate_series(1, 5) AS n
            """
        )
        yield connection


def known(database_url: str) -> Known:
    with snapshot(database_url) as now:
        return Known(now.fingerprints(), now.horizon)


CHANGES = {
    "a value": "UPDATE ingest.things SET amount = 9 WHERE id = 7",
    "a value to null": "UPDATE ingest.things SET name = NULL WHERE id = 7",
    "two rows that swap a value": "UPDATE ingest.things SET amount = (3 - id) * 1.5 WHERE id < 3",
    "two columns of a row that swap": "UPDATE ingest.things SET tags = ARRAY['7', 'a'] WHERE id=7",
    "a row less": "DELETE FROM ingest.things WHERE id = 7",
    "a row more": "INSERT INTO ingest.things VALUES (501)",
    "one row for another": "DELETE FROM ingest.things WHERE id = 7; "
    "INSERT INTO ingest.things VALUES (7, 'name 7', 10.5, '{a,7}', '{\"n\": 8}')",
    "a new column with a value": "ALTER TABLE ingest.things ADD COLUMN more int DEFAULT 3",
    "text where nothing hashes": "UPDATE ingest.papers SET raw = '{\"n\":1}' WHERE id = 1",
    "a table less": "DROP TABLE ingest.things",
    "a table more": "CREATE TABLE audit.more AS SELECT 1 AS id",
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_noticed_with_and_without_an_earlier_fingerprint(
    connection: psycopg.Connection, database_url: str, change: str
) -> None:
    before = known(database_url)
    connection.execute(CHANGES[change].encode())
    with snapshot(database_url) as now:
        anew = now.fingerprints()
        carried = now.fingerprints(before)
    assert carried == anew
    assert len(list(differences(before.tables, anew))) == 1


def test_order_of_rows_and_rewriting_the_table_make_no_difference(
    connection: psycopg.Connection, database_url: str
) -> None:
    before = known(database_url)
    connection.execute("CREATE INDEX things_name ON ingest.things (name DESC)")
    connection.execute("CLUSTER ingest.things USING things_name")
    connection.execute("VACUUM FREEZE ingest.things")
    with snapshot(database_url) as now:
        assert now.fingerprints() == before.tables
        assert now.fingerprints(before) == before.tables


def test_unchanged_table_is_not_hashed_again(
    connection: psycopg.Connection, database_url: str
) -> None:
    """A fingerprint that is wrong on purpose shows where it was carried over."""
    real = known(database_url)
    marked = {
        name: Fingerprint(one.rows, "carried", one.rows, False, one.layout)
        for name, one in real.tables.items()
    }
    connection.execute("UPDATE ingest.papers SET id = 9 WHERE id = 1")
    with snapshot(database_url) as now:
        found = now.fingerprints(Known(marked, real.horizon))
    assert [name for name, one in found.items() if one.checksum != "carried"] == ["ingest.papers"]


def test_row_of_a_transaction_that_was_open_then_is_noticed(
    connection: psycopg.Connection, database_url: str
) -> None:
    """Its number is older than the snapshot, which did not see it all the same."""
    with psycopg.connect(database_url) as slow:
        slow.execute("UPDATE ingest.things SET amount = 9 WHERE id = 7")
        connection.execute("UPDATE ingest.papers SET id = 8 WHERE id = 2")
        before = known(database_url)
        slow.commit()
    with snapshot(database_url) as now:
        found = now.fingerprints(before)
        assert found == now.fingerprints()
    assert found["ingest.things"] != before.tables["ingest.things"]


def test_numbers_too_far_apart_to_compare_are_not_compared(
    connection: psycopg.Connection, database_url: str
) -> None:
    real = known(database_url)
    nonsense = {
        name: Fingerprint(one.rows, "carried", one.rows, False, one.layout)
        for name, one in real.tables.items()
    }
    for horizon in (real.horizon - 2**31, real.horizon + 1_000_000):
        with snapshot(database_url) as now:
            assert now.fingerprints(Known(nonsense, horizon)) == real.tables


def test_snapshot_knows_whether_it_sees_more_than_an_earlier_one(
    connection: psycopg.Connection, database_url: str
) -> None:
    with snapshot(database_url) as first, psycopg.connect(database_url) as other:
        other.execute("DELETE FROM ingest.things WHERE id = 1")
        with snapshot(database_url) as open_still:
            assert open_still.nothing_written_since(first)
            other.commit()
            with snapshot(database_url) as ended:
                assert not ended.nothing_written_since(first)
                assert not ended.nothing_written_since(open_still)
