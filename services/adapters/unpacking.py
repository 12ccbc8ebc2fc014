"""Unpacking gzip without being drowned by it.

Belongs here: bytes in, bytes out, with limits that hold while unpacking.
"""

import zlib

from services.adapters.refusals import Problem, Reason

CHUNK = 1024 * 1024
HIGHEST_RATIO = 250  # CSV and JSON of readings pack 5 to 40 times; deflate's own limit is 1032
RATIO_COUNTS_FROM = 4 * 1024 * 1024


class CannotUnpack(Exception):
    """The bytes are no whole gzip, or unpack to too much; `problem` says which."""

    def __init__(self, code: Reason, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason)


def unpack_gzip(data: bytes, *, limit: int) -> bytes:
    """The unpacked bytes of one or several gzip members.

    Raises CannotUnpack: TOO_LARGE as soon as more than `limit` bytes or a suspicious ratio come
    out, BAD_ARCHIVE for bytes that are no gzip, cut off or damaged.
    """
    parts: list[bytes] = []
    size = 0
    rest = data
    while rest:
        unpacker = zlib.decompressobj(wbits=31)
        while not unpacker.eof:
            try:
                part = unpacker.decompress(rest, CHUNK)
            except zlib.error as error:
                raise CannotUnpack(Reason.BAD_ARCHIVE, f"it is no sound gzip: {error}") from None
            rest = unpacker.unconsumed_tail
            size += len(part)
            if size > limit:
                raise CannotUnpack(
                    Reason.TOO_LARGE, f"it unpacks to more than {limit:,} bytes, the limit"
                )
            if size > RATIO_COUNTS_FROM and size > HIGHEST_RATIO * len(data):
                raise CannotUnpack(
                    Reason.TOO_LARGE,
                    f"it unpacks to more than {HIGHEST_RATIO} times its size: readings never do",
                )
            if not part and not rest and not unpacker.eof:
                raise CannotUnpack(Reason.BAD_ARCHIVE, "the gzip is cut off: bytes are missing")
            parts.append(part)
        # Zero bytes may fill up the last block of a tape or a disk.
        rest = unpacker.unused_data.lstrip(b"\x00")
    return b"".join(parts)
