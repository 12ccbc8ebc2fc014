"""A backup's bytes on their way: tar → zstd → age, and back.

Belongs here: pipes and the threads at their ends, counting and hashing what passes. Not here:
where the bytes come from and go to. Memory stays flat whatever passes, nothing touches the disk,
and the stages run at the same time: each thread mostly waits in code that lets the others run.
A stream whose source failed never ends as if it were whole: reading it raises.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any, cast

import pyrage
import zstandard

CHUNK = 1024 * 1024
LEVEL = 1  # packs a database nearly as well as higher ones at a fraction of their time
# Compression is what takes longest: threads of its own, so that reading and hashing go on.
THREADS = min(4, max(1, (os.cpu_count() or 1) - 1))
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)


def widen(pipe: int) -> None:
    """Give a pipe a megabyte where the system can: fewer, larger steps between its ends."""
    if F_SETPIPE_SZ is not None:
        try:
            fcntl.fcntl(pipe, F_SETPIPE_SZ, CHUNK)
        except OSError:
            return  # an unprivileged user has used up the system's allowance; it works without


class Passed:
    """Counts and hashes what it is told has passed."""

    def __init__(self) -> None:
        self.bytes = 0
        self._sha256 = hashlib.sha256()

    def add(self, data: bytes | memoryview) -> None:
        self.bytes += len(data)
        self._sha256.update(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


class Stage:
    """A thread that reads from one pipe's end and writes to another; both are its own to close."""

    def __init__(
        self, work: Callable[[IO[bytes], IO[bytes]], None], source: IO[bytes], target: IO[bytes]
    ) -> None:
        self.failure: BaseException | None = None
        self._work = work
        self._source = source
        self._target = target
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._source, self._target:
                self._work(self._source, self._target)
        except BaseException as error:  # noqa: BLE001 - raised again where the stream is read
            self.failure = error

    def join(self) -> None:
        self._thread.join()


class Stream:
    """What comes out of the last stage: `read` as of a file."""

    def __init__(self, pipe: IO[bytes], stages: Sequence[Stage], settle: Callable[[], None]):
        self.passed = Passed()
        self._pipe = pipe
        self._stages = stages
        self._settle = settle
        self._is_at_end = False

    def read(self, size: int = -1) -> bytes:
        """Raises what went wrong at any stage, when the bytes end."""
        parts = []
        wanted = size
        while wanted != 0 and not self._is_at_end:
            data = self._pipe.read(min(wanted, CHUNK) if wanted > 0 else CHUNK)
            if not data:
                self._is_at_end = True
                self._check()
                break
            self.passed.add(data)
            parts.append(data)
            wanted -= len(data) if size > 0 else 0
        return b"".join(parts)

    def _check(self) -> None:
        for stage in self._stages:
            stage.join()
        # A broken pipe, also the source's, is what another stage's failure led to: that is named.
        failures = [stage.failure for stage in self._stages if stage.failure is not None]
        failures.sort(key=lambda failure: isinstance(failure, BrokenPipeError))
        if failures and not isinstance(failures[0], BrokenPipeError):
            raise failures[0]
        self._settle()
        if failures:
            raise failures[0]


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    reader, writer = os.pipe()
    widen(writer)
    return os.fdopen(reader, "rb", CHUNK // 4), os.fdopen(writer, "wb", CHUNK // 4)


@contextmanager
def _running(
    source: IO[bytes],
    works: Sequence[Callable[[IO[bytes], IO[bytes]], None]],
    settle: Callable[[], None],
) -> Iterator[Stream]:
    stages = []
    for work in works:
        reader, writer = _pipe()
        stages.append(Stage(work, source, writer))
        source = reader
    stream = Stream(source, stages, settle)
    try:
        yield stream
    finally:
        # Nobody reads on: every stage before this end finds its pipe broken and ends.
        source.close()
        for stage in stages:
            stage.join()


class Packing:
    """Counts of one packing: the tar and its zstd stream; the stream itself counts the rest."""

    def __init__(self) -> None:
        self.plain_bytes = 0
        self.packed = Passed()

    def compress(self, source: IO[bytes], target: IO[bytes]) -> None:
        compressor = zstandard.ZstdCompressor(
            level=LEVEL, threads=THREADS, write_checksum=True
        ).compressobj()
        buffer = memoryview(bytearray(CHUNK))
        while size := source.readinto(buffer):  # type: ignore[attr-defined]
            self.plain_bytes += size
            self._pass(compressor.compress(buffer[:size]), target)
        self._pass(compressor.flush(), target)

    def _pass(self, data: bytes, target: IO[bytes]) -> None:
        if data:
            self.packed.add(data)
            target.write(data)


def packed(
    source: IO[bytes],
    recipients: Sequence[Any],
    packing: Packing,
    *,
    settle: Callable[[], None],
) -> AbstractContextManager[Stream]:
    """`source` compressed and encrypted to `recipients`.

    `settle` is called once all bytes have been read and before the stream says that it ends: it
    raises when the source was not whole.
    """

    def encrypt(reader: IO[bytes], writer: IO[bytes]) -> None:
        pyrage.encrypt_io(reader, writer, list(recipients))

    return _running(source, [packing.compress, encrypt], settle)


class Unpacking:
    """Counts of one unpacking: the zstd stream that came out of age."""

    def __init__(self, packed_sha256: str) -> None:
        self.packed = Passed()
        self._expected = packed_sha256

    def decompress(self, source: IO[bytes], target: IO[bytes]) -> None:
        self._source = source
        reader = zstandard.ZstdDecompressor().stream_reader(
            cast(IO[bytes], self), read_size=CHUNK // 4
        )
        buffer = memoryview(bytearray(CHUNK))
        while size := reader.readinto(buffer):
            target.write(buffer[:size])
        while self.read(CHUNK):
            pass  # nothing may follow; if it does, the hash tells
        if self.packed.sha256 != self._expected:
            raise ValueError("the compressed stream is not the one that was written")

    def read(self, size: int) -> bytes:
        """For the decompressor: the next bytes, counted."""
        data = self._source.read(size)
        self.packed.add(data)
        return data


def unpacked(
    source: IO[bytes], identity: Any, unpacking: Unpacking
) -> AbstractContextManager[Stream]:
    """`source` decrypted with `identity` and decompressed.

    What is wrong with the bytes is raised where they end or before: OSError or
    pyrage.DecryptError by age, zstandard.ZstdError, ValueError for another sha256.
    """

    def decrypt(reader: IO[bytes], writer: IO[bytes]) -> None:
        pyrage.decrypt_io(reader, writer, [identity])

    return _running(source, [decrypt, unpacking.decompress], lambda: None)
