"""The object store's promises, kept by a folder and by a real S3 server alike."""

import hashlib
import io
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from storage.objects import InvalidKey, ObjectNotFound, ObjectStore, open_object_store
from storage.settings import Settings


class Endless(io.RawIOBase):
    """`size` bytes that are never in memory at once, and the sha256 of those read."""

    def __init__(self, size: int, fail_at: int | None = None) -> None:
        self.left = size
        self.fail_at = fail_at
        self.digest = hashlib.sha256()
        self.block = bytes(range(256)) * 4096

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self.fail_at is not None and self.left <= self.fail_at:
            raise ConnectionError("the source broke off")
        data = self.block[: min(self.left, len(self.block) if size < 0 else size)]
        self.left -= len(data)
        self.digest.update(data)
        return data


def test_object_is_read_as_it_was_written(any_store: ObjectStore) -> None:
    any_store.put("documents/收据 1.pdf", b"\x00\xff bytes")
    assert any_store.get("documents/收据 1.pdf") == b"\x00\xff bytes"
    with any_store.open("documents/收据 1.pdf") as stream:
        assert (stream.read(1), stream.read()) == (b"\x00", b"\xff bytes")


def test_second_write_replaces_the_first(any_store: ObjectStore) -> None:
    any_store.put("a/b", b"first")
    any_store.put("a/b", b"")
    assert any_store.get("a/b") == b""
    assert any_store.stat("a/b").bytes == 0


def test_objects_are_listed_by_key_and_prefix(any_store: ObjectStore) -> None:
    for key in ("inbox/M/pos/2", "inbox/M/pos/10", "inbox/M/pos.done", "archive/x"):
        any_store.put(key, b"12345")
    found = list(any_store.list("inbox/M/pos/"))
    assert [(info.key, info.bytes) for info in found] == [
        ("inbox/M/pos/10", 5), ("inbox/M/pos/2", 5),
    ]  # fmt: skip
    assert [info.key for info in any_store.list("inbox/M/pos")] == [
        "inbox/M/pos.done", "inbox/M/pos/10", "inbox/M/pos/2",
    ]  # fmt: skip
    assert list(any_store.list("nothing/")) == []
    assert len(list(any_store.list(""))) == 4


def test_object_knows_when_it_was_written(any_store: ObjectStore) -> None:
    any_store.put("a", b"1")
    age = datetime.now(UTC) - any_store.stat("a").modified_at
    assert abs(age) < timedelta(minutes=1)


def test_moved_object_stands_only_at_its_target(any_store: ObjectStore) -> None:
    any_store.put("inbox/a", b"1")
    any_store.move("inbox/a", "archive/2026/a")
    assert any_store.get("archive/2026/a") == b"1"
    with pytest.raises(ObjectNotFound):
        any_store.get("inbox/a")


def test_deleted_object_is_gone_and_deleting_again_is_nothing(any_store: ObjectStore) -> None:
    any_store.put("a", b"1")
    any_store.delete("a")
    any_store.delete("a")
    assert list(any_store.list("")) == []


def test_missing_object_is_told_by_every_way_to_it(any_store: ObjectStore) -> None:
    with pytest.raises(ObjectNotFound):
        any_store.get("no/such")
    with pytest.raises(ObjectNotFound):
        any_store.stat("no/such")
    with pytest.raises(ObjectNotFound):
        any_store.move("no/such", "b")
    with pytest.raises(ObjectNotFound), any_store.open("no/such"):
        pass


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../outside", "a/../../outside"])
def test_key_that_leaves_the_store_is_refused(any_store: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidKey):
        any_store.put(key, b"1")
    with pytest.raises(InvalidKey):
        any_store.get(key)


def test_long_stream_is_stored_whole_in_flat_memory(any_store: ObjectStore) -> None:
    any_store.put("warm", b"imports what it needs")
    source = Endless(112 * 1024 * 1024 + 17)
    tracemalloc.start()
    any_store.put_stream("backups/long", source)  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 96 * 1024 * 1024
    digest = hashlib.sha256()
    with any_store.open("backups/long") as stream:
        while data := stream.read(1024 * 1024):
            digest.update(data)
    assert digest.digest() == source.digest.digest()
    assert any_store.stat("backups/long").bytes == 112 * 1024 * 1024 + 17


def test_stream_that_breaks_off_leaves_no_object(any_store: ObjectStore) -> None:
    source = Endless(64 * 1024 * 1024, fail_at=30 * 1024 * 1024)
    with pytest.raises(ConnectionError, match="broke off"):
        any_store.put_stream("backups/broken", source)  # type: ignore[arg-type]
    assert list(any_store.list("")) == []


def test_two_prefixes_of_a_bucket_do_not_meet(s3_settings: Settings) -> None:
    bucket = s3_settings.object_store.removesuffix("/mall")
    one = open_object_store(s3_settings.model_copy(update={"object_store": f"{bucket}/one"}))
    two = open_object_store(s3_settings.model_copy(update={"object_store": f"{bucket}/one2/"}))
    one.put("a", b"1")
    two.put("a", b"2")
    assert (one.get("a"), two.get("a")) == (b"1", b"2")
    assert [info.key for info in one.list("")] == ["a"]


def test_wrong_secret_is_refused_by_the_server(s3_settings: Settings) -> None:
    from botocore.exceptions import ClientError
    from pydantic import SecretStr

    stranger = s3_settings.model_copy(update={"object_store_secret_key": SecretStr("wrong")})
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        open_object_store(stranger).put("a", b"1")
