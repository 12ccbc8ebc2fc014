"""The adapters of the drop-box: what they take, what they refuse, and what they say about it."""

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
import zstandard

from domain.devices import DeviceKind, Feed, FeedKind
from domain.malls import MallClock
from services.adapters import footfall_hours, meter_registers, pos_days
from services.adapters.arrival import Arrival
from services.adapters.directory import DeviceEntry, MallDevices, MallEntry, Place
from services.adapters.refusals import TITLES, Reason, title_of
from services.adapters.table_feeds import parse_text
from services.adapters.table_text import read_pieces
from services.adapters.tables import CannotRead, decode_text
from services.adapters.unpacking import CannotUnpack, unpack_gzip, unpack_zstd

ARRIVAL = Arrival(
    received_at=datetime(2026, 4, 1, tzinfo=UTC),
    ahead=timedelta(minutes=15),
    behind=timedelta(days=62),
)
MALL = MallDevices(
    mall=MallEntry(1, "M1", MallClock("Asia/Shanghai", cutoff_hour=4)),
    devices={
        device.code: device
        for device in (
            DeviceEntry(
                1,
                "POS-001",
                DeviceKind.POS,
                FeedKind.INTERVAL,
                places=(Place("S-01", date(2026, 1, 1), None),),
            ),
            DeviceEntry(2, "POS-002", DeviceKind.POS, FeedKind.EVENT),
            DeviceEntry(3, "FC-01", DeviceKind.FOOTFALL, FeedKind.INTERVAL),
            DeviceEntry(4, "EM-01", DeviceKind.METER, FeedKind.CUMULATIVE, ratio=Decimal("40.0")),
        )
    },
    shop_codes=frozenset({"S-01", "S-02"}),
)
POS_HEADER = ",".join(pos_days.COLUMNS)
POS_ROW = "M1,S-01,2026-03-05,POS-001,120,51303.00,10.00,1201.00,4136.86,50092.00,CNY,1"
FOOTFALL_HEADER = "device_code,interval_start,interval_end,in,out"
FOOTFALL_ROW = "FC-01,2026-03-05T10:00:00+08:00,2026-03-05T11:00:00+08:00,5,6"
METER_HEADER = ",".join(meter_registers.COLUMNS)
METER_ROW = "EM-01,1-0:1.8.0,2026-03-31T23:59:00+08:00,10234.56,kWh,A,40,gateway"
READINGS_HEADER = "device_id,data_type,timestamp,value,interval_end,unit"
READINGS_ROW = "FC-01,footfall_in,2026-03-05T10:00:00+08:00,5,2026-03-05T11:00:00+08:00,count"
FEEDS = {
    Feed.POS_DAYS: (partial(parse_text, feed=Feed.POS_DAYS), POS_HEADER, POS_ROW),
    Feed.FOOTFALL_HOURS: (
        partial(parse_text, feed=Feed.FOOTFALL_HOURS),
        FOOTFALL_HEADER,
        FOOTFALL_ROW,
    ),
    Feed.METER_REGISTERS: (partial(parse_text, feed=Feed.METER_REGISTERS), METER_HEADER, METER_ROW),
    Feed.READINGS: (partial(parse_text, feed=Feed.READINGS), READINGS_HEADER, READINGS_ROW),
}


def parse(feed: Feed, *lines: str, header: str | None = None):
    adapter, own_header, _ = FEEDS[feed]
    return adapter("\n".join((header or own_header, *lines)), where=MALL, arrival=ARRIVAL)


def changed(row: str, column: int, value: str) -> str:
    cells = row.split(",")
    cells[column] = value
    return ",".join(cells)


def test_day_of_a_till_becomes_six_readings_over_the_business_day() -> None:
    frame, refusals, total = parse(Feed.POS_DAYS, POS_ROW)
    assert (refusals, total) == ([], 1)
    assert dict(zip(frame["metric"], map(str, frame["value"]), strict=True)) == {
        "transactions": "120",
        "gross_sales": "51303.00",
        "refunds": "10.00",
        "discounts": "1201.00",
        "tax": "4136.86",
        "sales": "50092.00",
    }
    assert set(frame["interval_start"]) == {datetime(2026, 3, 4, 20, tzinfo=UTC)}
    assert set(frame["interval_end"]) == {datetime(2026, 3, 5, 20, tzinfo=UTC)}
    assert set(frame["quality"]) == {"GOOD"}


def test_hour_of_a_counter_becomes_two_readings_in_utc() -> None:
    frame, _, _ = parse(Feed.FOOTFALL_HOURS, FOOTFALL_ROW)
    assert list(zip(frame["metric"], frame["value"], strict=True)) == [
        ("footfall_in", Decimal(5)),
        ("footfall_out", Decimal(6)),
    ]
    assert frame["interval_start"][0] == datetime(2026, 3, 5, 2, tzinfo=UTC)


