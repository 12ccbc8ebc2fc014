"""cleaning: voids and flagged hours are found at once; a decision is about an hour of a date"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STANDING = sa.text("withdrawn_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_till_transactions_voids",
        "till_transactions",
        ["device_id", "business_date"],
        schema="ingest",
        postgresql_where=sa.text("kind = 'VOID'"),
    )
    op.create_index(
        "ix_reading_hours_flagged",
        "reading_hours",
        ["mall_id", "business_date", "hour_start"],
        schema="ingest",
        postgresql_where=sa.text("flags <> '{}'"),
    )
    # An hour may stand under two business dates.
    op.drop_index("uq_cleaning_decisions_standing", "cleaning_decisions", schema="ingest")
    op.create_index(
        "uq_cleaning_decisions_standing",
        "cleaning_decisions",
        ["device_id", "metric", "hour_start", "business_date", "rule"],
        unique=True,
        schema="ingest",
        postgresql_where=STANDING,
    )


def downgrade() -> None:
    op.drop_index("uq_cleaning_decisions_standing", "cleaning_decisions", schema="ingest")
    # The earlier key has room for one decision of a rule about an hour: the newest stands.
    op.execute(
        "UPDATE ingest.cleaning_decisions d SET withdrawn_at = now() "
        "FROM ingest.cleaning_decisions later "
        "WHERE d.withdrawn_at IS NULL AND later.withdrawn_at IS NULL AND later.id > d.id "
        "AND (later.device_id, later.metric, later.hour_start, later.rule) "
        "= (d.device_id, d.metric, d.hour_start, d.rule)"
    )
    op.create_index(
        "uq_cleaning_decisions_standing",
        "cleaning_decisions",
        ["device_id", "metric", "hour_start", "rule"],
        unique=True,
        schema="ingest",
        postgresql_where=STANDING,
    )
    op.drop_index("ix_reading_hours_flagged", "reading_hours", schema="ingest")
    op.drop_index("ix_till_transactions_voids", "till_transactions", schema="ingest")
