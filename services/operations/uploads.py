"""Files of a shop or a mall: kept, found, taken away and brought back.

Belongs here: whose a file is and where its bytes stand. Not here: judging a file
(services.uploads).
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import IO
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.uploads import ACCEPTED, FileFormat, UploadKind
from services.uploads.guard import CHUNK, checked_file
from services.uploads.limits import UploadLimits
from storage.models import Shop, Upload
from storage.objects import ObjectStore

PREFIX = "uploads"


class UploadNotFound(Exception):
    """No such file, or none that the asker may reach."""


@dataclass(frozen=True, slots=True)
class KeptUpload:
    """A file as a list shows it."""

    id: int
    uuid: UUID
    mall_id: int
    shop_id: int | None
    kind: UploadKind
    format: FileFormat
    name: str
    content_type: str
    bytes: int
    has_thumbnail: bool
    uploaded_at: datetime
    uploaded_by: int | None
    uploaded_by_name: str
    deleted_at: datetime | None

    @property
    def object_key(self) -> str:
        return object_key(self.uuid)

    @property
    def thumbnail_key(self) -> str:
        return thumbnail_key(self.uuid)


def object_key(uuid: UUID) -> str:
    """`uploads/3f/3f0c….`: made of the uuid alone, never of a name that somebody typed."""
    return f"{PREFIX}/{uuid.hex[:2]}/{uuid}"


def thumbnail_key(uuid: UUID) -> str:
    """Where a picture's small WebP stands."""
    return f"{object_key(uuid)}-thumbnail"


def keep_upload(
    session: Session,
    *,
    store: ObjectStore,
    limits: UploadLimits,
    mall_id: int,
    shop_id: int | None,
    kind: UploadKind,
    stream: IO[bytes],
    name: str,
    actor_id: int | None,
    actor_name: str,
    now: datetime,
    declared_bytes: int | None = None,
) -> KeptUpload:
    """Judge a file and keep it; the caller commits.

    `actor_name` is what the file's list calls who sent it. The object is written before its row:
    when the transaction fails, an object that nobody can find stays behind. Raises UploadRefused
    (services.uploads.reasons), UploadNotFound when the shop is not one of the mall.
    """
    if shop_id is not None:
        known = sa.select(Shop.id).where(Shop.id == shop_id, Shop.mall_id == mall_id)
        if session.scalar(known) is None:
            raise UploadNotFound(f"no shop {shop_id} in mall {mall_id}")
    with checked_file(
        stream, name=name, accepted=ACCEPTED[kind], limits=limits, declared_bytes=declared_bytes
    ) as file:
        uuid = uuid4()
        size, digest = _measure(file.content)
        store.put_stream(object_key(uuid), file.content)
        if file.thumbnail is not None:
            store.put_stream(thumbnail_key(uuid), file.thumbnail)
        session.add(
            Upload(
                uuid=uuid,
                mall_id=mall_id,
                shop_id=shop_id,
                kind=kind,
                format=file.format,
                original_name=file.name,
                content_type=file.content_type,
                bytes=size,
                received_bytes=file.received_bytes,
                received_sha256=file.received_sha256,
                kept_sha256=digest,
                has_thumbnail=file.thumbnail is not None,
                uploaded_by=actor_id,
                uploaded_by_name=actor_name,
                uploaded_at=now,
            )
        )
    session.flush()
    return open_upload(session, uuid=uuid)


def list_uploads(
    session: Session,
    *,
    shop_id: int,
    kinds: Collection[UploadKind] | None = None,
    is_deleted: bool = False,
    limit: int = 500,
) -> tuple[KeptUpload, ...]:
    """A shop's files, newest first: those that are there, or those taken away."""
    query = sa.select(Upload).where(
        Upload.shop_id == shop_id,
        Upload.deleted_at.is_not(None) if is_deleted else Upload.deleted_at.is_(None),
    )
    if kinds is not None:
        query = query.where(Upload.kind.in_(kinds))
    rows = session.scalars(query.order_by(Upload.uploaded_at.desc(), Upload.id.desc()).limit(limit))
    return tuple(_kept(upload) for upload in rows)


def open_upload(
    session: Session,
    *,
    uuid: UUID,
    mall_ids: Collection[int] | None = None,
    shop_ids: Collection[int] | None = None,
    with_deleted: bool = False,
) -> KeptUpload:
    """The file, its bytes at `object_key`. `mall_ids` and `shop_ids` limit whose it may be.

    Raises UploadNotFound.
    """
    query = sa.select(Upload).where(Upload.uuid == uuid)
    if mall_ids is not None:
        query = query.where(Upload.mall_id.in_(mall_ids))
    if shop_ids is not None:
        query = query.where(Upload.shop_id.in_(shop_ids))
    if not with_deleted:
        query = query.where(Upload.deleted_at.is_(None))
    found = session.scalar(query)
    if found is None:
        raise UploadNotFound(str(uuid))
    return _kept(found)


def remove_upload(
    session: Session, *, uuid: UUID, mall_id: int, actor_id: int | None, now: datetime
) -> None:
    """Take a file off its list; its bytes stay. Raises UploadNotFound, also for a removed one."""
    upload = _locked(session, uuid, mall_id)
    if upload.deleted_at is not None:
        raise UploadNotFound(str(uuid))
    upload.deleted_at = now
    upload.deleted_by = actor_id
    session.flush()


def restore_upload(session: Session, *, uuid: UUID, mall_id: int) -> None:
    """Bring a removed file back; nothing happens to one that is there. Raises UploadNotFound."""
    upload = _locked(session, uuid, mall_id)
    upload.deleted_at = upload.deleted_by = None
    session.flush()


def _locked(session: Session, uuid: UUID, mall_id: int) -> Upload:
    upload = session.scalar(
        sa.select(Upload).where(Upload.uuid == uuid, Upload.mall_id == mall_id).with_for_update()
    )
    if upload is None:
        raise UploadNotFound(str(uuid))
    return upload


def _kept(upload: Upload) -> KeptUpload:
    return KeptUpload(
        id=upload.id,
        uuid=upload.uuid,
        mall_id=upload.mall_id,
        shop_id=upload.shop_id,
        kind=upload.kind,
        format=upload.format,
        name=upload.original_name,
        content_type=upload.content_type,
        bytes=upload.bytes,
        has_thumbnail=upload.has_thumbnail,
        uploaded_at=upload.uploaded_at,
        uploaded_by=upload.uploaded_by,
        uploaded_by_name=upload.uploaded_by_name,
        deleted_at=upload.deleted_at,
    )


def _measure(content: IO[bytes]) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    while part := content.read(CHUNK):
        digest.update(part)
        size += len(part)
    content.seek(0)
    return size, digest.hexdigest()