def test_register_has_no_length_and_keeps_its_quality_mark() -> None:
    frame, _, _ = parse(Feed.METER_REGISTERS, METER_ROW, changed(METER_ROW, 5, "E"))
    assert list(frame["metric"]) == ["electricity_register"] * 2
    assert list(frame["quality"]) == ["GOOD", "ESTIMATED"]
    assert (frame["interval_start"] == frame["interval_end"]).all()


@pytest.mark.parametrize(
    ("feed", "column", "value", "reason", "says"),
    [
        (Feed.POS_DAYS, 0, "M2", Reason.WRONG_MALL, "the file lies in the folder of M1"),
        (Feed.POS_DAYS, 1, "S-99", Reason.UNKNOWN_SHOP, "shop_code is 'S-99'"),
        (Feed.POS_DAYS, 1, "S-02", Reason.WRONG_SHOP, "POS-001 stood in shop S-01"),
        (Feed.POS_DAYS, 2, "05/03/2026", Reason.BAD_TIME, "expected a date such as 2026-03-05"),
        (Feed.POS_DAYS, 2, "2026-02-30", Reason.BAD_TIME, "business_date is '2026-02-30'"),
        (Feed.POS_DAYS, 2, "1970-01-01", Reason.IMPOSSIBLE_TIME, "from 2000 on"),
        (Feed.POS_DAYS, 2, "0001-01-01", Reason.IMPOSSIBLE_TIME, "from 2000 on"),
        (Feed.POS_DAYS, 2, "9999-12-31", Reason.IMPOSSIBLE_TIME, "from 2000 on"),
        (Feed.POS_DAYS, 3, "POS-999", Reason.UNKNOWN_DEVICE, "till_id is 'POS-999'"),
        (Feed.POS_DAYS, 3, "FC-01", Reason.WRONG_KIND, "kind FOOTFALL; this feed is for POS"),
        (Feed.POS_DAYS, 3, "POS-002", Reason.WRONG_FEED, "would count twice"),
        (Feed.POS_DAYS, 4, "1.5", Reason.BAD_NUMBER, "txn_count is '1.5'; expected a whole"),
        (Feed.POS_DAYS, 5, "NaN", Reason.BAD_NUMBER, "gross_sales is 'NaN'"),
        (Feed.POS_DAYS, 5, "Infinity", Reason.BAD_NUMBER, "gross_sales is 'Infinity'"),
        (Feed.POS_DAYS, 5, "1e5", Reason.BAD_NUMBER, "gross_sales is '1e5'"),
        (Feed.POS_DAYS, 5, "٣", Reason.BAD_NUMBER, "expected a number such as 1234.50"),
        (Feed.POS_DAYS, 6, "", Reason.BAD_NUMBER, "refunds is ''"),
        (Feed.POS_DAYS, 9, "50092.01", Reason.NET_SALES_MISMATCH, "= 50092.00"),
        (Feed.POS_DAYS, 10, "USD", Reason.WRONG_CURRENCY, "keeps CNY"),
        (Feed.FOOTFALL_HOURS, 0, "FC-99", Reason.UNKNOWN_DEVICE, "device_code is 'FC-99'"),
        (Feed.FOOTFALL_HOURS, 0, "EM-01", Reason.WRONG_KIND, "kind METER"),
        (Feed.FOOTFALL_HOURS, 1, "2026-03-05T10:00:00", Reason.BAD_TIME, "with its offset"),
        (Feed.FOOTFALL_HOURS, 1, "2026-13-05T10:00:00Z", Reason.BAD_TIME, "interval_start"),
        (Feed.FOOTFALL_HOURS, 1, "1999-12-31T10:00:00Z", Reason.IMPOSSIBLE_TIME, "from 2000 on"),
        (Feed.FOOTFALL_HOURS, 2, "2026-03-05T10:00:00+08:00", Reason.BAD_INTERVAL, "after the"),
        (Feed.FOOTFALL_HOURS, 2, "2026-03-09T10:00:00+08:00", Reason.BAD_INTERVAL, "24 hours"),
        (Feed.FOOTFALL_HOURS, 3, "", Reason.BAD_NUMBER, "in is ''; expected a whole number"),
        (Feed.FOOTFALL_HOURS, 4, "x", Reason.BAD_NUMBER, "out is 'x'"),
        (Feed.METER_REGISTERS, 0, "EM-99", Reason.UNKNOWN_DEVICE, "meter_no is 'EM-99'"),
        (Feed.METER_REGISTERS, 1, "1-0:2.8.0", Reason.UNKNOWN_METRIC, "expected 1-0:1.8.0 or"),
        (Feed.METER_REGISTERS, 2, "yesterday", Reason.BAD_TIME, "reading_ts is 'yesterday'"),
        (Feed.METER_REGISTERS, 3, "1.1234567", Reason.BAD_NUMBER, "6 decimals"),
        (Feed.METER_REGISTERS, 4, "m3", Reason.WRONG_UNIT, "expected kWh"),
        (Feed.METER_REGISTERS, 5, "X", Reason.WRONG_QUALITY, "A (actual) or E (estimated)"),
        (Feed.METER_REGISTERS, 6, "1", Reason.WRONG_RATIO, "registered with 40"),
        (Feed.READINGS, 0, "FC-99", Reason.UNKNOWN_DEVICE, "device_id is 'FC-99'"),
        (Feed.READINGS, 1, "visitors", Reason.UNKNOWN_METRIC, "one of sales"),
        (Feed.READINGS, 1, "sales", Reason.WRONG_KIND, "it measures footfall_in"),
        (Feed.READINGS, 2, "2026-03-05T10:00:00", Reason.BAD_TIME, "timestamp is"),
        (Feed.READINGS, 2, "2036-03-05T10:00:00Z", Reason.IMPOSSIBLE_TIME, "a year after"),
        (Feed.READINGS, 3, "5.5", Reason.BAD_NUMBER, "a whole number"),
        (Feed.READINGS, 4, "noon", Reason.BAD_TIME, "interval_end is 'noon'"),
        (Feed.READINGS, 4, "2026-03-09T11:00:00+08:00", Reason.BAD_INTERVAL, "at most a day"),
        (Feed.READINGS, 5, "kWh", Reason.WRONG_UNIT, "expected count for footfall_in"),
    ],
)
def test_bad_cell_is_refused_and_spoils_no_other_row(feed, column, value, reason, says) -> None:
    good = FEEDS[feed][2]
    frame, refusals, total = parse(feed, good, changed(good, column, value), good)
    assert total == 3
    assert set(frame["row_number"]) == {2, 4}
    (refusal,) = refusals
    assert (refusal.row_number, refusal.reason_code) == (3, reason)
    assert says in refusal.reason
    assert value in refusal.row


