"""ZIP archives judged by their directory, before a byte is unpacked. Names are never paths."""

import struct
import zipfile
from typing import IO

from services.uploads.reasons import Reason, UploadRefused

_END = struct.Struct("<4s4H2LH")
_LOCAL_BYTES = 30
_LENGTHS = struct.Struct("<2H")  # of the name and the extra field, which end a local header
LARGEST_DIRECTORY = 1024 * 1024
_ARCHIVES = (".zip", ".gz", ".tgz", ".7z", ".rar", ".xz", ".bz2", ".zst", ".jar", ".xlsx", ".docx")
_ARCHIVE_MAGIC = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ", b"BZh")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_package(source: IO[bytes], *, limits: dict[str, int]) -> zipfile.ZipFile:
    """The archive, when its directory promises nothing unusual. Raises UploadRefused.

    What an entry promises holds: zipfile gives no more than its stated size and checks its CRC.
    """
    size = source.seek(0, 2)
    entries, directory_bytes, directory_at = _end_of(source, size)
    if entries > limits["entries"] or directory_bytes > LARGEST_DIRECTORY:
        raise UploadRefused(Reason.UNPACKS_TOO_LARGE)
    # Nothing before the first entry and nothing after the last: no second file hides around it.
    if directory_at + directory_bytes + _END.size != size:
        raise UploadRefused(Reason.UNSAFE_ARCHIVE)
    package = zipfile.ZipFile(source)
    found = sorted(package.infolist(), key=lambda entry: entry.header_offset)
    if len(found) != entries:
        raise UploadRefused(Reason.UNSAFE_ARCHIVE)
    names = {entry.filename.lower() for entry in found}
    if len(names) != entries or any(_is_unsafe(name) for name in names):
        raise UploadRefused(Reason.UNSAFE_ARCHIVE)
    total = sum(entry.file_size for entry in found)
    packed = sum(entry.compress_size for entry in found)
    if total > limits["unpacked_bytes"]:
        raise UploadRefused(Reason.UNPACKS_TOO_LARGE)
    if total > limits["ratio_counts_from"] and total > limits["ratio"] * packed:
        raise UploadRefused(Reason.UNPACKS_TOO_LARGE)
    free_from = 0
    for entry in found:
        if entry.flag_bits & 0x1 or entry.compress_type not in _METHODS:
            raise UploadRefused(Reason.ENCRYPTED if entry.flag_bits & 1 else Reason.UNSAFE_ARCHIVE)
        if entry.header_offset < free_from:
            raise UploadRefused(Reason.UNPACKS_TOO_LARGE)  # entries that share bytes
        free_from = _data_at(source, entry) + entry.compress_size
        if free_from > directory_at:
            raise UploadRefused(Reason.UNSAFE_ARCHIVE)
    if found and found[0].header_offset != 0:
        raise UploadRefused(Reason.UNSAFE_ARCHIVE)
    for entry in found:
        with package.open(entry) as part:
            if part.read(4).startswith(_ARCHIVE_MAGIC):
                raise UploadRefused(Reason.FOREIGN_PARTS)
    return package


def _end_of(source: IO[bytes], size: int) -> tuple[int, int, int]:
    """Entries, bytes and place of the directory, from a plain end record at the very end."""
    source.seek(max(0, size - _END.size))
    tail = source.read(_END.size)
    if len(tail) < _END.size or not tail.startswith(b"PK\x05\x06"):
        raise UploadRefused(Reason.DAMAGED)
    _mark, disk, first_disk, here, entries, length, place, comment = _END.unpack(tail)
    if disk or first_disk or here != entries or comment or 0xFFFFFFFF in (length, place):
        raise UploadRefused(Reason.UNSAFE_ARCHIVE)
    return entries, length, place


def _data_at(source: IO[bytes], entry: zipfile.ZipInfo) -> int:
    source.seek(entry.header_offset)
    header = source.read(_LOCAL_BYTES)
    if len(header) < _LOCAL_BYTES:
        raise UploadRefused(Reason.DAMAGED)
    name_length, extra_length = _LENGTHS.unpack(header[-_LENGTHS.size :])
    return int(entry.header_offset + _LOCAL_BYTES + name_length + extra_length)


def _is_unsafe(name: str) -> bool:
    parts = name.split("/")
    return (
        name.startswith("/")
        or ".." in parts
        or "\\" in name
        or ":" in name
        or "\x00" in name
        or name.endswith(_ARCHIVES)
    )
