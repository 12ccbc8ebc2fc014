"""finance reads the names of devices, of which it decides late values"""

from alembic import op

from storage.roles import Group
from storage.row_security import allow

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NAMES = "SELECT (id, mall_id, code, name, kind)"


def upgrade() -> None:
    for statement in allow("app.devices", {Group.FINANCE: NAMES}):
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"REVOKE {NAMES} ON app.devices FROM {Group.FINANCE}")
