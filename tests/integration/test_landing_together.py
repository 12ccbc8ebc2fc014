"""Small files landed together end as they would one by one, whatever is among them."""

import gzip
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from services.operations import landing, landing_together
from services.operations.landing import (
    FileResult,
    find_ready_files,
    load_device_directory,
    load_file,
    parse_file,
    parse_files,
)
from services.operations.landing_together import load_files
from storage.objects import FolderStore
from storage.settings import Settings

NOW = datetime(2026, 4, 1, tzinfo=UTC)
HEADER = "device_code,interval_start,interval_end,in,out"
TABLES = """
TRUNCATE ingest.files, ingest.readings, ingest.reading_revisions, ingest.quarantine,
         ingest.late_readings, ingest.touched_dates
"""
# What every table says, without the numbers that a sequence gave.
SAID = {
    "files": "SELECT mall_id, feed, inbox_key, archive_key, sha256, bytes, state, reason, "
    "received_at, run_id, rows_total, rows_accepted, rows_duplicate, rows_revised, rows_late, "
    "rows_refused FROM ingest.files ORDER BY id",
    "readings": "SELECT device_id, metric, interval_start, interval_end, value, quality, "
    "r.received_at, f.inbox_key FROM ingest.readings r JOIN ingest.files f ON f.id = file_id "
    "ORDER BY 1, 2, 3",
    "revisions": "SELECT device_id, metric, interval_start, value, quality, r.received_at, "
    "f.inbox_key FROM ingest.reading_revisions r JOIN ingest.files f ON f.id = file_id "
    "ORDER BY r.id",
    "quarantine": "SELECT q.mall_id, f.inbox_key, row_number, row, reason_code, q.reason, "
    "q.received_at FROM ingest.quarantine q JOIN ingest.files f ON f.id = file_id "
    "ORDER BY f.id, q.id",
    "late": "SELECT device_id, metric, interval_start, value, l.state, f.inbox_key "
    "FROM ingest.late_readings l JOIN ingest.files f ON f.id = file_id ORDER BY l.id",
    "touched": "SELECT mall_id, business_date FROM ingest.touched_dates ORDER BY 1, 2",
    "heard": "SELECT code, mall_id, status, last_seen_at FROM app.devices ORDER BY id",
}


def hour(number: int, entered: object = 5, left: object = 4, device: str = "FC-01") -> str:
    start = datetime(2026, 3, 5, tzinfo=UTC) + timedelta(hours=number)
    return (
        f"{device},{start.isoformat()},{(start + timedelta(hours=1)).isoformat()},{entered},{left}"
    )


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *rows)).encode()


def quoted(row: str) -> str:
    return ",".join(f'"{cell}"' for cell in row.split(","))


# Files of which every reading is new, some with refused or uncertain rows.
NEW = {
    "new.csv": table(hour(0), hour(1)),
    "refused rows.csv": table(hour(2), hour(3, "NaN"), "x,y", hour(4, device="FC-99"), hour(5)),
    "quoted.csv": table(quoted(hour(6)), quoted(hour(7, " 8 "))),
    "blanks.csv": table(hour(8, " 9 "), "", hour(9)),
    "packed.csv.gz": gzip.compress(table(hour(10)), mtime=0),
    "columns.csv": table(
        "商场,7,3,FC-01,2026-03-05T19:00:00+08:00,2026-03-05T20:00:00+08:00",
        header="note,in,out,device_code,interval_start,interval_end",
    ),
    "gbk.csv": "\n".join((f"{HEADER},备注", f"{hour(12)},商场", f"{hour(13)},门")).encode("gbk"),
    "uncertain.csv": table(hour(14), hour(24 * 40)),
}
# Files that count otherwise.
OTHERS = {
    "same bytes.csv": table(hour(0), hour(1)),
    "known.csv": table(hour(0), hour(20)),
    "revised.csv": table(hour(1, 50), hour(21)),
    "revised again.csv": table(hour(1, 51), hour(1, 52), hour(22, "no")),
    "twice within.csv": table(hour(23), hour(23), hour(23, 6)),
    "closed.csv": table(hour(-24 * 10), hour(24)),
    "closed known.csv": table(hour(-24 * 10), hour(-24 * 10, 7)),
    "all refused.csv": table(hour(0, "NaN"), "x"),
    "all refused too.csv": table(hour(0, "NaN"), "x"),
    "no table.csv": b"a,b\n1,2\n",
    "not text.csv": b"\xff\xfe\x00",
    "quote.csv": table('"open'),
    "header.csv": table(),
    "empty.csv": b"",
    "marked.csv": table(hour(25)),
    "ill marked.csv": table(hour(26)),
}


