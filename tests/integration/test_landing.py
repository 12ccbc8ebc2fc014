"""The drop-box: every file ends registered, its rows counted, its bytes kept; nothing hangs."""

import gzip
import hashlib
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from services.operations import landing
from services.operations.device_traffic import mark_silent_devices
from services.operations.landing import (
    find_ready_files,
    inbox_fingerprint,
    load_device_directory,
    load_file,
    parse_file,
)
from storage.objects import FolderStore, S3Store
from storage.settings import Settings

NOW = datetime(2026, 4, 1, tzinfo=UTC)
HEADER = "device_code,interval_start,interval_end,in,out"


def hour(number: int, entered: object = 5, left: object = 4, device: str = "FC-01") -> str:
    start = datetime(2026, 3, 5, tzinfo=UTC) + timedelta(hours=number)
    return (
        f"{device},{start.isoformat()},{(start + timedelta(hours=1)).isoformat()},{entered},{left}"
    )


def lines(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows)).encode()


class Inbox:
    """A mall with one counter and one till, and a folder to drop files in."""

    def __init__(self, url: str, settings: Settings, tmp_path: Path) -> None:
        self.settings = settings
        self.store = FolderStore(tmp_path / "objects")
        self.connection = psycopg.connect(url, autocommit=True)
        self.mall_id = self.one(
            "INSERT INTO app.malls (code, name, business_day_cutoff_hour) "
            "VALUES ('M1', '商场', 4) RETURNING id"
        )
        self.one(
            "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
            f"VALUES ({self.mall_id}, 'FC-01', 'FOOTFALL', 'INTERVAL') RETURNING id"
        )

    def one(self, query: str, *values: object) -> object:
        row = self.connection.execute(query, values).fetchone()
        return row[0] if row else None

    def drop(self, name: str, data: bytes, folder: str = "M1/footfall_hours") -> str:
        key = f"inbox/{folder}/{name}"
        self.store.put(key, data)
        return key

    def land(self, now: datetime = NOW) -> list:
        directory = load_device_directory(self.connection)
        return [
            load_file(
                self.connection,
                self.store,
                parse_file(self.store, found, directory=directory, now=now, settings=self.settings),
                now=now,
                run_id="run-1",
            )
            for found in find_ready_files(self.store, now=now)
        ]

    def land_one(self, now: datetime = NOW):
        (result,) = self.land(now)
        return result

    def keys(self, prefix: str) -> list[str]:
        return [each.key for each in self.store.list(prefix)]


@pytest.fixture
def inbox(database_url: str, settings: Settings, tmp_path: Path):
    box = Inbox(database_url, settings, tmp_path)
    yield box
    box.connection.close()


def counts(result) -> tuple:
    return (
        result.state,
        result.rows_total,
        result.accepted,
        result.duplicate,
        result.revised,
        result.refused,
    )


def test_file_is_landed_and_its_bytes_are_kept(inbox: Inbox) -> None:
    data = lines(hour(0), hour(1))
    inbox.drop("a.csv", data)
    result = inbox.land_one()
    assert counts(result) == ("LANDED", 2, 2, 0, 0, 0)
    assert result.readings == 4
    key = f"archive/2026/04/{hashlib.sha256(data).hexdigest()}-a.csv"
    assert inbox.store.get(key) == data
    assert inbox.keys("inbox/") == []
    row = inbox.connection.execute(
        "SELECT archive_key, state, feed, rows_total, rows_accepted, run_id, mall_id, bytes "
        "FROM ingest.files"
    ).fetchone()
    assert row == (key, "LANDED", "footfall_hours", 2, 2, "run-1", inbox.mall_id, len(data))
    assert (
        inbox.one("SELECT sum(value) FROM ingest.readings WHERE file_id = %s", result.file_id) == 18
    )
    assert inbox.one("SELECT business_date FROM ingest.touched_dates") == date(2026, 3, 5)


