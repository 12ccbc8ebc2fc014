"""uploads: files from people"""

import sqlalchemy as sa
from alembic import op

from storage.audit_capture import capture_rows, release_rows

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KINDS = ("LICENCE", "PHOTO", "DOCUMENT", "REPAIR_PHOTO", "BANK_SLIP", "SALES_FILE")
FORMATS = ("JPEG", "PNG", "WEBP", "PDF", "CSV", "XLSX")


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                *KINDS, name="uploadkind", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column(
            "format",
            sa.Enum(
                *FORMATS, name="fileformat", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("original_name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_sha256", sa.Text(), nullable=False),
        sa.Column("kept_sha256", sa.Text(), nullable=False),
        sa.Column("has_thumbnail", sa.Boolean(), nullable=False),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=True),
        sa.Column("uploaded_by_name", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "bytes > 0 AND received_bytes > 0", name=op.f("ck_uploads_bytes_positive")
        ),
        sa.CheckConstraint(
            "length(original_name) BETWEEN 1 AND 255",
            name=op.f("ck_uploads_original_name_has_a_length"),
        ),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_uploads_mall_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["app.shops.id"], name=op.f("fk_uploads_shop_id")),
        sa.ForeignKeyConstraint(
            ["uploaded_by"],
            ["app.users.id"],
            name=op.f("fk_uploads_uploaded_by"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["deleted_by"],
            ["app.users.id"],
            name=op.f("fk_uploads_deleted_by"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("uuid", name=op.f("uq_uploads_uuid")),
        schema="app",
    )
    op.create_index(
        "ix_uploads_shop_id",
        "uploads",
        ["shop_id", sa.text("uploaded_at DESC")],
        schema="app",
    )
    for statement in capture_rows("uploads"):
        op.execute(statement)


def downgrade() -> None:
    for statement in release_rows("uploads"):
        op.execute(statement)
    op.drop_table("uploads", schema="app")
