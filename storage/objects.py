"""The object store: a local folder or any S3-compatible server, behind one Protocol.

Belongs here: bytes under keys. Not here: what the bytes mean. Keys are relative POSIX paths
under the prefixes inbox/ archive/ documents/ reports/ uploads/ backups/.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol, cast

from storage.settings import Settings

CHUNK = 8 * 1024 * 1024


class ObjectNotFound(Exception):
    """No object stands under that key."""


class InvalidKey(Exception):
    """A key that would leave the store."""


@dataclass(frozen=True)
class ObjectInfo:
    key: str
    bytes: int
    modified_at: datetime


class ObjectStore(Protocol):
    """Objects are written whole: a reader sees the old object or the new one, never a part."""

    def put(self, key: str, data: bytes) -> None: ...

    def put_stream(self, key: str, stream: IO[bytes]) -> None:
        """Write from a stream that ends, in memory that does not grow with it."""

    def get(self, key: str) -> bytes:
        """Raises ObjectNotFound."""

    def open(self, key: str) -> Any:
        """A context manager giving a binary stream. Raises ObjectNotFound."""

    def stat(self, key: str) -> ObjectInfo:
        """Raises ObjectNotFound."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose key begins with `prefix`, by key."""

    def move(self, key: str, target: str) -> None:
        """Raises ObjectNotFound."""

    def delete(self, key: str) -> None:
        """Nothing happens when there is no such object."""


class FolderStore:
    """Objects as files under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not key or key.startswith("/") or not path.is_relative_to(self.root):
            raise InvalidKey(f"not a key of the object store: {key!r}")
        return path

    def put(self, key: str, data: bytes) -> None:
        with self._written(key) as file:
            file.write(data)

    def put_stream(self, key: str, stream: IO[bytes]) -> None:
        with self._written(key) as file:
            shutil.copyfileobj(stream, file, CHUNK)

    def get(self, key: str) -> bytes:
        with self.open(key) as file:
            return file.read()

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        try:
            file = self.path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError):
            raise ObjectNotFound(key) from None
        with file:
            yield file

    def stat(self, key: str) -> ObjectInfo:
        try:
            stat = self.path(key).stat()
        except FileNotFoundError:
            raise ObjectNotFound(key) from None
        return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        base = self.path(prefix) if prefix else self.root
        top = base if not prefix or prefix.endswith("/") else base.parent
        keys = []
        for folder, _, names in os.walk(top):
            for name in names:
                key = (Path(folder) / name).relative_to(self.root).as_posix()
                if key.startswith(prefix) and not name.startswith(".draft-"):
                    keys.append(key)
        for key in sorted(keys):
            try:
                yield self.stat(key)
            except ObjectNotFound:
                continue

    def move(self, key: str, target: str) -> None:
        destination = self.path(target)
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.path(key).rename(destination)
        except FileNotFoundError:
            raise ObjectNotFound(key) from None

    def delete(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)

    @contextmanager
    def _written(self, key: str) -> Iterator[IO[bytes]]:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".draft-{secrets.token_hex(8)}")
        try:
            with draft.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)


class _FullReads:
    """Reads as many bytes as asked for until the end. The S3 client takes a shorter read, which
    pipes and sockets give at any time, for the end of the object.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            return self._stream.read()
        parts = []
        while size > 0 and (data := self._stream.read(size)):
            parts.append(data)
            size -= len(data)
        return b"".join(parts)


class S3Store:
    """Objects of one bucket under one prefix; large streams go as multipart uploads."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self.client = client
        self.bucket = bucket
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data)

    def put_stream(self, key: str, stream: IO[bytes]) -> None:
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(
            multipart_threshold=CHUNK, multipart_chunksize=CHUNK, max_concurrency=4
        )
        whole = cast(IO[bytes], _FullReads(stream))
        self.client.upload_fileobj(whole, self.bucket, self._key(key), Config=config)

    def get(self, key: str) -> bytes:
        with self.open(key) as body:
            data: bytes = body.read()
            return data

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        with self._not_found(key):
            response = self.client.get_object(Bucket=self.bucket, Key=self._key(key))
        try:
            yield response["Body"]
        finally:
            response["Body"].close()

    def stat(self, key: str) -> ObjectInfo:
        with self._not_found(key):
            head = self.client.head_object(Bucket=self.bucket, Key=self._key(key))
        return ObjectInfo(key, head["ContentLength"], head["LastModified"])

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix + prefix
        )
        found = [
            ObjectInfo(entry["Key"].removeprefix(self.prefix), entry["Size"], entry["LastModified"])
            for page in pages
            for entry in page.get("Contents", ())
        ]
        # Not every server lists by key: some put the objects of a folder before `folder.name`.
        yield from sorted(found, key=lambda info: info.key)

    def move(self, key: str, target: str) -> None:
        with self._not_found(key):
            self.client.copy(
                {"Bucket": self.bucket, "Key": self._key(key)}, self.bucket, self._key(target)
            )
        self.delete(key)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self._key(key))

    def _key(self, key: str) -> str:
        if not key or key.startswith("/") or ".." in key.split("/"):
            raise InvalidKey(f"not a key of the object store: {key!r}")
        return self.prefix + key

    @contextmanager
    def _not_found(self, key: str) -> Iterator[None]:
        from botocore.exceptions import ClientError

        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                raise ObjectNotFound(key) from None
            raise


def open_object_store(settings: Settings) -> ObjectStore:
    """The store that `ATRIUM_OBJECT_STORE` names; the bucket must exist already."""
    if not settings.object_store.startswith("s3://"):
        folder = settings.object_store or settings.state_dir / "objects"
        return FolderStore(Path(folder))
    import boto3
    from botocore.config import Config

    bucket, _, prefix = settings.object_store.removeprefix("s3://").partition("/")
    client = boto3.client(
        "s3",
        endpoint_url=settings.object_store_endpoint or None,
        region_name=settings.object_store_region,
        aws_access_key_id=settings.object_store_access_key.get_secret_value() or None,
        aws_secret_access_key=settings.object_store_secret_key.get_secret_value() or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if settings.object_store_endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    return S3Store(client, bucket, prefix)
