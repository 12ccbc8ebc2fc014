"""device data: addresses of devices, sales one by one, late values, decisions, unknown senders"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.audit_capture import capture_rows
from storage.roles import Group
from storage.row_security import allow, by_mall, by_parent, protect_rows

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SA, MG, OP, FI = Group.SUPER_ADMIN, Group.MANAGEMENT, Group.OPERATION, Group.FINANCE
SHOP, INGEST, PIPELINES = Group.SHOP, Group.INGEST, Group.PIPELINES
READ = "SELECT"
DATA = {SA: READ, MG: READ, OP: READ, PIPELINES: READ}
ONE_MALL = "mall_id = ANY ((SELECT app.scope_malls())::bigint[])"
OF_A_DEVICE = by_parent("app.devices", "device_id")
DECIDE = "SELECT, INSERT, UPDATE (withdrawn_at, withdrawn_by)"
TABLES = {
    "app.closed_months": (
        {"staff": by_mall()},
        {**DATA, SA: "SELECT, INSERT, DELETE", FI: "SELECT, INSERT, DELETE"},
    ),
    # What a device's door writes is settled by functions of the owner.
    "ingest.till_transactions": ({"staff": OF_A_DEVICE}, DATA),
    "ingest.till_transaction_revisions": ({"staff": OF_A_DEVICE}, DATA),
    "ingest.late_readings": (
        {"staff": by_mall()},
        {
            **DATA,
            SA: "SELECT, UPDATE (state, decided_at, decided_by, note)",
            FI: "SELECT, UPDATE (state, decided_at, decided_by, note)",
        },
    ),
    "ingest.cleaning_decisions": ({"staff": by_mall()}, {**DATA, SA: DECIDE, OP: DECIDE}),
    "ingest.unknown_devices": (
        {"staff": by_mall()},
        {
            **DATA,
            SA: "SELECT, UPDATE (state, device_id)",
            OP: "SELECT, UPDATE (state, device_id)",
        },
    ),
}
ADDRESS = "SELECT (adapter, serial, channel, time_zone, direction_map, metric_kinds)"
EARLIER_FEEDS = "feed IN ('pos_days', 'footfall_hours', 'meter_registers')"

# An unknown sender is counted once a message, in the transaction that keeps what it said.
NOTE_UNKNOWN = """
CREATE FUNCTION ingest.note_unknown_devices(
    mall_id bigint, adapter text, serials text[], channels text[], labels text[], at timestamptz
) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.require_mall(mall_id);
    INSERT INTO ingest.unknown_devices AS u
        (mall_id, adapter, serial, channel, labels, first_seen_at, last_seen_at)
    SELECT $1, $2, s.serial, s.channel, array_agg(DISTINCT s.label ORDER BY s.label), $6, $6
    FROM unnest($3, $4, $5) AS s (serial, channel, label)
    GROUP BY s.serial, s.channel ORDER BY s.serial, s.channel
    ON CONFLICT ON CONSTRAINT uq_unknown_devices_mall_id_adapter_serial_channel DO UPDATE SET
        last_seen_at = greatest(u.last_seen_at, EXCLUDED.last_seen_at),
        messages = u.messages + 1,
        labels = ARRAY(SELECT DISTINCT l FROM unnest(u.labels || EXCLUDED.labels) l ORDER BY l);
