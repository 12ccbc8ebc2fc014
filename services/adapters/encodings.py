"""Bytes as text: UTF-8, else GBK. Pure, and quick to import."""

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class UnknownEncoding(Exception):
    """The bytes are text in neither encoding; the message says where each ends."""


def decode(data: bytes) -> str:
    """UTF-8 with or without mark, else GBK (as its superset GB18030). Raises UnknownEncoding."""
    if data.startswith(UTF16_MARKS):
        raise UnknownEncoding("it is UTF-16; save it as UTF-8 or GBK")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = error.start
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, place) + 1
        raise UnknownEncoding(
            f"it is neither UTF-8 (line {line}, byte {place}) nor GBK (byte {error.start})"
        ) from None
