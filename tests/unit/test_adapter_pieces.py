"""The small things that adapters share: times, numbers, names, XML of any namespace."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from adapter_checks import moment
from hypothesis import given
from hypothesis import strategies as st

from domain.devices import Metric
from services.adapters import decoded, pieces
from services.adapters.decoded import Unreadable
from services.adapters.pieces import Gathering, Unfit, count, instant, number, serial_of
from services.adapters.refusals import Reason
from services.adapters.xml_tree import Element, read_xml

ZURICH = ZoneInfo("Europe/Zurich")
AT = moment("2026-04-02T10:30:00Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-02T12:30:00+0200", AT),
        ("2026-04-02 10:30:00Z", AT),
        ("2026-04-02T10:30Z", AT),
        ("2026-04-02T10:30:00.000Z", AT),
        ("2026-04-02T10:30:00,123456789Z", AT.replace(microsecond=123456)),
        ("2026-04-02T12:30:00", AT),
    ],
)
def test_instant_is_read_in_the_ways_devices_write_it(text: str, expected: datetime) -> None:
    assert instant(text, "t", ZURICH) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "2026-04-02",
        "20260402T103000Z",
        "2026-W14-4T10:30:00Z",
        "2026-02-30T10:30:00Z",
        "2026-04-02T24:30:00Z",
        "2026-04-02T10:30:00+99:00",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-08:00",
        "２０２６-04-02T10:30:00Z",
        "2026-04-02T10:30:00Z" + " " * 500,
    ],
)
def test_what_is_no_instant_is_refused(text: str | None) -> None:
    with pytest.raises(Unfit) as caught:
        instant(text, "t", ZURICH)
    assert caught.value.code is Reason.BAD_TIME


def test_time_without_an_offset_needs_a_zone() -> None:
    with pytest.raises(Unfit, match="without an offset"):
        instant("2026-04-02T10:30:00", "t")


def test_hour_that_the_clocks_make_twice_is_the_first() -> None:
    assert instant("2026-10-25T02:30:00", "t", ZURICH) == moment("2026-10-25T00:30:00Z")


def test_hour_that_the_clocks_leave_out_is_refused_but_for_the_change_itself() -> None:
    assert instant("2026-03-29T02:00:00", "t", ZURICH) == moment("2026-03-29T01:00:00Z")
    with pytest.raises(Unfit, match="leave out"):
        instant("2026-03-29T02:00:01", "t", ZURICH)


@given(st.decimals(-(10**11), 10**11, allow_nan=False, places=6))
def test_number_is_the_one_that_was_written(value: Decimal) -> None:
    assert number(value, "n") == number(f"{value:f}", "n") == value


@pytest.mark.parametrize(
    "value", ["", "1,5", "1_0", "１２", "0x1", "1e3", "--1", "NaN", "9" * 13, "1" * 10_000, None]
)
def test_what_is_no_number_is_refused(value: str | None) -> None:
    with pytest.raises(Unfit) as caught:
        number(value, "n")
    assert caught.value.code is Reason.BAD_NUMBER


def test_tiny_number_is_zero_and_no_fraction_is_a_count() -> None:
    assert count(Decimal("1E-999999"), "n") == 0
    with pytest.raises(Unfit, match="whole number"):
        count(Decimal("0.5"), "n")


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ("00:00:5E:00:53:2A", "00005e00532a"),
        ("00-00-5e-00-53-2a", "00005e00532a"),
        ("00005E00532A", "00005e00532a"),
        (" 6500B00000000042 ", "6500B00000000042"),
        ("00:00-5E:00:53:2A", "00:00-5E:00:53:2A"),
        (77, "77"),
    ],
)
def test_mac_in_any_spelling_is_one_serial(text: object, serial: str) -> None:
    assert serial_of(text, "serial") == serial


def test_account_ends_where_a_message_holds_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST_ITEMS", 3)
    assert decoded.MOST_ITEMS > 3
    gathering = Gathering()
    gathering.skip(2)
    gathering.take(
        serial="s", channel="", label="l", metric=Metric.WATER, start=AT, value=Decimal(1)
    )
    with pytest.raises(Unreadable) as caught:
        gathering.refuse(Unfit(Reason.BAD_NUMBER, "no"), "")
    assert caught.value.problem.code is Reason.TOO_LARGE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_xml_is_read_in_any_encoding_without_its_namespaces(encoding: str) -> None:
    text = '<p:a xmlns:p="urn:x" p:k="1"> 门 <p:b>2</p:b><c/><p:b>3</p:b></p:a>'
    root = read_xml(text.encode(encoding))
    assert (root.name, root.text, root.attributes["k"]) == ("a", "门", "1")
    assert [element.text for element in root.all("b")] == ["2", "3"]
    assert [element.name for element in root.walk()] == ["a", "b", "c", "b"]
    assert root.text_at("b") == "2"
    assert root.text_at("b", "missing") == ""
    assert root.child("c") is root.children[1]


def test_chinese_xml_is_read_in_its_own_encoding() -> None:
    body = '<?xml version="1.0" encoding="GB2312"?><a>门店</a>'.encode("gbk")
    assert read_xml(body).text == "门店"


def test_xml_is_written_again_and_cut() -> None:
    root = read_xml(b'<x:a k="&lt;"><b>1 &amp; 2</b></x:a>'.replace(b"x:", b""))
    assert root.written() == '<a k="&lt;"><b>1 &amp; 2</b></a>'
    assert len(root.written(10)) == 10


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff\xfe", Reason.NOT_XML),
        (b"<a></b>", Reason.NOT_XML),
        (b"<a/>x", Reason.NOT_XML),
        (b"<a>&nbsp;</a>", Reason.NOT_XML),
        (b"<!DOCTYPE a><a/>", Reason.NOT_XML),
        (b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>', Reason.NOT_XML),
        (b'<?xml version="1.0" encoding="zlib"?><a/>', Reason.UNKNOWN_ENCODING),
        (b'<?xml version="1.0" encoding="gbk"?><a>\xff</a>', Reason.BAD_TEXT),
        (b"<a>\xff</a>", Reason.NOT_XML),
        (b"<a>" * 65, Reason.TOO_DEEP),
        (b"<a>" + b"<b/>" * 500_000 + b"</a>", Reason.TOO_LARGE),
    ],
)
def test_what_is_no_xml_is_unreadable(body: bytes, code: Reason) -> None:
    with pytest.raises(Unreadable) as caught:
        read_xml(body)
    assert caught.value.problem.code == code


def test_writing_touches_no_more_children_than_it_writes() -> None:
    """An alert of thousands of elements is quoted for each of them."""
    touched = []

    class Watched(list[Element]):
        def __iter__(self) -> Iterator[Element]:
            for child in super().__iter__():
                touched.append(child)
                yield child

    root = read_xml(b"<a>" + b"<b/>" * 10_000 + b"</a>")
    root.children = Watched(root.children)
    assert len(root.written(100)) == 100
    assert len(touched) < 100
