"""Unpacking gzip and zstd without being drowned by them.

Belongs here: bytes in, bytes out, with limits that hold while unpacking.
"""

import zlib

import zstandard

from services.adapters.refusals import Problem, Reason

CHUNK = 1024 * 1024
HIGHEST_RATIO = 250  # CSV and JSON of readings pack 5 to 40 times; deflate's own limit is 1032
RATIO_COUNTS_FROM = 4 * 1024 * 1024
# Four bytes of zstd can stand for a block of 128 KB: so few bring out 16 MB at most at a time.
ZSTD_PIECE = 512
# What every decoder of zstd must have room for; more is asked for by `zstd --long` alone.
ZSTD_WINDOW = 8 * 1024 * 1024


class CannotUnpack(Exception):
    """The bytes are nothing whole, or unpack to too much; `problem` says which."""

    def __init__(self, code: Reason, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason)


class _Parts:
    """What came out so far, within its limits."""

    def __init__(self, packed: int, limit: int, is_trusted: bool) -> None:
        self.packed = packed
        self.limit = limit
        self.is_trusted = is_trusted
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        self.size += len(part)
        if self.size > self.limit:
            raise CannotUnpack(
                Reason.TOO_LARGE, f"it unpacks to more than {self.limit:,} bytes, the limit"
            )
        is_suspicious = self.size > RATIO_COUNTS_FROM and self.size > HIGHEST_RATIO * self.packed
        if is_suspicious and not self.is_trusted:
            raise CannotUnpack(
                Reason.TOO_LARGE,
                f"it unpacks to more than {HIGHEST_RATIO} times its size: readings never do",
            )
        self.parts.append(part)


def unpack_gzip(data: bytes, *, limit: int, is_trusted: bool = False) -> bytes:
    """The unpacked bytes of one or several gzip members.

    Raises CannotUnpack: TOO_LARGE as soon as more than `limit` bytes or a suspicious ratio come
    out (not of what we packed ourselves: `is_trusted`), BAD_ARCHIVE for bytes that are no gzip,
    cut off or damaged.
    """
    parts = _Parts(len(data), limit, is_trusted)
    rest = data
    while rest:
        unpacker = zlib.decompressobj(wbits=31)
        while not unpacker.eof:
            try:
                part = unpacker.decompress(rest, CHUNK)
            except zlib.error as error:
                raise CannotUnpack(Reason.BAD_ARCHIVE, f"it is no sound gzip: {error}") from None
            rest = unpacker.unconsumed_tail
            parts.add(part)
            if not part and not rest and not unpacker.eof:
                raise CannotUnpack(Reason.BAD_ARCHIVE, "the gzip is cut off: bytes are missing")
        # Zero bytes may fill up the last block of a tape or a disk.
        rest = unpacker.unused_data.lstrip(b"\x00")
    return b"".join(parts.parts)


def unpack_zstd(data: bytes, *, limit: int, is_trusted: bool = False) -> bytes:
    """The unpacked bytes of one or several zstd frames; raises CannotUnpack as `unpack_gzip`."""
    parts = _Parts(len(data), limit, is_trusted)
    frames = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    at = 0
    while at < len(data):
        unpacker = frames.decompressobj()
        while not unpacker.eof:
            if at >= len(data):
                raise CannotUnpack(Reason.BAD_ARCHIVE, "the zstd is cut off: bytes are missing")
            piece = data[at : at + ZSTD_PIECE]
            try:
                parts.add(unpacker.decompress(piece))
            except zstandard.ZstdError as error:
                raise CannotUnpack(Reason.BAD_ARCHIVE, f"it is no sound zstd: {error}") from None
            at += len(piece)
        at -= len(unpacker.unused_data)
    return b"".join(parts.parts)
