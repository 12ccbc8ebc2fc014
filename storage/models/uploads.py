"""Files from people: what was sent, what is kept of it, whose it is."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from domain.uploads import FileFormat, UploadKind
from storage.models.base import Base, Id, Mapped, mapped_column, one_of


class Upload(Base):
    """A file under a key of the object store that is made of its uuid alone.

    `bytes` and `kept_sha256` are of what is kept: a picture is drawn anew, so they differ from
    what came. A deleted file keeps its object and can be restored. `uploaded_by_name` is who
    that was then: a shop reads its files, not the accounts of the staff.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        sa.Index("ix_uploads_shop_id", "shop_id", sa.text("uploaded_at DESC")),
        sa.CheckConstraint("bytes > 0 AND received_bytes > 0", name="bytes_positive"),
        sa.CheckConstraint(
            "length(original_name) BETWEEN 1 AND 255", name="original_name_has_a_length"
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    uuid: Mapped[UUID] = mapped_column(sa.Uuid, unique=True)
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    shop_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.shops.id"))
    kind: Mapped[UploadKind] = mapped_column(one_of(UploadKind))
    format: Mapped[FileFormat] = mapped_column(one_of(FileFormat))
    original_name: Mapped[str]
    content_type: Mapped[str]
    bytes: Mapped[int]
    received_bytes: Mapped[int]
    received_sha256: Mapped[str]
    kept_sha256: Mapped[str]
    has_thumbnail: Mapped[bool]
    uploaded_by: Mapped[int | None] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="SET NULL")
    )
    uploaded_by_name: Mapped[str]
    uploaded_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    deleted_by: Mapped[int | None] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="SET NULL")
    )
