"""Any bytes at any adapter become an account of pieces or a clear refusal: no other error, no
work and no memory that grows faster than the message.

Work is counted in calls, not in seconds: the machine's haste decides nothing.
"""

import json
import re
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from adapter_checks import check_any_bytes
from adapter_samples import SAMPLES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.devices import Adapter

ADAPTERS = [adapter for adapter in Adapter if adapter is not Adapter.ATRIUM]
# One byte may cost so many calls, and a message so many whatever its length.
CALLS_A_BYTE, CALLS_AT_ALL = 60, 40_000
BYTES_A_BYTE, BYTES_AT_ALL = 150, 2_000_000
thorough = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TOKENS = re.compile(rb"([\s,;:<>\"'=/()*{}\[\]]+)")
ODD = [
    b"",
    b"0",
    b"-1",
    b"1e999999999",
    b"9" * 400,
    b"0.1",
    b"NaN",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\x00",
    "门\u202e".encode(),
    b"0000-00-00T00:00:00Z",
    b"9999-12-31T23:59:59-23:59",
    b"0001-01-01T00:00:00+23:59",
    b"99991231235959",
    b"00010101",
    b"<x/>",
    b"&#0;",
    b"]]>",
    b"A" * 5_000,
]


class TooMuchWork(Exception):
    """Calls past the limit: raised where they are made, so that a hang ends."""


@contextmanager
def counted_calls(most: int) -> Iterator[None]:
    left = most

    def on_event(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal left
        if event in ("call", "c_call"):
            left -= 1
            if left < 0:
                sys.setprofile(None)
                raise TooMuchWork(f"more than {most:,} calls")

    sys.setprofile(on_event)
    try:
        yield
    finally:
        sys.setprofile(None)


def check(adapter: Adapter, body: bytes) -> None:
    with counted_calls(CALLS_AT_ALL + CALLS_A_BYTE * len(body)):
        check_any_bytes(adapter, body)


@pytest.fixture(autouse=True)
def _imported(request: pytest.FixtureRequest) -> None:
    """What a library does once, when it is first used, is not counted."""
    if "adapter" not in request.fixturenames:
        return
    adapter = request.getfixturevalue("adapter")
    for sample in SAMPLES[adapter].values():
        check_any_bytes(adapter, sample)


def vocabulary(adapter: Adapter) -> list[str]:
    """The names that the adapter's samples use."""
    found = re.findall(rb"[A-Za-z][A-Za-z0-9_-]{1,30}", b" ".join(SAMPLES[adapter].values()))
    return sorted({name.decode() for name in found})[:200]


def mutated(adapter: Adapter) -> st.SearchStrategy[bytes]:
    """A good message with some of its words replaced, left out, doubled or cut."""

    @st.composite
    def change(draw: st.DrawFn) -> bytes:
        parts = TOKENS.split(draw(st.sampled_from(list(SAMPLES[adapter].values()))))
        for _ in range(draw(st.integers(1, 6))):
            place = draw(st.integers(0, len(parts) - 1))
            deed = draw(st.sampled_from(["odd", "any", "gone", "twice", "swap", "cut"]))
            if deed == "odd":
                parts[place] = draw(st.sampled_from(ODD))
            elif deed == "any":
                parts[place] = draw(st.binary(max_size=12))
            elif deed == "gone":
                del parts[place : place + draw(st.integers(1, 8))]
            elif deed == "twice":
                end = place + draw(st.integers(1, 40))
                parts[place:place] = parts[place:end]
            elif deed == "swap":
                other = draw(st.integers(0, len(parts) - 1))
                parts[place], parts[other] = parts[other], parts[place]
            else:
                del parts[place:]
            if not parts:
                return b""
        return b"".join(parts)

    return change()


def json_of(names: list[str]) -> st.SearchStrategy[bytes]:
    leaf = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.sampled_from(names),
        st.sampled_from(["2026-04-02T18:30:00+08:00", "20260402183000", 1775125800000, "12.5"]),
    )
    value = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.sampled_from(names), inner, max_size=6),
        ),
        max_leaves=25,
    )
    return value.map(lambda given: json.dumps(given).encode())