def test_landing_sets_the_device_online_and_leaves_maintenance_alone(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0)))
    inbox.land()
    state = "SELECT status || last_seen_at::date FROM app.devices"
    assert inbox.one(state) == "ONLINE2026-04-01"
    inbox.connection.execute("UPDATE app.devices SET status = 'MAINTENANCE'")
    inbox.drop("b.csv", lines(hour(1)))
    inbox.land(NOW + timedelta(days=1))
    assert inbox.one(state) == "MAINTENANCE2026-04-02"


def test_broken_rows_are_quarantined_with_reason_and_the_others_land(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0), hour(1, "NaN"), hour(2, device="FC-99"), "x,y", hour(3)))
    assert counts(inbox.land_one()) == ("LANDED", 5, 2, 0, 0, 3)
    rows = inbox.connection.execute(
        "SELECT row_number, reason_code, reason, row, mall_id FROM ingest.quarantine ORDER BY 1"
    ).fetchall()
    assert [row[:2] for row in rows] == [
        (3, "BAD_NUMBER"),
        (4, "UNKNOWN_DEVICE"),
        (5, "WRONG_COLUMNS"),
    ]
    assert "'NaN'" in rows[0][2]
    assert rows[2][3:] == ("x,y", inbox.mall_id)


def test_same_bytes_again_are_a_duplicate(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0)))
    inbox.land()
    inbox.drop("copy of a.csv", lines(hour(0)))
    result = inbox.land_one()
    assert counts(result) == ("DUPLICATE", 1, 0, 1, 0, 0)
    assert "inbox/M1/footfall_hours/a.csv" in result.reason
    assert len(inbox.keys("archive/")) == 2
    assert inbox.one("SELECT count(*) FROM ingest.readings") == 2


def test_same_name_and_bytes_dropped_twice_are_landed_once(inbox: Inbox) -> None:
    for _ in range(2):
        inbox.drop("a.csv", lines(hour(0)))
        result = inbox.land_one()
    assert result.state == "DUPLICATE"
    assert inbox.one("SELECT count(*) FROM ingest.files") == 2
    assert len(inbox.keys("archive/")) == 1


def test_overlapping_file_counts_rows_by_what_they_changed(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0), hour(1), hour(2)))
    inbox.land()
    inbox.drop("b.csv", lines(hour(1), hour(2, entered=9), hour(3), "bad"))
    assert counts(inbox.land_one()) == ("LANDED", 4, 1, 1, 1, 1)
    assert inbox.one("SELECT count(*) FROM ingest.reading_revisions") == 1


def test_files_land_in_the_order_in_which_they_came(inbox: Inbox) -> None:
    inbox.drop("z-first.csv", lines(hour(0, entered=1)))
    time.sleep(0.02)
    inbox.drop("a-second.csv", lines(hour(0, entered=2)))
    names = [result.key.rsplit("/", 1)[1] for result in inbox.land()]
    assert names == ["z-first.csv", "a-second.csv"]
    assert inbox.one("SELECT value FROM ingest.readings WHERE metric = 'footfall_in'") == 2


@pytest.mark.parametrize("name", ["a.csv.gz", "A.CSV.GZ"])
def test_gzip_is_unpacked_and_kept_as_it_came(inbox: Inbox, name: str) -> None:
    data = gzip.compress(lines(hour(0)), mtime=0)
    inbox.drop(name, data)
    assert inbox.land_one().accepted == 1
    assert inbox.store.get(inbox.keys("archive/")[0]) == data


def test_gbk_file_lands_like_utf8(inbox: Inbox) -> None:
    inbox.connection.execute("UPDATE app.devices SET code = '客流-东门'")
    inbox.drop("a.csv", lines(hour(0, device="客流-东门")).decode().encode("gbk"))
    inbox.drop("b.csv", b"\xef\xbb\xbf" + lines(hour(1, device="客流-东门")))
    assert [result.accepted for result in inbox.land()] == [1, 1]