END
$$
"""
NOTE_UNKNOWN_NAME = "ingest.note_unknown_devices(bigint, text, text[], text[], text[], timestamptz)"
# As they stood, but for the malls in scope alone.
NOTE_TRAFFIC = """
CREATE OR REPLACE FUNCTION app.note_traffic(device_ids bigint[], at timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    {check}
    WITH noted AS (
        UPDATE app.devices d
        SET last_seen_at = $2,
            status = CASE d.status WHEN 'OFFLINE' THEN 'ONLINE' ELSE d.status END
        FROM (SELECT id FROM app.devices
              WHERE id = ANY($1)
                AND (last_seen_at IS NULL OR last_seen_at <= $2 - interval '1 minute')
              ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) heard
        WHERE d.id = heard.id
        RETURNING 1
    )
    SELECT count(*) FROM noted
$$
"""
NOTE_KEY_USED = """
CREATE OR REPLACE FUNCTION app.note_device_key_used(key_id bigint, at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    {check}
    UPDATE app.device_keys k SET last_used_at = $2
    FROM (SELECT id FROM app.device_keys
          WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2 - interval '1 minute')
          FOR NO KEY UPDATE SKIP LOCKED) used
    WHERE k.id = used.id
$$
"""
OF_SCOPE = "SELECT app.require_devices($1);"
KEY_OF_SCOPE = "SELECT app.require_mall(k.mall_id) FROM app.device_keys k WHERE k.id = $1;"


def upgrade() -> None:
    op.create_table(
        "till_transaction_revisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gross_sales", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("refunds", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("discounts", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("tax", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("net_sales", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("original_number", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "replaced_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_till_transaction_revisions")),
        schema="ingest",
    )
    op.create_index(
        "ix_till_transaction_revisions_key",
        "till_transaction_revisions",
        ["device_id", "business_date", "number"],
        unique=False,
        schema="ingest",
    )
    op.create_table(
        "till_transactions",
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("has_stated_date", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "SALE",
                "RETURN",
                "VOID",
                "CANCELLED",
                "TRAINING",
                "CONTROL",
                name="salekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("gross_sales", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("refunds", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("discounts", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("tax", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("net_sales", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("original_number", sa.Text(), server_default="", nullable=False),
        sa.Column("quality", sa.Text(), server_default="GOOD", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "net_sales = gross_sales - refunds - discounts",
            name=op.f("ck_till_transactions_net_sales_add_up"),
        ),
        sa.PrimaryKeyConstraint(
            "device_id", "business_date", "number", name=op.f("pk_till_transactions")
        ),
        schema="ingest",
    )
    op.create_index(
        "ix_till_transactions_occurred_at",
        "till_transactions",
        ["occurred_at"],
        unique=False,
        schema="ingest",
        postgresql_using="brin",
    )
    op.create_table(
        "closed_months",
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_closed_months_mall_id")
        ),
        sa.PrimaryKeyConstraint("mall_id", "month", name=op.f("pk_closed_months")),
        schema="app",
    )
    op.create_table(
        "late_readings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("interval_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("interval_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("sale", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "WAITING",
                "APPLIED",
                "DISMISSED",
                name="latestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="WAITING",
            nullable=False,
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_late_readings_mall_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_late_readings")),
        schema="ingest",
    )
    op.create_index(
        "ix_late_readings_mall_id_month_state",
        "late_readings",
        ["mall_id", "month", "state"],
        unique=False,
        schema="ingest",
    )
    op.create_table(
        "cleaning_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("hour_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("rule", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "verdict",
            sa.Enum(
                "RELEASE",
                "EXCLUDE",
                name="cleaningverdict",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["app.devices.id"], name=op.f("fk_cleaning_decisions_device_id")
        ),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_cleaning_decisions_mall_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cleaning_decisions")),
        schema="ingest",
    )
    op.create_index(
        "uq_cleaning_decisions_standing",
        "cleaning_decisions",
        ["device_id", "metric", "hour_start", "rule"],
        unique=True,
        schema="ingest",
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "unknown_devices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("messages", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "NEW",
                "REGISTERED",
                "IGNORED",
                name="unknowndevicestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="NEW",
            nullable=False,
        ),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["app.devices.id"], name=op.f("fk_unknown_devices_device_id")
        ),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_unknown_devices_mall_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unknown_devices")),
        sa.UniqueConstraint(
            "mall_id",
            "adapter",
            "serial",
            "channel",
            name=op.f("uq_unknown_devices_mall_id_adapter_serial_channel"),
        ),
        schema="ingest",
    )
    op.add_column(
        "device_installations",
        sa.Column("floor", sa.Text(), server_default="", nullable=False),
        schema="app",
    )
    op.add_column(
        "device_installations",
        sa.Column("ratio", sa.Numeric(precision=12, scale=6), nullable=True),
        schema="app",
    )
    op.add_column(
        "devices", sa.Column("channel", sa.Text(), server_default="", nullable=False), schema="app"
    )
    op.add_column(
        "devices",
        sa.Column("time_zone", sa.Text(), server_default="", nullable=False),
        schema="app",
    )
    op.add_column(
        "devices",
        sa.Column(
            "direction_map",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        schema="app",
    )
    op.add_column(
        "devices",
        sa.Column(
            "metric_kinds",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        schema="app",
    )
    # The adapter was a free word until now: what names none of ours spoke our own format.
    op.execute("UPDATE app.devices SET adapter = 'atrium' WHERE adapter <> 'atrium'")
    op.create_index(
        "uq_devices_address",
        "devices",
        ["mall_id", "adapter", "serial", "channel"],
        unique=True,
        schema="app",
        postgresql_where=sa.text("serial <> '' AND adapter <> 'atrium'"),
    )
    op.add_column(
        "batches",
        sa.Column("adapter", sa.Text(), server_default="atrium", nullable=False),
        schema="ingest",
    )
    op.add_column("files", sa.Column("shop_id", sa.BigInteger(), nullable=True), schema="ingest")
    op.add_column("files", sa.Column("upload_id", sa.BigInteger(), nullable=True), schema="ingest")
    op.add_column(
        "files", sa.Column("uploaded_by", sa.BigInteger(), nullable=True), schema="ingest"
    )
    op.add_column(
        "files",
        sa.Column("rows_late", sa.BigInteger(), server_default="0", nullable=False),
        schema="ingest",
    )
    op.create_index(op.f("ix_files_shop_id"), "files", ["shop_id"], unique=False, schema="ingest")
    op.create_foreign_key(
        op.f("fk_files_shop_id"),
        "files",
        "shops",
        ["shop_id"],
        ["id"],
        source_schema="ingest",
        referent_schema="app",
    )
    op.create_foreign_key(
        op.f("fk_files_uploaded_by"),
        "files",
        "users",
        ["uploaded_by"],
        ["id"],
        source_schema="ingest",
        referent_schema="app",
        ondelete="SET NULL",
    )
    op.create_foreign_key(
        op.f("fk_files_upload_id"),
        "files",
        "uploads",
        ["upload_id"],
        ["id"],
        source_schema="ingest",
        referent_schema="app",
    )
    op.add_column(
        "quarantine",
        sa.Column("released_by", sa.Text(), server_default="", nullable=False),
        schema="ingest",
    )
    op.add_column(
        "quarantine",
        sa.Column("release_note", sa.Text(), server_default="", nullable=False),
        schema="ingest",
    )
    op.add_column(
        "reading_hours",
        sa.Column("is_estimated", sa.Boolean(), server_default="false", nullable=False),
        schema="ingest",
    )

    op.drop_constraint("ck_files_feed", "files", schema="ingest")
    # A till may begin its next business day within an hour.
    op.drop_constraint("pk_reading_hours", "reading_hours", schema="ingest")
    op.create_primary_key(
        "pk_reading_hours",
        "reading_hours",
        ["device_id", "metric", "hour_start", "business_date"],
        schema="ingest",
    )
    for statement in capture_rows(
        "closed_months", subject="malls", subject_column="mall_id", part_column="month"
    ):
        op.execute(statement)
    for table, (conditions, privileges) in TABLES.items():
        for statement in (*protect_rows(table, **conditions), *allow(table, privileges)):
            op.execute(statement)
    for statement in allow("app.devices", {INGEST: ADDRESS}):
        op.execute(statement)
    op.execute(NOTE_UNKNOWN)
    op.execute(f"REVOKE ALL ON FUNCTION {NOTE_UNKNOWN_NAME} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {NOTE_UNKNOWN_NAME} TO {INGEST}, {PIPELINES}")
    op.execute(NOTE_TRAFFIC.format(check=OF_SCOPE))
    op.execute(NOTE_KEY_USED.format(check=KEY_OF_SCOPE))


def downgrade() -> None:
    op.execute(NOTE_KEY_USED.format(check=""))
    op.execute(NOTE_TRAFFIC.format(check=""))
    op.execute(f"DROP FUNCTION {NOTE_UNKNOWN_NAME}")
    op.execute(f"REVOKE {ADDRESS} ON app.devices FROM {INGEST}")
    # Hours are computed from readings: what the earlier key has no room for comes again.
    op.execute("DELETE FROM ingest.reading_hours WHERE is_estimated")
    op.execute(
        "DELETE FROM ingest.reading_hours h USING ingest.reading_hours later "
        "WHERE (h.device_id, h.metric, h.hour_start) "
        "= (later.device_id, later.metric, later.hour_start) "
        "AND h.business_date < later.business_date"
    )
    op.drop_constraint("pk_reading_hours", "reading_hours", schema="ingest")
    op.create_primary_key(
        "pk_reading_hours",
        "reading_hours",
        ["device_id", "metric", "hour_start"],
        schema="ingest",
    )
    files = sa.table("files", sa.column("feed"), schema="ingest")
    op.execute(
        sa.update(files)
        .where(sa.not_(sa.literal_column(EARLIER_FEEDS, sa.Boolean)))
        .values(feed=None)
    )
    op.create_check_constraint(op.f("ck_files_feed"), "files", EARLIER_FEEDS, schema="ingest")
    op.drop_column("reading_hours", "is_estimated", schema="ingest")
    op.drop_column("quarantine", "release_note", schema="ingest")
    op.drop_column("quarantine", "released_by", schema="ingest")
    op.drop_constraint(op.f("fk_files_upload_id"), "files", schema="ingest", type_="foreignkey")
    op.drop_constraint(op.f("fk_files_uploaded_by"), "files", schema="ingest", type_="foreignkey")
    op.drop_constraint(op.f("fk_files_shop_id"), "files", schema="ingest", type_="foreignkey")
    op.drop_index(op.f("ix_files_shop_id"), table_name="files", schema="ingest")
    op.drop_column("files", "rows_late", schema="ingest")
    op.drop_column("files", "uploaded_by", schema="ingest")
    op.drop_column("files", "upload_id", schema="ingest")
    op.drop_column("files", "shop_id", schema="ingest")
    op.drop_column("batches", "adapter", schema="ingest")
    op.drop_index(
        "uq_devices_address",
        table_name="devices",
        schema="app",
        postgresql_where=sa.text("serial <> '' AND adapter <> 'atrium'"),
    )
    op.drop_column("devices", "metric_kinds", schema="app")
    op.drop_column("devices", "direction_map", schema="app")
    op.drop_column("devices", "time_zone", schema="app")
    op.drop_column("devices", "channel", schema="app")
    op.drop_column("device_installations", "ratio", schema="app")
    op.drop_column("device_installations", "floor", schema="app")
    op.drop_table("unknown_devices", schema="ingest")
    op.drop_index(
        "uq_cleaning_decisions_standing",
        table_name="cleaning_decisions",
        schema="ingest",
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.drop_table("cleaning_decisions", schema="ingest")
    op.drop_index(
        "ix_late_readings_mall_id_month_state", table_name="late_readings", schema="ingest"
    )
    op.drop_table("late_readings", schema="ingest")
    op.drop_table("closed_months", schema="app")
    op.drop_index(
        "ix_till_transactions_occurred_at",
        table_name="till_transactions",
        schema="ingest",
        postgresql_using="brin",
    )
    op.drop_table("till_transactions", schema="ingest")
    op.drop_index(
        "ix_till_transaction_revisions_key",
        table_name="till_transaction_revisions",
        schema="ingest",
    )
    op.drop_table("till_transaction_revisions", schema="ingest")
