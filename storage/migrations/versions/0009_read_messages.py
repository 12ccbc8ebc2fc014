"""read messages: when a shop has read what stands in its inbox"""

import sqlalchemy as sa
from alembic import op

from storage.roles import Group

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "notifications",
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        schema="app",
    )
    # All that a shop ever writes there.
    op.execute(f"GRANT UPDATE (read_at) ON app.notifications TO {Group.SHOP}")


def downgrade() -> None:
    op.drop_column("notifications", "read_at", schema="app")