@pytest.mark.parametrize(
    ("name", "data", "folder", "reason"),
    [
        ("empty.csv", b"", "M1/footfall_hours", "EMPTY_FILE"),
        ("blank.csv", b"\n \n\n", "M1/footfall_hours", "WRONG_HEADER"),
        ("other.csv", b"a,b\n1,2\n", "M1/footfall_hours", "WRONG_HEADER: the header lacks device"),
        ("bytes.csv", lines(hour(0)) + b"\n\xff\xff,", "M1/footfall_hours", "UNKNOWN_ENCODING"),
        ("image.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00", "M1/footfall_hours", "NOT_CSV"),
        ("zeros.csv", bytes(100), "M1/footfall_hours", "NOT_CSV"),
        (
            "bomb.csv.gz",
            gzip.compress(bytes(300_000_000), mtime=0),
            "M1/footfall_hours",
            "TOO_LARGE",
        ),
        (
            "cut.csv.gz",
            gzip.compress(lines(hour(0)), mtime=0)[:-5],
            "M1/footfall_hours",
            "BAD_ARCHIVE",
        ),
        ("not.csv.gz", lines(hour(0)), "M1/footfall_hours", "BAD_ARCHIVE"),
        ("a.csv", lines(hour(0)), "M9/footfall_hours", "UNKNOWN_MALL: there is no mall 'M9'"),
        ("a.csv", lines(hour(0)), "M1/visitors", "UNKNOWN_FEED: there is no feed 'visitors'"),
        ("a.csv", lines(hour(0)), "M1", "UNKNOWN_FOLDER"),
        ("a.csv", lines(hour(0)), "M1/footfall_hours/2026", "UNKNOWN_FOLDER"),
        ("all.csv", lines(hour(0, "x"), hour(1, "y")), "M1/footfall_hours", "NO_USABLE_ROW"),
    ],
)
def test_file_that_cannot_be_used_is_refused_with_reason_and_kept(
    inbox: Inbox, name: str, data: bytes, folder: str, reason: str
) -> None:
    inbox.drop(name, data, folder)
    inbox.drop("good.csv", lines(hour(7)))
    results = {result.key.rsplit("/", 1)[1]: result for result in inbox.land()}
    refused, good = results[name], results["good.csv"]
    assert refused.state == "REFUSED"
    assert refused.reason.startswith(reason)
    assert good.accepted == 1
    assert inbox.keys("inbox/") == []
    archive_key = inbox.one("SELECT archive_key FROM ingest.files WHERE id = %s", refused.file_id)
    assert inbox.store.get(archive_key) == data
    assert refused.rows_total == refused.refused


def test_refused_file_lands_when_it_comes_again_after_the_cause_is_gone(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0, device="FC-02")))
    assert inbox.land_one().state == "REFUSED"
    inbox.connection.execute("UPDATE app.devices SET code = 'FC-02'")
    inbox.drop("a.csv", lines(hour(0, device="FC-02")))
    assert counts(inbox.land_one()) == ("LANDED", 1, 1, 0, 0, 0)


def test_two_gigabyte_file_is_refused_at_once_and_kept(inbox: Inbox) -> None:
    path = inbox.store.path("inbox/M1/footfall_hours/huge.csv")
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(5 * 1024**3)
    began = time.monotonic()
    result = inbox.land_one()
    assert time.monotonic() - began < 2
    assert result.state == "REFUSED"
    assert (
        result.reason == "TOO_LARGE: the file has 5,368,709,120 bytes; the limit is 4,294,967,296"
    )
    (key,) = inbox.keys("archive/refused/2026/04/")
    assert inbox.store.stat(key).bytes == 5 * 1024**3


def test_header_alone_lands_with_no_rows(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines())
    assert counts(inbox.land_one()) == ("LANDED", 0, 0, 0, 0, 0)


def test_marker_with_the_right_checksum_lets_the_file_in_and_goes_with_it(inbox: Inbox) -> None:
    data = lines(hour(0))
    key = inbox.drop("a.csv", data)
    inbox.store.put(f"{key}.done", f"{hashlib.sha256(data).hexdigest().upper()}  a.csv\n".encode())
    assert inbox.land_one().accepted == 1
    assert inbox.keys("inbox/") == []


