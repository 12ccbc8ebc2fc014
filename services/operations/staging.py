"""Bytes of a file of the drop-box, staged: in memory while few, else in a file of their own.

Belongs here: copying, hashing, unpacking gzip and zip with limits, telling the encoding. Not
here: what the text means (services/adapters), where the bytes are kept (landing).
"""

import codecs
import hashlib
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from services.adapters.encodings import UTF16_MARKS
from services.adapters.refusals import Reason, shown
from services.adapters.tables import CannotRead
from services.adapters.unpacking import HIGHEST_RATIO, RATIO_COUNTS_FROM, CannotUnpack
from services.uploads.opening.packages import open_package
from services.uploads.reasons import Reason as PackageReason
from services.uploads.reasons import UploadRefused

CHUNK = 1024 * 1024
# A file with fewer bytes of text is judged in memory.
SMALL = 4 * 1024 * 1024
MOST_MEMBERS = 5_000
_PACKAGE_PROBLEMS = {
    PackageReason.DAMAGED: "it is no sound zip: its directory cannot be read",
    PackageReason.ENCRYPTED: "it holds an encrypted member; send it without a password",
    PackageReason.FOREIGN_PARTS: "it holds another archive; pack the files themselves",
    PackageReason.UNSAFE_ARCHIVE: "its names or its make-up are not those of a plain zip: send "
    "files with plain names, packed by deflate, no archive within",
}


@contextmanager
def staging_file(folder: Path) -> Iterator[IO[bytes]]:
    """An empty file that goes away; its first bytes are held in memory."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.SpooledTemporaryFile(max_size=SMALL, dir=str(folder)) as file:
        yield file


def stage(source: IO[bytes], target: IO[bytes], *, limit: int) -> tuple[str, int]:
    """Copy a stream; its sha256 in hex and its size, which is above `limit` when it was cut."""
    digest, size = hashlib.sha256(), 0
    while size <= limit and (chunk := source.read(CHUNK)):
        digest.update(chunk)
        target.write(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def unpack_gzip_file(source: IO[bytes], target: IO[bytes], *, limit: int) -> None:
    """As services.adapters.unpacking.unpack_gzip, from file to file in memory that stays flat."""
    packed = source.seek(0, 2)
    source.seek(0)
    size, unpacker = 0, zlib.decompressobj(wbits=31)
    data = source.read(CHUNK)
    while data or not unpacker.eof:
        if unpacker.eof:
            # Zero bytes may fill up the last block of a tape or a disk.
            data = data.lstrip(b"\x00") or source.read(CHUNK)
            if data.strip(b"\x00"):
                unpacker = zlib.decompressobj(wbits=31)
            continue
        try:
            part = unpacker.decompress(data, CHUNK)
        except zlib.error as error:
            raise CannotUnpack(Reason.BAD_ARCHIVE, f"it is no sound gzip: {error}") from None
        if not data and not part:
            raise CannotUnpack(Reason.BAD_ARCHIVE, "the gzip is cut off: bytes are missing")
        size += len(part)
        _check_size(size, packed, limit)
        target.write(part)
        data = (unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail) or source.read(
            CHUNK
        )


def _check_size(size: int, packed: int, limit: int) -> None:
    if size > limit:
        raise CannotUnpack(Reason.TOO_LARGE, f"it unpacks to more than {limit:,} bytes, the limit")
    if size > RATIO_COUNTS_FROM and size > HIGHEST_RATIO * packed:
        raise CannotUnpack(
            Reason.TOO_LARGE,
            f"it unpacks to more than {HIGHEST_RATIO} times its size: readings never do",
        )


def zip_members(source: IO[bytes], *, limit: int) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """The archive and its files, in the order of their names. Raises CannotUnpack."""
    limits = {
        "entries": MOST_MEMBERS,
        "unpacked_bytes": limit,
        "ratio": HIGHEST_RATIO,
        "ratio_counts_from": RATIO_COUNTS_FROM,
    }
    try:
        package = open_package(source, limits=limits)
    except UploadRefused as refused:
        if refused.reason is PackageReason.UNPACKS_TOO_LARGE:
            raise CannotUnpack(
                Reason.TOO_LARGE,
                f"it unpacks to more than {limit:,} bytes, {MOST_MEMBERS:,} files or "
                f"{HIGHEST_RATIO} times its size",
            ) from None
        problem = _PACKAGE_PROBLEMS.get(refused.reason, "it is no plain zip")
        raise CannotUnpack(Reason.BAD_ARCHIVE, problem) from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise CannotUnpack(Reason.BAD_ARCHIVE, f"it is no sound zip: {error}") from None
    files = [entry for entry in package.infolist() if not entry.is_dir()]
    if not files:
        raise CannotUnpack(Reason.EMPTY_FILE, "the zip holds no file")
    return package, sorted(files, key=lambda entry: entry.filename)


def copy_member(package: zipfile.ZipFile, entry: zipfile.ZipInfo, target: IO[bytes]) -> None:
    """Raises CannotUnpack for a member that is damaged."""
    try:
        with package.open(entry) as member:
            while chunk := member.read(CHUNK):
                target.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        name = shown(entry.filename)
        raise CannotUnpack(Reason.BAD_ARCHIVE, f"{name} in it is damaged: {error}") from None


def encoding_of(file: IO[bytes]) -> str:
    """`utf-8-sig` or `gb18030`, whichever the whole file is. Raises CannotRead."""
    file.seek(0)
    if file.read(2) in UTF16_MARKS:
        raise CannotRead(Reason.UNKNOWN_ENCODING, "it is UTF-16; save it as UTF-8 or GBK")
    not_utf8 = _first_bad_byte(file, "utf-8")
    if not_utf8 is None:
        return "utf-8-sig"
    not_gbk = _first_bad_byte(file, "gb18030")
    if not_gbk is None:
        return "gb18030"
    (line, place), (_, other) = not_utf8, not_gbk
    raise CannotRead(
        Reason.UNKNOWN_ENCODING,
        f"it is neither UTF-8 (line {line}, byte {place}) nor GBK (byte {other})",
    )


def _first_bad_byte(file: IO[bytes], encoding: str) -> tuple[int, int] | None:
    """Line and place of the first byte that is no text, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    taken, line = 0, 1
    while True:
        chunk = file.read(CHUNK)
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            inside = error.start - held
            return line + chunk.count(b"\n", 0, max(inside, 0)), taken + inside
        if not chunk:
            return None
        line += chunk.count(b"\n")
        taken += len(chunk)


def text_of(file: IO[bytes]) -> Iterator[str]:
    """The text of a staged file, chunk by chunk. Raises CannotRead."""
    decoder = codecs.getincrementaldecoder(encoding_of(file))()
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
