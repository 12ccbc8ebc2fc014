"""audit walls: events that are not sealed are nobody's; management reads whether all is intact"""

from alembic import op

from storage.row_security import protect_rows, unprotect_rows

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in protect_rows("audit.pending"):
        op.execute(statement)
    op.execute(
        "CREATE POLICY verified ON audit.events FOR SELECT TO atrium_management "
        "USING (action = 'AUDIT_VERIFIED')"
    )


def downgrade() -> None:
    op.execute("DROP POLICY verified ON audit.events")
    for statement in unprotect_rows("audit.pending"):
        op.execute(statement)
