"""The one way in: a stream and a name become a checked file, or a refusal."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from domain.uploads import PICTURES, FileFormat
from services.uploads.formats import CONTENT_TYPES, EXTENSIONS, HEAD_BYTES, extension_of, sniff
from services.uploads.limits import UploadLimits
from services.uploads.names import clean_name
from services.uploads.reasons import Reason, UploadRefused
from services.uploads.sandbox import UploadPaths, open_in_sandbox

CHUNK = 256 * 1024


@dataclass(frozen=True)
class CheckedFile:
    """`content` is what is kept: a picture drawn anew, anything else as it came. `thumbnail` is
    None for what is no picture. `rows` are a table's, as text; the first is row 1 of the file.
    """

    name: str
    format: FileFormat
    content: IO[bytes]
    thumbnail: IO[bytes] | None
    received_sha256: str
    received_bytes: int
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]


@contextmanager
def checked_file(
    stream: IO[bytes],
    *,
    name: str,
    accepted: frozenset[FileFormat],
    limits: UploadLimits,
    declared_bytes: int | None = None,
) -> Iterator[CheckedFile]:
    """Read, judge and open the file; its bytes stand on disk until the block ends.

    Raises UploadRefused. Refused before a byte is read: a name whose extension is not accepted, a
    declared size above the limit. While reading: more than the limit. Before a parser sees it:
    content that does not begin as its extension says.
    """
    name = clean_name(name)
    extension = extension_of(name)
    stated = EXTENSIONS.get(extension)
    if stated is None or stated not in accepted:
        raise UploadRefused(
            Reason.WRONG_EXTENSION, extension=extension or name, expected=_names(accepted)
        )
    limit = limits.bytes_of(stated)
    if declared_bytes is not None and declared_bytes > limit:
        raise _too_large(limit)
    with tempfile.TemporaryDirectory(prefix="atrium-upload-") as folder, ExitStack() as opened:
        paths = UploadPaths(*(Path(folder) / part for part in ("received", "kept", "thumbnail")))
        digest, size = receive(stream, paths.received, limit)
        with paths.received.open("rb") as received:
            if sniff(received.read(HEAD_BYTES)) is not stated:
                raise UploadRefused(Reason.WRONG_CONTENT, expected=stated.value)
        found = open_in_sandbox(paths, stated, limits)
        is_picture = stated in PICTURES
        content = opened.enter_context((paths.kept if is_picture else paths.received).open("rb"))
        thumbnail = opened.enter_context(paths.thumbnail.open("rb")) if is_picture else None
        yield CheckedFile(
            name=name,
            format=stated,
            content=content,
            thumbnail=thumbnail,
            received_sha256=digest,
            received_bytes=size,
            rows=tuple(tuple(row) for row in found.get("rows", ())),
        )


def receive(stream: IO[bytes], target: Path, limit: int) -> tuple[str, int]:
    """Write what comes to `target`: its sha256 and size. Raises UploadRefused."""
    digest = hashlib.sha256()
    size = 0
    with target.open("xb") as received:
        while part := stream.read(CHUNK):
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            digest.update(part)
            received.write(part)
    if size == 0:
        raise UploadRefused(Reason.EMPTY)
    return digest.hexdigest(), size


def _too_large(limit: int) -> UploadRefused:
    return UploadRefused(Reason.TOO_LARGE, limit_mb=f"{limit / 1_000_000:g}")


def _names(accepted: frozenset[FileFormat]) -> str:
    return ", ".join(kind.value for kind in FileFormat if kind in accepted)