@pytest.mark.parametrize("marker", [b"0" * 64, b"yes", b"\xff\xfe"])
def test_file_that_differs_from_its_marker_is_refused_and_kept(inbox: Inbox, marker) -> None:
    key = inbox.drop("a.csv", lines(hour(0)))
    inbox.store.put(f"{key}.done", marker)
    result = inbox.land_one()
    assert (result.state, result.reason[:8]) == ("REFUSED", "CHECKSUM")
    assert inbox.one("SELECT count(*) FROM ingest.readings") == 0
    assert len(inbox.keys("archive/")) == 1


def test_future_reading_lands_uncertain(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0), hour(24 * 40)))
    result = inbox.land_one()
    assert (result.accepted, result.uncertain) == (2, 1)
    assert inbox.one("SELECT count(*) FROM ingest.readings WHERE quality = 'UNCERTAIN'") == 2


def test_file_still_being_written_waits(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0)))
    written = datetime.now(UTC)
    assert find_ready_files(inbox.store, now=written, settle_seconds=60) == ()
    later = written + timedelta(seconds=90)
    assert len(find_ready_files(inbox.store, now=later, settle_seconds=60)) == 1
    # A clock that is behind the store's says nothing about the age of a file.
    assert len(find_ready_files(inbox.store, now=NOW - timedelta(days=999), settle_seconds=60)) == 1


def test_crash_between_commit_and_move_is_finished_by_the_next_run(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drop("a.csv", lines(hour(0), hour(1), "bad"))

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(landing, "move_to_archive", killed)
        inbox.land()
    assert inbox.keys("archive/") == []
    assert inbox.one("SELECT count(*) FROM ingest.readings") == 4

    result = inbox.land_one()
    assert counts(result) == ("LANDED", 3, 2, 0, 0, 1)
    assert inbox.keys("inbox/") == []
    assert len(inbox.keys("archive/")) == 1
    assert inbox.one("SELECT count(*) FROM ingest.files") == 1
    assert inbox.one("SELECT count(*) FROM ingest.readings") == 4
    assert inbox.one("SELECT count(*) FROM ingest.quarantine") == 1


def test_crash_before_commit_leaves_nothing_behind(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drop("a.csv", lines(hour(0), "bad"))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(landing, "quarantine", killed)
        inbox.land()
    assert inbox.one("SELECT count(*) FROM ingest.files") == 0
    assert inbox.one("SELECT count(*) FROM ingest.readings") == 0
    assert counts(inbox.land_one()) == ("LANDED", 2, 1, 0, 0, 1)


def test_second_run_with_the_same_listing_takes_nothing_twice(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0)))
    directory = load_device_directory(inbox.connection)
    (found,) = find_ready_files(inbox.store, now=NOW)
    parsed = parse_file(inbox.store, found, directory=directory, now=NOW, settings=inbox.settings)
    first = load_file(inbox.connection, inbox.store, parsed, now=NOW)
    second = load_file(inbox.connection, inbox.store, parsed, now=NOW)
    assert (first.file_id, first.accepted) == (second.file_id, second.accepted)
    late = parse_file(inbox.store, found, directory=directory, now=NOW, settings=inbox.settings)
    assert load_file(inbox.connection, inbox.store, late, now=NOW).state == "GONE"
    assert inbox.one("SELECT count(*) FROM ingest.files") == 1


def test_file_that_changed_since_it_was_read_waits_for_the_next_run(inbox: Inbox) -> None:
    key = inbox.drop("a.csv", lines(hour(0)))
    directory = load_device_directory(inbox.connection)
    (found,) = find_ready_files(inbox.store, now=NOW)
    parsed = parse_file(inbox.store, found, directory=directory, now=NOW, settings=inbox.settings)
    inbox.store.put(key, lines(hour(0), hour(1)))
    assert load_file(inbox.connection, inbox.store, parsed, now=NOW).state == "CHANGED"
    assert inbox.land_one().accepted == 2


