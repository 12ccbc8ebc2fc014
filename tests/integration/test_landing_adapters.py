"""What makes of devices write as files, our own format, archives and long files: landed exactly."""

import gzip
import hashlib
import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from adapter_samples import SAMPLES
from test_landing import NOW, Inbox, counts, hour, lines

from domain.devices import Adapter
from domain.scopes import Actor, ActorKind
from services.operations import file_contents
from services.operations.closed_months import close_month
from storage.database import create_engine, transaction
from storage.objects import S3Store

FOOTFALL, METER, POS = "FOOTFALL", "METER", "POS"
# A file of each make, and how its senders are registered.
FILES = {
    Adapter.HIKVISION: ("interval", FOOTFALL, "INTERVAL"),
    Adapter.AXIS: ("push", FOOTFALL, "INTERVAL"),
    Adapter.XOVIS: ("version 4", FOOTFALL, "INTERVAL"),
    Adapter.MILESIGHT: ("periodic", FOOTFALL, "INTERVAL"),
    Adapter.POSLOG: ("day", POS, "EVENT"),
    Adapter.TECHTRANS: ("sale", POS, "EVENT"),
    Adapter.SHOP_DAYS: ("days", POS, "INTERVAL"),
    Adapter.NEM12: ("intervals", METER, "INTERVAL"),
    Adapter.DSMR: ("version 5", METER, "CUMULATIVE"),
    Adapter.GATEWAY: ("values", METER, "CUMULATIVE"),
    Adapter.AI_ON_THE_EDGE: ("named", METER, "CUMULATIVE"),
}
FINANCE = Actor(ActorKind.PERSON, "finance@example.org")
LATER = datetime(2026, 5, 14, tzinfo=UTC)
READINGS = "M1/readings"


@pytest.fixture
def inbox(database_url, settings, tmp_path):
    box = Inbox(database_url, settings, tmp_path)
    yield box
    box.connection.close()


def zip_of(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return packed.getvalue()


def written(inbox: Inbox) -> int:
    return inbox.one(
        "SELECT (SELECT count(*) FROM ingest.readings) "
        "+ (SELECT count(*) FROM ingest.till_transactions)"
    )  # type: ignore[return-value]


@pytest.mark.parametrize("adapter", FILES)
def test_file_of_a_make_waits_for_its_devices_and_then_lands_once(
    inbox: Inbox, adapter: Adapter
) -> None:
    sample, kind, feed_kind = FILES[adapter]
    data = SAMPLES[adapter][sample]
    inbox.drop("a.txt", data, f"M1/{adapter.value}")
    refused = inbox.land_one(LATER)
    assert (refused.state, refused.reason[:13]) == ("REFUSED", "NO_USABLE_ROW")
    assert written(inbox) == 0
    assert inbox.one("SELECT count(*) FROM ingest.quarantine") >= refused.refused > 0
    unknown = inbox.connection.execute(
        "SELECT serial, channel FROM ingest.unknown_devices WHERE adapter = %s", (adapter.value,)
    ).fetchall()
    assert unknown
    for number, (serial, channel) in enumerate(unknown):
        inbox.connection.execute(
            "INSERT INTO app.devices (mall_id, code, kind, feed_kind, adapter, serial, channel) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (inbox.mall_id, f"D-{number}", kind, feed_kind, adapter.value, serial, channel),
        )
    inbox.drop("b.txt", data, f"M1/{adapter.value}")
    landed = inbox.land_one(LATER)
    assert landed.state == "LANDED"
    assert landed.accepted > 0
    assert landed.rows_total == landed.accepted + landed.refused
    stored = written(inbox)
    assert stored >= landed.accepted
    inbox.drop("c.txt", data, f"M1/{adapter.value}")
    assert inbox.land_one(LATER).state == "DUPLICATE"
    assert written(inbox) == stored


def test_every_make_has_a_file_in_these_tests() -> None:
    assert set(FILES) == set(Adapter) - {Adapter.ATRIUM}


def reading(number: int, value: object = 5, device: str = "FC-01") -> dict[str, object]:
    start = datetime(2026, 3, 5, tzinfo=UTC) + timedelta(hours=number)
    return {
        "device_id": device,
        "data_type": "footfall_in",
        "timestamp": start.isoformat(),
        "value": value,
    }


def test_our_own_format_lands_as_csv_json_and_ndjson_alike(inbox: Inbox) -> None:
    rows = [reading(0), reading(1, 7), reading(2, device="FC-99")]
    header = "timestamp,value,device_id,data_type\n"
    table = header + "\n".join(
        f"{row['timestamp']},{row['value']},{row['device_id']},{row['data_type']}" for row in rows
    )
    found = []
    for name, data in {
        "a.csv": table.encode(),
        "a.json": json.dumps(rows).encode(),
        "a.ndjson": "\n".join(map(json.dumps, rows)).encode(),
    }.items():
        inbox.drop(name, data, READINGS)
        result = inbox.land_one()
        found.append(counts(result))
        assert inbox.one("SELECT sum(value) FROM ingest.readings") == 12
        assert inbox.one(
            "SELECT reason_code FROM ingest.quarantine WHERE file_id = %s", result.file_id
        ) == ("UNKNOWN_DEVICE")
    assert found == [
        ("LANDED", 3, 2, 0, 0, 1),
        ("LANDED", 3, 0, 2, 0, 1),
        ("LANDED", 3, 0, 2, 0, 1),
    ]


def test_zip_of_many_files_is_one_file_with_all_their_rows(inbox: Inbox) -> None:
    data = zip_of(
        a__csv=lines(hour(0), hour(1, "x")),
        b__csv=lines(hour(1), hour(0, 9)).decode().encode("gbk"),
        c__csv=b"\xef\xbb\xbf" + lines(hour(2)),
    )
    inbox.drop("month.zip", data)
    result = inbox.land_one()
    assert counts(result) == ("LANDED", 5, 3, 0, 1, 1)
    assert inbox.one("SELECT reason FROM ingest.quarantine").startswith("a.csv: in is 'x'")  # type: ignore[union-attr]
    assert inbox.store.get(inbox.keys("archive/")[0]) == data
    assert inbox.one("SELECT sum(value) FROM ingest.readings WHERE metric = 'footfall_in'") == 19


def encrypted() -> bytes:
    data = bytearray(zip_of(a__csv=lines(hour(0))))
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (zip_of(a__zip=zip_of(a__csv=b"x")), "BAD_ARCHIVE"),
        (zip_of(a__csv=zip_of(a__csv=b"x")), "BAD_ARCHIVE: it holds another archive"),
        (zip_of(**{"../a__csv": b"x"}), "BAD_ARCHIVE"),
        (zip_of(**{"/etc/a__csv": b"x"}), "BAD_ARCHIVE"),
        (zip_of(a__csv=bytes(60_000_000)), "TOO_LARGE: it unpacks"),
        (zip_of(), "EMPTY_FILE"),
        (zip_of(a__csv=lines(hour(0)))[:-9], "BAD_ARCHIVE"),
        (encrypted(), "BAD_ARCHIVE: it holds an encrypted member"),
        (zip_of(a__csv=lines(hour(0)), b__csv=b"a,b\n1,2\n"), "WRONG_HEADER: b.csv: the header"),
    ],
)
def test_zip_that_cannot_be_used_is_refused_whole_and_kept(
    inbox: Inbox, data: bytes, reason: str
) -> None:
    inbox.drop("a.zip", data)
    result = inbox.land_one()
    assert result.state == "REFUSED"
    assert result.reason.startswith(reason), result.reason
    assert written(inbox) == 0
    assert inbox.store.get(inbox.keys("archive/")[0]) == data