class Box:
    def __init__(self, url: str, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.connection = psycopg.connect(url, autocommit=True)
        for code in ("M1", "M2"):
            self.connection.execute(
                "WITH mall AS (INSERT INTO app.malls (code, name, business_day_cutoff_hour) "
                "VALUES (%s, 'Mall', 4) RETURNING id) "
                "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
                "SELECT id, 'FC-01', 'FOOTFALL', 'INTERVAL' FROM mall",
                (code,),
            )
        self.store = FolderStore(folder)

    def fill(self, name: str, files: dict[str, bytes]) -> None:
        """An empty database and a drop-box with these files, the first the oldest."""
        self.connection.execute(TABLES)
        self.connection.execute("UPDATE app.devices SET status = 'OFFLINE', last_seen_at = NULL")
        self.store = FolderStore(self.folder / name)
        for number, (file, data) in enumerate(files.items()):
            mall = "M2" if number % 7 == 3 else "M1"
            key = f"inbox/{mall}/footfall_hours/{number:03} {file}"
            self.store.put(key, data)
            if "marked" in file:
                digest = hashlib.sha256(b"" if "ill" in file else data).hexdigest()
                self.store.put(f"{key}.done", digest.encode())

    def land_one_by_one(self) -> list[FileResult]:
        directory = load_device_directory(self.connection)
        return [
            load_file(
                self.connection,
                self.store,
                parse_file(self.store, each, directory=directory, now=NOW, settings=self.settings),
                now=NOW,
                run_id="run",
            )
            for each in find_ready_files(self.store, now=NOW)
        ]

    def land_together(self) -> list[FileResult]:
        parsed = parse_files(
            self.store,
            find_ready_files(self.store, now=NOW),
            directory=load_device_directory(self.connection),
            now=lambda: NOW,
            settings=self.settings,
            observe=lambda _: lambda kind, frame: None,
        )
        return list(load_files(self.connection, self.store, parsed, now=lambda: NOW, run_id="run"))

    def said(self) -> dict[str, list[tuple]]:
        said = {name: self.connection.execute(query).fetchall() for name, query in SAID.items()}
        return said | {"objects": sorted((each.key,) for each in self.store.list(""))}

    def count(self, of: str) -> int:
        (number,) = self.connection.execute(f"SELECT count(*) FROM ingest.{of}").fetchone()
        return number


@pytest.fixture
def box(database_url: str, settings: Settings, tmp_path: Path) -> Iterator[Box]:
    box = Box(database_url, settings, tmp_path / "objects")
    yield box
    box.connection.close()


def told(results: list[FileResult]) -> list[tuple]:
    return [
        (r.key, r.state, r.rows_total, r.accepted, r.duplicate, r.revised, r.late, r.refused,
         r.uncertain, r.reason, r.readings)
        for r in results
    ]  # fmt: skip


@pytest.mark.parametrize("at_once", [3, 100])
def test_files_land_together_as_they_do_one_by_one(
    box: Box, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_together, "FILES_TOGETHER", at_once)
    box.connection.execute(
        "INSERT INTO app.closed_months (mall_id, month, closed_at, closed_by) "
        "SELECT id, '2026-02-01', now(), 'who' FROM app.malls"
    )
    files = NEW | OTHERS
    box.fill("one by one", files)
    one_by_one, said = told(box.land_one_by_one()), box.said()
    assert {state for _, state, *_ in one_by_one} == {"LANDED", "DUPLICATE", "REFUSED"}
    for place in range(3, 9):
        assert any(result[place] for result in one_by_one)

    box.fill("together", files)
    assert told(box.land_together()) == one_by_one
    assert box.said() == said


def test_new_files_are_one_transaction(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.fill("new", NEW)
    for each in list(box.store.list("inbox/M2/")):
        box.store.delete(each.key)
    monkeypatch.setattr(landing_together, "load_file", None)
    results = box.land_together()
    assert {result.state for result in results} == {"LANDED"}
    query = "SELECT count(DISTINCT xmin::text), count(*) FROM ingest.files"
    assert box.connection.execute(query).fetchone() == (1, len(results))


def test_crash_between_commit_and_moves_is_finished_by_the_next_run(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.fill("whole", NEW)
    box.land_together()
    said = box.said()

    class Killed(BaseException):
        pass

    moved = 0

    def killed(*given: object) -> None:
        nonlocal moved
        moved += 1
        if moved == 3:
            raise Killed
        landing.move_to_archive(*given)  # type: ignore[arg-type]

    box.fill("killed", NEW)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(landing_together, "move_to_archive", killed)
        box.land_together()
    assert box.count("files") >= 3
    assert 0 < len(list(box.store.list("archive/"))) < box.count("files")

    box.land_together()
    assert box.said() == said


def test_crash_before_the_commit_leaves_nothing_behind(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    box.fill("killed", NEW)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(landing_together, "touch_dates", killed)
        box.land_together()
    assert (box.count("files"), box.count("readings"), box.count("quarantine")) == (0, 0, 0)
    assert list(box.store.list("archive/")) == []
    assert {result.state for result in box.land_together()} == {"LANDED"}


def test_file_that_changed_since_it_was_read_waits_and_the_others_land(box: Box) -> None:
    box.fill("changing", NEW)
    directory = load_device_directory(box.connection)
    found = find_ready_files(box.store, now=NOW)
    parsed = list(
        parse_files(
            box.store,
            found,
            directory=directory,
            now=lambda: NOW,
            settings=box.settings,
            observe=lambda _: lambda kind, frame: None,
        )
    )
    box.store.put(found[1].key, table(hour(2), hour(30), hour(31)))
    box.store.delete(found[4].key)
    results = list(load_files(box.connection, box.store, parsed, now=lambda: NOW))
    assert [result.state for result in results] == [
        "CHANGED" if n == 1 else "GONE" if n == 4 else "LANDED" for n in range(len(found))
    ]
    (later,) = box.land_together()
    assert (later.state, later.accepted) == ("LANDED", 3)