def test_load_file_refuses_a_connection_inside_a_transaction(inbox: Inbox, database_url) -> None:
    inbox.drop("a.csv", lines(hour(0)))
    directory = load_device_directory(inbox.connection)
    (found,) = find_ready_files(inbox.store, now=NOW)
    parsed = parse_file(inbox.store, found, directory=directory, now=NOW, settings=inbox.settings)
    with psycopg.connect(database_url) as busy:
        busy.execute("SELECT 1")
        with pytest.raises(ValueError, match="outside a transaction"):
            load_file(busy, inbox.store, parsed, now=NOW)


def test_fingerprint_follows_what_lies_in_the_inbox(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0)))
    first = inbox_fingerprint(find_ready_files(inbox.store, now=NOW))
    assert first == inbox_fingerprint(reversed(find_ready_files(inbox.store, now=NOW)))
    inbox.drop("b.csv", lines(hour(0)))
    second = inbox_fingerprint(find_ready_files(inbox.store, now=NOW))
    inbox.drop("b.csv", lines(hour(1)))
    third = inbox_fingerprint(find_ready_files(inbox.store, now=NOW))
    assert len({first, second, third}) == 3


def test_directory_of_one_mall_holds_its_devices_places_and_shops(inbox: Inbox) -> None:
    shop = inbox.one(
        "INSERT INTO app.shops (mall_id, code, name, business_type) "
        f"VALUES ({inbox.mall_id}, 'S-01', 'Tea', 'CATERING') RETURNING id"
    )
    inbox.one(
        "INSERT INTO app.device_installations (device_id, shop_id, installed_date) "
        f"SELECT id, {shop}, '2026-01-01' FROM app.devices RETURNING id"
    )
    inbox.one("INSERT INTO app.malls (code, name) VALUES ('M2', 'Other') RETURNING id")
    directory = load_device_directory(inbox.connection, mall_code="M1")
    assert set(directory.malls) == {"M1"}
    mall = directory.mall("M1")
    assert mall.shop_codes == {"S-01"}
    assert mall.mall.clock.cutoff_hour == 4
    assert mall.devices["FC-01"].shop_on(date(2026, 3, 1)) == "S-01"
    assert mall.devices["FC-01"].shop_on(date(2025, 3, 1)) == ""
    assert set(load_device_directory(inbox.connection).malls) == {"M1", "M2"}


def test_inbox_in_a_bucket_is_landed_like_a_folder(inbox: Inbox, s3_store: S3Store) -> None:
    inbox.store = s3_store  # type: ignore[assignment]
    key = inbox.drop("电表 1.csv.gz", gzip.compress(lines(hour(0), hour(1, "x")), mtime=0))
    s3_store.put(f"{key}.done", hashlib.sha256(s3_store.get(key)).hexdigest().encode())
    inbox.drop("b.csv", b"", "M1/nothing")
    good, strange = sorted(inbox.land(), key=lambda result: result.state)
    assert counts(good) == ("LANDED", 2, 1, 0, 0, 1)
    assert (strange.state, strange.reason[:12]) == ("REFUSED", "UNKNOWN_FEED")
    assert inbox.keys("inbox/") == []
    assert len(inbox.keys("archive/2026/04/")) == 2


def test_device_that_is_silent_for_three_intervals_goes_offline(inbox: Inbox) -> None:
    inbox.drop("a.csv", lines(hour(0)))
    inbox.land()
    state = "SELECT status FROM app.devices"
    assert mark_silent_devices(inbox.connection, now=NOW + timedelta(hours=3)) == 0
    assert inbox.one(state) == "ONLINE"
    assert mark_silent_devices(inbox.connection, now=NOW + timedelta(hours=3, seconds=1)) == 1
    assert inbox.one(state) == "OFFLINE"


def test_three_hundred_files_are_landed_without_waiting(inbox: Inbox) -> None:
    for number in range(300):
        inbox.drop(f"{number}.csv", lines(hour(number)))
    began = time.process_time()
    results = inbox.land(NOW)
    assert sum(result.accepted for result in results) == 300
    # Measured in our own processor time, so that a busy machine does not fail the test.
    assert time.process_time() - began < 15
