"""Any bytes at the door of devices become rows or a clear refusal: no other error, no flood.

The corpus holds what attackers send: bombs, files that are two kinds at once, broken text, depth.
"""

import gzip
import io
import json
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_feed_adapters import ARRIVAL, FEEDS, MALL

from domain.devices import Feed
from services.adapters.readings_json import Scope, UnreadableBody, parse
from services.adapters.refusals import TITLES
from services.adapters.tables import CannotRead, decode_text
from services.adapters.unpacking import CannotUnpack, unpack_gzip, unpack_zstd

LIMIT = 1_000_000
READING = {
    "device_id": "POS-002",
    "data_type": "sales",
    "value": 1.5,
    "timestamp": "2026-03-31T12:00:00Z",
}
GOOD = json.dumps(READING).encode()
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
thorough = settings(
    max_examples=150,
    deadline=timedelta(seconds=2),
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def zip_of(name: str, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return packed.getvalue()


CORPUS: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \t\r\n" * 50,
    "NUL": b"\x00" * 500,
    "NUL in a text": GOOD.replace(b"POS-002", b"POS\\u0000"),
    "raw NUL in a text": GOOD.replace(b"POS-002", b"POS\x00"),
    "invalid UTF-8": GOOD.replace(b"POS-002", b"\xff\xfe\xc0\xaf"),
    "half a character": GOOD.replace(b"POS-002", b"\\ud800"),
    "raw half a character": GOOD.replace(b"POS-002", b"\xed\xa0\x80"),
    "UTF-16": json.dumps(READING).encode("utf-16"),
    "UTF-32": json.dumps(READING).encode("utf-32"),
    "GBK": json.dumps({**READING, "device_id": "收银"}, ensure_ascii=False).encode("gbk"),
    "many marks": b"\xef\xbb\xbf" * 3 + GOOD,
    "deep array": b"[" * 100_000,
    "deep closed array": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "deep value": GOOD.replace(b"1.5", b"[" * 50_000 + b"]" * 50_000),
    "deep in a batch": b"[" + GOOD + b"," + b"[" * 50_000 + b"]" * 50_000 + b"]",
    "NaN": GOOD.replace(b"1.5", b"NaN"),
    "Infinity": GOOD.replace(b"1.5", b"-Infinity"),
    "NaN as text": GOOD.replace(b"1.5", b'"NaN"'),
    "signalling NaN": GOOD.replace(b"1.5", b'"sNaN123"'),
    "huge exponent": GOOD.replace(b"1.5", b"1e999999999"),
    "huge negative exponent": GOOD.replace(b"1.5", b"1e-999999999"),
    "huge exponent as text": GOOD.replace(b"1.5", b'"1E+999999999999999999"'),
    "number of many digits": GOOD.replace(b"1.5", b"9" * 300_000),
    "doubled field": GOOD[:-1] + b', "value": 2}',
    "doubled field by escape": GOOD[:-1] + b', "\\u0076alue": 2}',
    "unknown field": GOOD[:-1] + b', "__proto__": {}}',
    "comment": b"/* x */" + GOOD,
    "trailing comma": b"[" + GOOD + b",]",
    "two documents": GOOD + GOOD,
    "a number": b"5",
    "null": b"null",
    "array of nulls": b"[" + b"null," * 500 + b"null]",
    "time of year zero": GOOD.replace(b"2026-03", b"0000-00"),
    "time of the far end": GOOD.replace(b"2026-03-31T12:00:00Z", b"9999-12-31T23:59:59-23:59"),
    "time of the near end": GOOD.replace(b"2026-03-31T12:00:00Z", b"0001-01-01T00:00:00+23:59"),
    "time of many digits": GOOD.replace(b"12:00:00Z", b"12:00:00." + b"1" * 5000 + b"Z"),
    "XML with an entity": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "picture and JSON": PNG + GOOD,
    "zip and CSV": zip_of("a.csv", FEEDS[Feed.POS_DAYS][1].encode()),
    "gzip and JSON": gzip.compress(GOOD, mtime=0) + GOOD,
    "script": b"<script>alert(1)</script>",
    "formulas": b"=cmd|'/c calc'!A0,+1,-1,@x\n" * 20,
    "only quotes": b'"' * 1001,
    "only commas": b"," * 100_000,
    "only ends of lines": b"\r\n\n\r" * 20_000,
    "one long line": b"a" * 900_000,
    "many columns": b",".join(b"c%d" % n for n in range(50_000)) + b"\n1",
    "many fields": b'{"x":0,' + b",".join(b'"f%d":%d' % (n, n) for n in range(60_000)) + b"}",
    "open quote": b'device_code,interval_start,interval_end,in,out\n"' + b"x" * 500_000,
}
BOMBS: dict[str, bytes] = {
    "zeros": gzip.compress(bytes(60_000_000), mtime=0),
    "gzip in gzip": gzip.compress(gzip.compress(bytes(60_000_000)), mtime=0),
    "many members": gzip.compress(bytes(40_000), mtime=0) * 400,
    "members of nothing": gzip.compress(b"", mtime=0) * 20_000,
    "cut": gzip.compress(bytes(60_000_000), mtime=0)[:-20],
    "zip": zip_of("a", bytes(10_000_000)),
    "raw deflate": zlib.compress(bytes(10_000_000)),
    "header alone": b"\x1f\x8b\x08",
    "endless name": b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 500_000,
    "zero blocks": gzip.compress(GOOD, mtime=0) + bytes(500_000),
}
ZSTD_BOMBS: dict[str, bytes] = {
    "zeros": zstandard.compress(bytes(60_000_000)),
    "zeros of the highest level": zstandard.compress(bytes(60_000_000), 19),
    "zstd in zstd": zstandard.compress(zstandard.compress(bytes(60_000_000))),
    "many frames": zstandard.compress(bytes(40_000)) * 400,
    "frames of nothing": zstandard.compress(b"") * 20_000,
    "frames to skip": b"\x50\x2a\x4d\x18\x00\x00\x00\x00" * 20_000,
    "frame to skip that never ends": b"\x50\x2a\x4d\x18\xff\xff\xff\xff" + b"x" * 500_000,
    "cut": zstandard.compress(bytes(60_000_000))[:-20],
    "gzip": gzip.compress(bytes(10_000_000), mtime=0),
    "header alone": b"\x28\xb5\x2f\xfd",
    "window of half the memory": b"\x28\xb5\x2f\xfd\x00\xff" + b"x" * 500_000,
    "content that it never has": b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 8 + b"\x01\x00\x00",
}


def check_json(body: bytes, *, is_lines: bool = False) -> None:
    try:
        batch = parse(
            body, is_lines=is_lines, scope=Scope(MALL), arrival=ARRIVAL, max_readings=1000
        )
    except UnreadableBody as error:
        assert error.problem.code in TITLES
        assert error.problem.reason
        return
    assert batch.total == len(batch.index) + len(batch.refusals)
    for refusal in batch.refusals:
        assert refusal.reason_code in TITLES
        assert refusal.reason
        assert len(refusal.row) <= 4000
        assert "\x00" not in refusal.row
        refusal.row.encode()
        refusal.reason.encode()
        assert "\x00" not in refusal.reason


def check_feed(feed: Feed, data: bytes) -> None:
    try:
        frame, refusals, total = FEEDS[feed][0](decode_text(data), where=MALL, arrival=ARRIVAL)
    except CannotRead as error:
        assert error.problem.code in TITLES
        assert error.problem.reason
        return
    assert frame["row_number"].nunique() + len({r.row_number for r in refusals}) == total
    for refusal in refusals:
        assert refusal.reason_code in TITLES
        refusal.reason.encode()
        refusal.row.encode()


def peak_of(work: Callable[[], None]) -> int:
    """Bytes of memory that `work` took at its height."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_body_becomes_rows_or_a_refusal(name: str) -> None:
    check_json(CORPUS[name])
    check_json(CORPUS[name], is_lines=True)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", CORPUS)
def test_hostile_file_becomes_rows_or_a_refusal(feed: Feed, name: str) -> None:
    check_feed(feed, CORPUS[name])


@pytest.mark.parametrize("name", ["deep array", "deep object", "one long line", "only commas"])
def test_memory_stays_in_proportion_to_the_body(name: str) -> None:
    assert peak_of(lambda: check_json(CORPUS[name])) < 40_000_000
    assert peak_of(lambda: check_feed(Feed.POS_DAYS, CORPUS[name])) < 40_000_000


@pytest.mark.parametrize("name", CORPUS)
def test_time_stays_in_proportion_to_the_body(name: str) -> None:
    """None has more than a megabyte; a search in a search would take minutes."""
    began = time.process_time()
    check_json(CORPUS[name])
    check_feed(Feed.POS_DAYS, CORPUS[name])
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("unpack", "bombs", "name"),
    [
        *((unpack_gzip, BOMBS, name) for name in BOMBS),
        *((unpack_zstd, ZSTD_BOMBS, name) for name in ZSTD_BOMBS),
    ],
)
def test_bomb_is_stopped_at_the_limit(
    unpack: Callable[..., bytes], bombs: dict[str, bytes], name: str
) -> None:
    def work() -> None:
        try:
            assert len(unpack(bombs[name], limit=LIMIT)) <= LIMIT
        except CannotUnpack as error:
            assert error.problem.code in TITLES

    # Pieces of zstd come out 16 MB at a time at most.
    assert peak_of(work) < 8 * LIMIT + 20_000_000


@thorough
@given(body=st.binary(max_size=300), is_lines=st.booleans())
def test_any_body(body: bytes, is_lines: bool) -> None:
    check_json(body, is_lines=is_lines)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@thorough
@given(
    changed=st.dictionaries(
        st.sampled_from([*READING, "unit", "interval_end", "other"]), values, max_size=3
    ),
    count=st.integers(1, 3),
)
def test_reading_of_any_values(changed: dict[str, object], count: int) -> None:
    check_json(json.dumps([{**READING, **changed}] * count).encode())


@thorough
@given(at=st.integers(0, 400), put=st.binary(min_size=1, max_size=6), data=st.data())
def test_body_changed_anywhere(at: int, put: bytes, data: st.DataObject) -> None:
    body = json.dumps([READING, {**READING, "unit": "CNY"}]).encode()
    check_json(body[:at] + put + body[at + data.draw(st.integers(0, 6)) :])


@thorough
@given(data=st.binary(max_size=300))
def test_any_bytes_as_a_packed_file(data: bytes) -> None:
    for packed in (data, gzip.compress(data, mtime=0), b"\x1f\x8b" + data):
        try:
            assert len(unpack_gzip(packed, limit=200)) <= 200
        except CannotUnpack as error:
            assert error.problem.code in TITLES
    for packed in (data, zstandard.compress(data), b"\x28\xb5\x2f\xfd" + data):
        try:
            assert len(unpack_zstd(packed, limit=200)) <= 200
        except CannotUnpack as error:
            assert error.problem.code in TITLES


@pytest.mark.parametrize("feed", FEEDS)
@thorough
@given(at=st.integers(0, 250), put=st.binary(min_size=1, max_size=6), data=st.data())
def test_file_changed_anywhere(feed: Feed, at: int, put: bytes, data: st.DataObject) -> None:
    _parse, header, row = FEEDS[feed]
    text = f"{header}\n{row}\n{row}\n".encode()
    check_feed(feed, text[:at] + put + text[at + data.draw(st.integers(0, 6)) :])


@pytest.mark.parametrize("feed", FEEDS)
@thorough
@given(cells=st.lists(st.text(max_size=30), min_size=1, max_size=12))
def test_row_of_any_cells(feed: Feed, cells: list[str]) -> None:
    header = FEEDS[feed][1]
    width = len(header.split(","))
    row = ",".join((cells * width)[:width])
    check_feed(feed, f"{header}\n{row}\n".encode("utf-8", "surrogatepass"))
