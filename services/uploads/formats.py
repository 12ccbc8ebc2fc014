"""Formats by extension and by content. Pure: the opening process imports it too."""

from domain.uploads import FileFormat

EXTENSIONS: dict[str, FileFormat] = {
    ".jpg": FileFormat.JPEG,
    ".jpeg": FileFormat.JPEG,
    ".png": FileFormat.PNG,
    ".webp": FileFormat.WEBP,
    ".pdf": FileFormat.PDF,
    ".csv": FileFormat.CSV,
    ".xlsx": FileFormat.XLSX,
}
CONTENT_TYPES: dict[FileFormat, str] = {
    FileFormat.JPEG: "image/jpeg",
    FileFormat.PNG: "image/png",
    FileFormat.WEBP: "image/webp",
    FileFormat.PDF: "application/pdf",
    FileFormat.CSV: "text/csv",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
HEAD_BYTES = 512

_MAGIC = (
    (b"\xff\xd8\xff", FileFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", FileFormat.PNG),
    (b"%PDF-", FileFormat.PDF),
    (b"PK\x03\x04", FileFormat.XLSX),
)
# What is surely no CSV although it may be text: GIF, gzip, other archives, programs, markup.
_NO_TEXT = (b"GIF8", b"\x1f\x8b", b"PK", b"7z\xbc\xaf", b"Rar!", b"MZ", b"\x7fELF", b"#!")


def extension_of(name: str) -> str:
    """`.jpg` of `Photo.JPG`; empty without a point."""
    stem, point, end = name.rpartition(".")
    return f".{end.lower()}" if point and stem else ""


def sniff(head: bytes) -> FileFormat | None:
    """The format that the first bytes show; CSV for text that is no markup; None: unknown."""
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FileFormat.WEBP
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(_NO_TEXT) or text.startswith(b"<"):
        return None
    return FileFormat.CSV
