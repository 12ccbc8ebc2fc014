"""What Postgres needs to believe who acts."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA

from storage.models.base import Base, Mapped, mapped_column


class ContextKey(Base):
    """The one key that contexts are signed with, as the two blocks of HMAC; the owner's alone."""

    __tablename__ = "context_keys"
    __table_args__ = (sa.CheckConstraint("is_only", name="one_row"), {"schema": "app"})
    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=sa.true())
    inner_block: Mapped[bytes] = mapped_column(BYTEA)
    outer_block: Mapped[bytes] = mapped_column(BYTEA)