def test_bucket_takes_a_zip_with_its_marker(inbox: Inbox, s3_store: S3Store) -> None:
    inbox.store = s3_store  # type: ignore[assignment]
    data = zip_of(a__csv=lines(hour(0)), b__csv=lines(hour(1)))
    key = inbox.drop("a.zip", data)
    s3_store.put(f"{key}.done", hashlib.sha256(data).hexdigest().encode())
    assert counts(inbox.land_one()) == ("LANDED", 2, 2, 0, 0, 0)
    assert inbox.keys("inbox/") == []


@pytest.fixture
def long_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table counts as long: judged and written in pieces from disk."""
    monkeypatch.setattr(file_contents, "SMALL", 10)


def test_long_file_counts_its_rows_as_a_small_one(inbox: Inbox, long_files: None) -> None:
    first = lines(*(hour(n) for n in range(40)), hour(40, "x"), '"FC-01","broken"')
    inbox.drop("a.csv.gz", gzip.compress(first, mtime=0))
    assert counts(inbox.land_one()) == ("LANDED", 42, 40, 0, 0, 2)
    rows = inbox.connection.execute(
        "SELECT row_number, reason_code, row FROM ingest.quarantine ORDER BY row_number"
    ).fetchall()
    assert [row[:2] for row in rows] == [(42, "BAD_NUMBER"), (43, "WRONG_COLUMNS")]
    assert rows[1][2] == "FC-01,broken"
    # Known rows, a changed one, a new one, and one key twice in the file.
    again = lines(hour(0), hour(1), hour(2, 9), hour(50), hour(50), hour(51, 1), hour(51, 2))
    inbox.drop("b.csv", again)
    assert counts(inbox.land_one()) == ("LANDED", 7, 2, 3, 2, 0)
    assert inbox.one("SELECT count(*) FROM ingest.reading_revisions") == 2
    query = "SELECT value FROM ingest.readings WHERE metric = 'footfall_in' AND interval_start = %s"
    assert inbox.one(query, datetime(2026, 3, 7, 3, tzinfo=UTC)) == 2
    days = inbox.connection.execute("SELECT business_date FROM ingest.touched_dates ORDER BY 1")
    assert [day for (day,) in days] == [date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 7)]
    assert list((inbox.settings.state_dir / "spool").iterdir()) == []


def test_long_file_of_nothing_new_touches_no_date(inbox: Inbox, long_files: None) -> None:
    inbox.drop("a.csv", lines(hour(0), hour(1)))
    inbox.land()
    inbox.connection.execute("DELETE FROM ingest.touched_dates")
    inbox.drop("b.csv", lines(hour(1), hour(0)))
    assert counts(inbox.land_one()) == ("LANDED", 2, 0, 2, 0, 0)
    assert inbox.one("SELECT count(*) FROM ingest.touched_dates") == 0


@pytest.mark.parametrize("is_long", [False, True])
def test_rows_of_a_closed_month_are_late(
    inbox: Inbox, database_url: str, monkeypatch: pytest.MonkeyPatch, is_long: bool
) -> None:
    if is_long:
        monkeypatch.setattr(file_contents, "SMALL", 10)
    engine = create_engine(database_url)
    with transaction(engine) as session:
        close_month(session, mall_id=inbox.mall_id, month=date(2026, 3, 1), actor=FINANCE, now=NOW)
    engine.dispose()
    inbox.drop("a.csv", lines(hour(0), hour(1), hour(24 * 28)))
    result = inbox.land_one(NOW + timedelta(days=3))
    assert (result.rows_total, result.accepted, result.late) == (3, 1, 2)
    assert inbox.one("SELECT rows_late FROM ingest.files") == 2
    assert inbox.one("SELECT count(*) FROM ingest.readings") == 2
    assert inbox.one("SELECT count(*) FROM ingest.late_readings") == 4
