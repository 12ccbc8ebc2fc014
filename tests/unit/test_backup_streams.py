"""Packing and unpacking streams: whole or an error, never a part that looks whole."""

import io
import os
import threading
from collections.abc import Iterator

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.backup.streams import Packing, Unpacking, packed, unpacked

IDENTITY = pyrage.x25519.Identity.generate()


def whole() -> None:
    """A source that came to its end as it should."""


def pack(data: bytes) -> tuple[bytes, Packing]:
    packing = Packing()
    with packed(io.BytesIO(data), [IDENTITY.to_public()], packing, settle=whole) as stream:
        stored = b"".join(iter(lambda: stream.read(70_000), b""))
    assert (stream.passed.bytes, packing.plain_bytes) == (len(stored), len(data))
    return stored, packing


def unpack(stored: bytes, packed_sha256: str) -> bytes:
    with unpacked(io.BytesIO(stored), IDENTITY, Unpacking(packed_sha256)) as stream:
        return stream.read()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


DATA = os.urandom(300_000) + bytes(5_000_000) + b"end"


@given(st.binary(max_size=2000), st.integers(0, 3000))
@settings(max_examples=25, deadline=None)
def test_what_is_packed_comes_out_as_it_went_in(data: bytes, times: int) -> None:
    stored, packing = pack(data * times)
    assert unpack(stored, packing.packed.sha256) == data * times


def test_packed_stream_opens_with_the_tools_of_its_formats() -> None:
    stored, packing = pack(DATA)
    assert stored.startswith(b"age-encryption.org/v1")
    import zstandard

    frame = pyrage.decrypt(stored, [IDENTITY])
    assert len(frame) == packing.packed.bytes
    assert zstandard.ZstdDecompressor().decompressobj().decompress(frame) == DATA


@pytest.mark.parametrize("cut", [0, 10, 200, 100_000, -70_000, -1], ids=lambda cut: f"cut at {cut}")
def test_stream_that_is_cut_off_is_refused(cut: int) -> None:
    stored, packing = pack(DATA)
    with pytest.raises((OSError, pyrage.DecryptError)):
        unpack(stored[:cut], packing.packed.sha256)


def test_every_flipped_bit_is_refused() -> None:
    stored, packing = pack(DATA[:100_000])
    for position in [*range(0, 400, 7), *range(400, len(stored), 9973), len(stored) - 1]:
        flipped = bytearray(stored)
        flipped[position] ^= 1 << (position % 8)
        with pytest.raises((OSError, pyrage.DecryptError)):
            unpack(bytes(flipped), packing.packed.sha256)


def test_other_content_for_the_right_key_is_refused() -> None:
    """Whoever knows the public key can encrypt to it; the hash tells."""
    _, packing = pack(DATA)
    forged, _ = pack(b"something else")
    with pytest.raises(ValueError, match="not the one that was written"):
        unpack(forged, packing.packed.sha256)


def test_failed_source_is_an_error_where_the_stream_would_end() -> None:
    def settle() -> None:
        raise ConnectionError("the server went away")

    with (
        pytest.raises(ConnectionError, match="went away"),
        packed(io.BytesIO(DATA), [IDENTITY.to_public()], Packing(), settle=settle) as stream,
    ):
        while stream.read(100_000):
            pass


def test_source_that_raises_is_named_before_what_it_broke() -> None:
    class Breaks(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            raise ConnectionError("cable")

    with (
        pytest.raises(ConnectionError, match="cable"),
        packed(Breaks(), [IDENTITY.to_public()], Packing(), settle=whole) as stream,
    ):
        stream.read()


def test_reader_that_stops_early_ends_every_stage() -> None:
    with (
        pytest.raises(KeyError),
        packed(
            io.BytesIO(os.urandom(30_000_000)), [IDENTITY.to_public()], Packing(), settle=whole
        ) as stream,
    ):
        stream.read(10)
        raise KeyError("the disk is full")