def xml_of(names: list[str]) -> st.SearchStrategy[bytes]:
    name = st.sampled_from(names)
    leaf = st.sampled_from(["", "1", "x", "-5", "2026-04-02T18:30:00+08:00", "timeRange", "é门"])

    def element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(name, name, leaf, st.lists(inner, max_size=5)).map(
            lambda given: f'<{given[0]} {given[1]}="{given[2]}">{"".join(given[3])}</{given[0]}>'
        )

    return element(st.recursive(leaf, element, max_leaves=20)).map(str.encode)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_good_messages_are_read_with_nothing_refused_whole(adapter: Adapter) -> None:
    assert SAMPLES[adapter]
    for name, sample in SAMPLES[adapter].items():
        decoded = check_any_bytes(adapter, sample)
        assert decoded is not None, name
        assert decoded.total > 0, name


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_changed_messages_raise_nothing_but_the_declared(adapter: Adapter) -> None:
    @thorough
    @given(body=mutated(adapter))
    def run(body: bytes) -> None:
        check(adapter, body)

    run()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_any_bytes_raise_nothing_but_the_declared(adapter: Adapter) -> None:
    names = vocabulary(adapter)

    @thorough
    @given(body=st.one_of(st.binary(max_size=400), json_of(names), xml_of(names)))
    def run(body: bytes) -> None:
        check(adapter, body)

    run()


BIG = 100_000
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "marks of order": b"\xef\xbb\xbf" * 9,
    "NUL": bytes(BIG),
    "deep array": b"[" * BIG,
    "deep object": b'{"data":' * (BIG // 8),
    "deep elements": b"<a>" * (BIG // 3),
    "many empty elements": b"<a>" + b"<b/>" * (BIG // 4) + b"</a>",
    "many attributes": b"<a " + b" ".join(b'b%d="1"' % n for n in range(BIG // 12)) + b"/>",
    "long namespace in many elements": (
        b'<a xmlns:p="' + b"x" * (BIG // 2) + b'">' + b"<p:b/>" * (BIG // 12) + b"</a>"
    ),
    "one long text": b"<a>" + b"x" * BIG + b"</a>",
    "many lines in a text": b"<a>" + b"\n" * BIG + b"</a>",
    "bomb of entities": (
        b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><a>' + b"&b;" * 1000 + b"</a>"
    ),
    "many zeros": b'{"data":[' + b"0," * (BIG // 2) + b"0]}",
    "many names": b"{" + b",".join(b'"n%d":{}' % n for n in range(BIG // 12)) + b"}",
    "same name": b"{" + b",".join([b'"values":{}'] * (BIG // 12)) + b"}",
    "long number": b'{"timestamp":' + b"9" * BIG + b"}",
    "long string": b'{"device":"' + b"x" * BIG + b'","data":{}}',
    "many parts": b"--b\r\n\r\n<a/>\r\n" * (BIG // 12),
    "long boundary": b"--" + b"-" * BIG,
    "many dashes": b"--\n" * (BIG // 3),
    "many lines": b"1-0:1.8.0(1*kWh)\r\n" * (BIG // 18),
    "many commas": b"300," + b"," * BIG,
    "many quotes": b'"' * BIG,
    "open bracket": b"(" * BIG,
    "open telegram": b"/" * BIG,
    "blanks": b" \r\n" * (BIG // 3),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_hostile_messages_cost_no_more_than_their_length(adapter: Adapter, name: str) -> None:
    body = HOSTILE[name]
    check(adapter, body)
    tracemalloc.start()
    try:
        check_any_bytes(adapter, body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < BYTES_AT_ALL + BYTES_A_BYTE * len(body)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_repeated_pieces_cost_no_more_than_their_length(adapter: Adapter) -> None:
    """Every short run of words of each sample, many times over."""
    for sample in SAMPLES[adapter].values():
        parts = TOKENS.split(sample)
        for start in range(0, len(parts), max(1, len(parts) // 8)):
            span = parts[start : start + max(4, len(parts) // 4)]
            body = b"".join([*parts[:start], *(span * 60), *parts[start:]])
            check(adapter, body)


def test_limit_of_calls_ends_a_hang() -> None:
    with pytest.raises(TooMuchWork), counted_calls(1_000):
        while True:
            len("")