def test_row_with_another_number_of_columns_is_refused_alone() -> None:
    frame, refusals, total = parse(Feed.POS_DAYS, POS_ROW, "a,b", POS_ROW + ",more", POS_ROW)
    assert set(frame["row_number"]) == {2, 5}
    assert [r.row_number for r in refusals] == [3, 4]
    assert "2 columns; expected the 12" in refusals[0].reason
    assert total == 4


def test_future_day_is_uncertain_not_refused() -> None:
    frame, refusals, _ = parse(Feed.POS_DAYS, changed(POS_ROW, 2, "2026-04-03"))
    assert refusals == []
    assert set(frame["quality"]) == {"UNCERTAIN"}


def test_day_file_sent_before_the_day_ends_is_certain() -> None:
    frame, _, _ = parse(Feed.POS_DAYS, changed(POS_ROW, 2, "2026-04-01"))
    assert set(frame["quality"]) == {"GOOD"}


def test_reading_older_than_the_limit_is_uncertain() -> None:
    frame, _, _ = parse(Feed.METER_REGISTERS, changed(METER_ROW, 2, "2026-01-01T00:00:00+08:00"))
    assert list(frame["quality"]) == ["UNCERTAIN"]


def test_every_row_is_accounted_for() -> None:
    lines = [POS_ROW, "x", changed(POS_ROW, 5, "NaN"), "", changed(POS_ROW, 2, "2026-03-06")]
    frame, refusals, total = parse(Feed.POS_DAYS, *lines)
    assert total == frame["row_number"].nunique() + len({r.row_number for r in refusals}) == 4


@pytest.mark.parametrize("feed", FEEDS)
def test_header_alone_gives_no_rows(feed) -> None:
    frame, refusals, total = parse(feed)
    assert (len(frame), refusals, total) == (0, [], 0)


@pytest.mark.parametrize("feed", FEEDS)
def test_columns_may_stand_in_any_order_with_others_between(feed) -> None:
    header, row = FEEDS[feed][1], FEEDS[feed][2]
    turned = ",".join(["Note", *reversed(header.upper().split(","))])
    frame, refusals, _ = parse(feed, ",".join(["x", *reversed(row.split(","))]), header=turned)
    assert refusals == []
    assert len(frame) in (1, 2, 6)


@pytest.mark.parametrize(
    ("text", "reason", "says"),
    [
        ("", Reason.EMPTY_FILE, "expected a header and rows"),
        ("\n\n", Reason.EMPTY_FILE, "no line"),
        ("a;b;c\n1;2;3", Reason.WRONG_HEADER, "lacks device_code"),
        ("device_code,interval_start,in,out\n", Reason.WRONG_HEADER, "lacks interval_end"),
        (FOOTFALL_HEADER + ",IN\n", Reason.WRONG_HEADER, "names in twice"),
        (FOOTFALL_HEADER + '\nFC-01,"2026', Reason.NOT_CSV, "line 2 is no CSV"),
        (FOOTFALL_HEADER + "\nFC\x00", Reason.NOT_CSV, "NUL"),
    ],
)
def test_text_that_is_no_table_is_refused_whole(text, reason, says) -> None:
    with pytest.raises(CannotRead) as caught:
        list(read_pieces([text], footfall_hours.COLUMNS)[1])
    assert caught.value.problem.code == reason
    assert says in caught.value.problem.reason


def test_text_is_read_as_utf8_with_or_without_mark_and_as_gbk() -> None:
    for encoding in ("utf-8", "utf-8-sig", "gbk", "gb18030"):
        assert decode_text("广场,店铺".encode(encoding)) == "广场,店铺"


@pytest.mark.parametrize("data", [b"ok\nbad \xff\xff row", b"caf\xe9", "文".encode("utf-16")])
def test_text_in_no_known_encoding_is_refused(data) -> None:
    with pytest.raises(CannotRead) as caught:
        decode_text(data)
    assert caught.value.problem.code == Reason.UNKNOWN_ENCODING


def test_place_of_the_bad_byte_is_named() -> None:
    with pytest.raises(CannotRead, match="line 2, byte 7"):
        decode_text(b"ok\nbad \xff\xff row")


def test_gzip_of_several_members_is_unpacked_whole() -> None:
    assert (
        unpack_gzip(gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0), limit=100)
        == b"onetwo"
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"no gzip", "no sound gzip"),
        (gzip.compress(b"hello" * 100, mtime=0)[:-9], "cut off"),
        (gzip.compress(b"hello", mtime=0)[:-4] + b"\x01\x02\x03\x04", "no sound gzip"),
        (gzip.compress(b"hello", mtime=0) + b"tail", "no sound gzip"),
    ],
)
def test_damaged_gzip_is_refused(data, says) -> None:
    with pytest.raises(CannotUnpack, match=says) as caught:
        unpack_gzip(data, limit=10_000)
    assert caught.value.problem.code == Reason.BAD_ARCHIVE


def test_gzip_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000), mtime=0)
    with pytest.raises(CannotUnpack, match="more than 1,000,000 bytes"):
        unpack_gzip(bomb, limit=1_000_000)
    with pytest.raises(CannotUnpack, match="times its size"):
        unpack_gzip(bomb, limit=100_000_000)
    assert len(unpack_gzip(bomb, limit=100_000_000, is_trusted=True)) == 50_000_000


def streamed_zstd(*parts: bytes) -> bytes:
    """As a sender packs who does not know the length beforehand."""
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join([*(packer.compress(part) for part in parts), packer.flush()])


def test_zstd_of_several_frames_is_unpacked_whole() -> None:
    long = bytes(range(256)) * 10_000
    packed = zstandard.compress(b"one") + streamed_zstd(b"two", long) + zstandard.compress(b"")
    assert unpack_zstd(packed, limit=3_000_000) == b"onetwo" + long


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"no zstd", "no sound zstd"),
        (zstandard.compress(b"hello" * 100)[:-3], "cut off"),
        (streamed_zstd(b"hello" * 100)[:-3], "cut off"),
        (zstandard.compress(b"hello") + b"tail", "no sound zstd"),
        (b"\x28\xb5\x2f\xfd\x00\xff" + b"x" * 50, "too much memory"),
    ],
)
def test_damaged_zstd_is_refused(data, says) -> None:
    with pytest.raises(CannotUnpack, match=says) as caught:
        unpack_zstd(data, limit=10_000)
    assert caught.value.problem.code == Reason.BAD_ARCHIVE


def test_zstd_bomb_is_stopped_at_the_limit() -> None:
    bomb = zstandard.compress(bytes(50_000_000))
    with pytest.raises(CannotUnpack, match="more than 1,000,000 bytes"):
        unpack_zstd(bomb, limit=1_000_000)
    with pytest.raises(CannotUnpack, match="times its size"):
        unpack_zstd(bomb, limit=100_000_000)
    assert len(unpack_zstd(bomb, limit=100_000_000, is_trusted=True)) == 50_000_000


def test_every_reason_has_a_title_in_both_languages() -> None:
    assert set(TITLES) == set(Reason)
    for reason in Reason:
        assert title_of(reason, "zh_CN") != title_of(reason, "en")
    assert title_of("SOMETHING_NEWER", "zh_CN") == "SOMETHING_NEWER"
