"""first schema"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# One partition a month, in UTC. Two writers may ask at once: the lock makes the second wait.
PARTITION_FUNCTION = """
CREATE FUNCTION ingest.ensure_readings_partition(month date, following date) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'readings_y' || to_char(month, 'YYYY') || 'm' || to_char(month, 'MM');
BEGIN
    IF to_regclass('ingest.' || partition) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(4207850);
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS ingest.%I PARTITION OF ingest.readings '
        'FOR VALUES FROM (%L) TO (%L)',
        partition, month::text || ' 00:00:00+00', following::text || ' 00:00:00+00'
    );
END
$$
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for schema in ("app", "ingest", "audit"):
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    op.create_table(
        "backups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "FULL",
                "INCREMENTAL",
                name="backupkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "origin",
            sa.Enum(
                "AUTOMATIC",
                "MANUAL",
                name="backuporigin",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "RUNNING",
                "SUCCESS",
                "VERIFIED",
                "FAILED",
                "EXPIRED",
                name="backupstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.Text(), server_default="", nullable=False),
        sa.Column("manifest_key", sa.Text(), server_default="", nullable=False),
        sa.Column("manifest_sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("plain_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tables", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("proof", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("run_id", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
        sa.UniqueConstraint("sequence", name=op.f("uq_backups_sequence")),
        schema="app",
    )
    op.create_table(
        "malls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="Asia/Shanghai", nullable=False),
        sa.Column(
            "business_day_cutoff_hour", sa.SmallInteger(), server_default="0", nullable=False
        ),
        sa.Column("currency", sa.CHAR(length=3), server_default="CNY", nullable=False),
        sa.Column("opens_at", sa.Time(), server_default="10:00", nullable=False),
        sa.Column("closes_at", sa.Time(), server_default="22:00", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "business_day_cutoff_hour BETWEEN 0 AND 12", name=op.f("ck_malls_cutoff_hour")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_malls")),
        sa.UniqueConstraint("code", name=op.f("uq_malls_code")),
        schema="app",
    )
    op.create_table(
        "roles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("name", name=op.f("uq_roles_name")),
        schema="app",
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("fs_uniquifier", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), server_default="", nullable=False),
        sa.Column("current_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("current_login_ip", sa.Text(), nullable=True),
        sa.Column("last_login_ip", sa.Text(), nullable=True),
        sa.Column("login_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "create_datetime",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_users_fs_uniquifier")),
        schema="app",
    )
    op.create_table(
        "reading_hours",
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("hour_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("covers_minutes", sa.Integer(), nullable=False),
        sa.Column("flags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("is_used", sa.Boolean(), nullable=False),
        sa.Column(
            "rules", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("cleaned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "metric", "hour_start", name=op.f("pk_reading_hours")),
        schema="ingest",
    )
    op.create_index(
        "ix_reading_hours_mall_date",
        "reading_hours",
        ["mall_id", "business_date"],
        unique=False,
        schema="ingest",
    )
    op.create_table(
        "reading_revisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("interval_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "replaced_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading_revisions")),
        schema="ingest",
    )
    op.create_index(
        "ix_reading_revisions_key",
        "reading_revisions",
        ["device_id", "metric", "interval_start"],
        unique=False,
        schema="ingest",
    )
    op.create_table(
        "readings",
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("interval_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("interval_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("quality", sa.Text(), server_default="GOOD", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "value NOT IN ('NaN', 'Infinity', '-Infinity')", name=op.f("ck_readings_value_finite")
        ),
        sa.PrimaryKeyConstraint("device_id", "metric", "interval_start", name=op.f("pk_readings")),
        schema="ingest",
        postgresql_partition_by="RANGE (interval_start)",
    )
    op.create_index(
        "ix_readings_interval_start",
        "readings",
        ["interval_start"],
        unique=False,
        schema="ingest",
        postgresql_using="brin",
    )
    op.create_table(
        "bill_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "RUNNING",
                "FINISHED",
                "FAILED",
                name="billrunstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("input_sha256", sa.Text(), nullable=False),
        sa.Column("output_sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("contracts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bills_created", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bills_held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "total_amount", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False
        ),
        sa.Column("run_id", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_bill_runs_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_runs")),
        schema="app",
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "FOOTFALL",
                "POS",
                "METER",
                "ENVIRONMENT",
                "OTHER",
                name="devicekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "feed_kind",
            sa.Enum(
                "INTERVAL",
                "CUMULATIVE",
                "EVENT",
                name="feedkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("adapter", sa.Text(), server_default="atrium", nullable=False),
        sa.Column("serial", sa.Text(), server_default="", nullable=False),
        sa.Column("ip_address", sa.Text(), server_default="", nullable=False),
        sa.Column("mac_address", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "ONLINE",
                "OFFLINE",
                "MAINTENANCE",
                name="devicestatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="OFFLINE",
            nullable=False,
        ),
        sa.Column("expected_interval_minutes", sa.Integer(), server_default="60", nullable=False),
        sa.Column("modulus", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("ratio", sa.Numeric(precision=12, scale=6), server_default="1", nullable=False),
        sa.Column("physical_maximum", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "modulus IS NULL OR modulus > 0", name=op.f("ck_devices_modulus_positive")
        ),
        sa.CheckConstraint("ratio > 0", name=op.f("ck_devices_ratio_positive")),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_devices_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("mall_id", "code", name=op.f("uq_devices_mall_id_code")),
        schema="app",
    )
    op.create_table(
        "report_files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("control_total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("completeness", sa.Numeric(precision=7, scale=6), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_report_files_mall_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_files")),
        sa.UniqueConstraint(
            "mall_id",
            "report",
            "period_start",
            "period_end",
            "format",
            "locale",
            "sha256",
            name=op.f(
                "uq_report_files_mall_id_report_period_start_period_end_format_locale_sha256"
            ),
        ),
        schema="app",
    )
    op.create_table(
        "shops",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "business_type",
            sa.Enum(
                "RETAIL",
                "CATERING",
                "ENTERTAINMENT",
                "SERVICE",
                "OTHER",
                name="businesstype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("contact_name", sa.Text(), server_default="", nullable=False),
        sa.Column("contact_phone", sa.Text(), server_default="", nullable=False),
        sa.Column("contact_email", sa.Text(), server_default="", nullable=False),
        sa.Column("move_in_date", sa.Date(), nullable=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_shops_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shops")),
        sa.UniqueConstraint("mall_id", "code", name=op.f("uq_shops_mall_id_code")),
        schema="app",
    )
    op.create_table(
        "tariffs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column(
            "charge_type",
            sa.Enum(
                "RENT",
                "TURNOVER_RENT",
                "PROPERTY_FEE",
                "ELECTRICITY",
                "WATER",
                "GAS",
                "LATE_FEE",
                "DEPOSIT",
                "OTHER",
                name="chargetype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "kind",
            sa.Enum(
                "FLAT",
                "TIME_OF_USE",
                "TIERED",
                name="tariffkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_tariffs_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariffs")),
        sa.UniqueConstraint(
            "mall_id", "code", "valid_from", name=op.f("uq_tariffs_mall_id_code_valid_from")
        ),
        schema="app",
    )
    op.create_table(
        "units",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("floor", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), server_default="", nullable=False),
        sa.Column("area_m2", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("opened_date", sa.Date(), nullable=False),
        sa.Column("closed_date", sa.Date(), nullable=True),
        sa.CheckConstraint("area_m2 > 0", name=op.f("ck_units_area_positive")),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_units_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_units")),
        sa.UniqueConstraint("mall_id", "code", name=op.f("uq_units_mall_id_code")),
        schema="app",
    )
    op.create_table(
        "user_malls",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_user_malls_mall_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app.users.id"], name=op.f("fk_user_malls_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "mall_id", name=op.f("pk_user_malls")),
        schema="app",
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["app.roles.id"], name=op.f("fk_user_roles_role_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app.users.id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_roles")),
        schema="app",
    )
    op.create_table(
        "files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "feed",
            sa.Enum(
                "pos_days",
                "footfall_hours",
                "meter_registers",
                name="feed",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("inbox_key", sa.Text(), nullable=False),
        sa.Column("archive_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "LANDED",
                "DUPLICATE",
                "REFUSED",
                name="filestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("rows_total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_accepted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_duplicate", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_revised", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_refused", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_files_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        schema="ingest",
    )
    op.create_index("ix_files_sha256", "files", ["sha256"], unique=False, schema="ingest")
    op.create_table(
        "touched_dates",
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleaned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("hours_used", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_touched_dates_mall_id")
        ),
        sa.PrimaryKeyConstraint("mall_id", "business_date", name=op.f("pk_touched_dates")),
        schema="ingest",
    )
    op.create_table(
        "billing_gates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("is_passed", sa.Boolean(), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("overridden_by", sa.Text(), nullable=True),
        sa.Column("override_reason", sa.Text(), nullable=True),
        sa.Column("overridden_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_billing_gates_mall_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["app.shops.id"], name=op.f("fk_billing_gates_shop_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_gates")),
        sa.UniqueConstraint(
            "mall_id",
            "shop_id",
            "month",
            "gate",
            name=op.f("uq_billing_gates_mall_id_shop_id_month_gate"),
        ),
        schema="app",
    )
    op.create_table(
        "contracts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT",
                "IN_REVIEW",
                "APPROVED",
                "REJECTED",
                "SENT",
                "DECLINED",
                "SIGNED",
                "ACTIVE",
                "EXPIRED",
                "TERMINATED",
                "RENEWED",
                name="contractstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="DRAFT",
            nullable=False,
        ),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column(
            "deposit_amount", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False
        ),
        sa.Column("currency", sa.CHAR(length=3), server_default="CNY", nullable=False),
        sa.Column(
            "proration",
            sa.Enum(
                "ACTUAL",
                "THIRTY_360",
                "DAYS_365",
                name="proration",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="ACTUAL",
            nullable=False,
        ),
        sa.Column("payment_term_days", sa.Integer(), server_default="10", nullable=False),
        sa.Column("predecessor_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("end_date >= start_date", name=op.f("ck_contracts_dates")),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_contracts_mall_id")),
        sa.ForeignKeyConstraint(
            ["predecessor_id"], ["app.contracts.id"], name=op.f("fk_contracts_predecessor_id")
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["app.shops.id"], name=op.f("fk_contracts_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("mall_id", "number", name=op.f("uq_contracts_mall_id_number")),
        schema="app",
    )
    op.create_index(
        op.f("ix_contracts_shop_id"), "contracts", ["shop_id"], unique=False, schema="app"
    )
    op.create_table(
        "device_installations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=True),
        sa.Column("zone", sa.Text(), server_default="", nullable=False),
        sa.Column("installed_date", sa.Date(), nullable=False),
        sa.Column("removed_date", sa.Date(), nullable=True),
        sa.Column("initial_register", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("final_register", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.CheckConstraint(
            "shop_id IS NOT NULL OR zone <> ''", name=op.f("ck_device_installations_place")
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["app.devices.id"], name=op.f("fk_device_installations_device_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["app.shops.id"], name=op.f("fk_device_installations_shop_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_installations")),
        schema="app",
    )
    op.create_index(
        op.f("ix_device_installations_device_id"),
        "device_installations",
        ["device_id"],
        unique=False,
        schema="app",
    )
    op.create_index(
        op.f("ix_device_installations_shop_id"),
        "device_installations",
        ["shop_id"],
        unique=False,
        schema="app",
    )
    op.create_table(
        "device_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", postgresql.BYTEA(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["app.devices.id"], name=op.f("fk_device_keys_device_id")
        ),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_device_keys_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_keys")),
        sa.UniqueConstraint("public_id", name=op.f("uq_device_keys_public_id")),
        schema="app",
    )
    op.create_index(
        op.f("ix_device_keys_device_id"), "device_keys", ["device_id"], unique=False, schema="app"
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "method",
            sa.Enum(
                "WECHAT",
                "ALIPAY",
                "BANK_TRANSFER",
                "CASH",
                name="paymentmethod",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "CONFIRMED",
                "FAILED",
                "CLOSED",
                "REFUNDED",
                name="paymentstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("channel_transaction", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payments_amount_positive")),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> entered_by",
            name=op.f("ck_payments_maker_is_not_checker"),
        ),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_payments_mall_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["app.shops.id"], name=op.f("fk_payments_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "mall_id",
            "method",
            "channel_transaction",
            name=op.f("uq_payments_mall_id_method_channel_transaction"),
        ),
        schema="app",
    )
    op.create_index(
        op.f("ix_payments_shop_id"), "payments", ["shop_id"], unique=False, schema="app"
    )
    op.create_table(
        "service_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "REPAIR",
                "EVENT",
                name="requestkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "category",
            sa.Enum(
                "UTILITY_FAULT",
                "EQUIPMENT",
                "FACILITY",
                "OTHER",
                name="requestcategory",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "priority",
            sa.Enum(
                "LOW",
                "MEDIUM",
                "HIGH",
                "URGENT",
                name="requestpriority",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "SUBMITTED",
                "ACCEPTED",
                "REJECTED",
                "ASSIGNED",
                "IN_PROGRESS",
                "COMPLETED",
                "CONFIRMED",
                "REOPENED",
                "CLOSED",
                "CANCELLED",
                name="requeststate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="SUBMITTED",
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_service_requests_mall_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["app.shops.id"], name=op.f("fk_service_requests_shop_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["app.units.id"], name=op.f("fk_service_requests_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_requests")),
        sa.UniqueConstraint("mall_id", "number", name=op.f("uq_service_requests_mall_id_number")),
        schema="app",
    )
    op.create_index(
        op.f("ix_service_requests_shop_id"),
        "service_requests",
        ["shop_id"],
        unique=False,
        schema="app",
    )
    op.create_table(
        "user_shops",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["app.shops.id"], name=op.f("fk_user_shops_shop_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app.users.id"], name=op.f("fk_user_shops_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "shop_id", name=op.f("pk_user_shops")),
        schema="app",
    )
    op.create_table(
        "bills",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("bill_run_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT",
                "IN_REVIEW",
                "ISSUED",
                "PARTIALLY_PAID",
                "PAID",
                "VOID",
                name="billstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="DRAFT",
            nullable=False,
        ),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("net_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("tax_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("total_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("total_amount = net_amount + tax_amount", name=op.f("ck_bills_total")),
        sa.ForeignKeyConstraint(
            ["bill_run_id"], ["app.bill_runs.id"], name=op.f("fk_bills_bill_run_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_bills_contract_id")
        ),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_bills_mall_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["app.shops.id"], name=op.f("fk_bills_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bills")),
        sa.UniqueConstraint("mall_id", "number", name=op.f("uq_bills_mall_id_number")),
        schema="app",
    )
    op.create_index(op.f("ix_bills_shop_id"), "bills", ["shop_id"], unique=False, schema="app")
    op.create_index(
        "uq_bills_contract_period",
        "bills",
        ["contract_id", "period_start"],
        unique=True,
        schema="app",
        postgresql_where=sa.text("state <> 'VOID'"),
    )
    op.create_table(
        "contract_clauses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "charge_type",
            sa.Enum(
                "RENT",
                "TURNOVER_RENT",
                "PROPERTY_FEE",
                "ELECTRICITY",
                "WATER",
                "GAS",
                "LATE_FEE",
                "DEPOSIT",
                "OTHER",
                name="chargetype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "pricing_kind",
            sa.Enum(
                "FIXED_MONTHLY",
                "PER_AREA_MONTH",
                "PER_AREA_DAY",
                "PERCENTAGE",
                "METERED",
                "ONE_OFF",
                name="pricingkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_contract_clauses_dates")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_contract_clauses_contract_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_clauses")),
        schema="app",
    )
    op.create_index(
        op.f("ix_contract_clauses_contract_id"),
        "contract_clauses",
        ["contract_id"],
        unique=False,
        schema="app",
    )
    op.create_table(
        "contract_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column(
            "from_state",
            sa.Enum(
                "DRAFT",
                "IN_REVIEW",
                "APPROVED",
                "REJECTED",
                "SENT",
                "DECLINED",
                "SIGNED",
                "ACTIVE",
                "EXPIRED",
                "TERMINATED",
                "RENEWED",
                name="from_state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "to_state",
            sa.Enum(
                "DRAFT",
                "IN_REVIEW",
                "APPROVED",
                "REJECTED",
                "SENT",
                "DECLINED",
                "SIGNED",
                "ACTIVE",
                "EXPIRED",
                "TERMINATED",
                "RENEWED",
                name="to_state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default="", nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_contract_events_contract_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_events")),
        schema="app",
    )
    op.create_index(
        op.f("ix_contract_events_contract_id"),
        "contract_events",
        ["contract_id"],
        unique=False,
        schema="app",
    )
    op.create_table(
        "contract_units",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("is_held", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        postgresql.ExcludeConstraint(
            ("unit_id", "="),
            ("period", "&&"),
            where=sa.text("is_held"),
            using="gist",
            name="ex_contract_units_unit_period",
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["app.contracts.id"], name=op.f("fk_contract_units_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["app.units.id"], name=op.f("fk_contract_units_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_units")),
        schema="app",
    )
    op.create_index(
        op.f("ix_contract_units_contract_id"),
        "contract_units",
        ["contract_id"],
        unique=False,
        schema="app",
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("device_key_id", sa.BigInteger(), nullable=False),
        sa.Column("body_sha256", postgresql.BYTEA(), nullable=False),
        sa.Column("body", postgresql.BYTEA(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("rows_total", sa.BigInteger(), nullable=False),
        sa.Column("rows_refused", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_key_id"], ["app.device_keys.id"], name=op.f("fk_batches_device_key_id")
        ),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_batches_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        schema="ingest",
    )
    op.create_table(
        "allocations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("allocated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_allocations_amount_positive")),
        sa.ForeignKeyConstraint(["bill_id"], ["app.bills.id"], name=op.f("fk_allocations_bill_id")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["app.payments.id"], name=op.f("fk_allocations_payment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocations")),
        schema="app",
    )
    op.create_index(
        op.f("ix_allocations_bill_id"), "allocations", ["bill_id"], unique=False, schema="app"
    )
    op.create_index(
        op.f("ix_allocations_payment_id"), "allocations", ["payment_id"], unique=False, schema="app"
    )
    op.create_table(
        "bill_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column(
            "from_state",
            sa.Enum(
                "DRAFT",
                "IN_REVIEW",
                "ISSUED",
                "PARTIALLY_PAID",
                "PAID",
                "VOID",
                name="from_state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "to_state",
            sa.Enum(
                "DRAFT",
                "IN_REVIEW",
                "ISSUED",
                "PARTIALLY_PAID",
                "PAID",
                "VOID",
                name="to_state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["app.bills.id"], name=op.f("fk_bill_events_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_events")),
        schema="app",
    )
    op.create_index(
        op.f("ix_bill_events_bill_id"), "bill_events", ["bill_id"], unique=False, schema="app"
    )
    op.create_table(
        "bill_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column(
            "charge_type",
            sa.Enum(
                "RENT",
                "TURNOVER_RENT",
                "PROPERTY_FEE",
                "ELECTRICITY",
                "WATER",
                "GAS",
                "LATE_FEE",
                "DEPOSIT",
                "OTHER",
                name="chargetype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("clause_id", sa.BigInteger(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("net_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("tax_rate", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.Column("tax_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("total_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("derivation", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "total_amount = net_amount + tax_amount", name=op.f("ck_bill_lines_total")
        ),
        sa.ForeignKeyConstraint(["bill_id"], ["app.bills.id"], name=op.f("fk_bill_lines_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_lines")),
        sa.UniqueConstraint(
            "bill_id", "line_number", name=op.f("uq_bill_lines_bill_id_line_number")
        ),
        schema="app",
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=True),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["app.bills.id"], name=op.f("fk_documents_bill_id")),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_documents_mall_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["app.shops.id"], name=op.f("fk_documents_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        schema="app",
    )
    op.create_index(
        "uq_documents_bill_locale",
        "documents",
        ["bill_id", "locale"],
        unique=True,
        schema="app",
        postgresql_where=sa.text("kind = 'BILL'"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=True),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "channel",
            sa.Enum(
                "IN_APP",
                "SMS",
                "EMAIL",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "SENT",
                "FAILED",
                "CANCELLED",
                name="deliverystate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("send_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["app.bills.id"], name=op.f("fk_notifications_bill_id")
        ),
        sa.ForeignKeyConstraint(
            ["mall_id"], ["app.malls.id"], name=op.f("fk_notifications_mall_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["app.shops.id"], name=op.f("fk_notifications_shop_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint(
            "mall_id",
            "dedupe_key",
            "channel",
            name=op.f("uq_notifications_mall_id_dedupe_key_channel"),
        ),
        schema="app",
    )
    op.create_index(
        op.f("ix_notifications_shop_id"), "notifications", ["shop_id"], unique=False, schema="app"
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mall_id", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["ingest.batches.id"], name=op.f("fk_quarantine_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["ingest.files.id"], name=op.f("fk_quarantine_file_id")
        ),
        sa.ForeignKeyConstraint(["mall_id"], ["app.malls.id"], name=op.f("fk_quarantine_mall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        schema="ingest",
    )
    op.create_index(
        op.f("ix_quarantine_file_id"), "quarantine", ["file_id"], unique=False, schema="ingest"
    )
    op.execute(PARTITION_FUNCTION)


def downgrade() -> None:
    op.drop_index(op.f("ix_quarantine_file_id"), table_name="quarantine", schema="ingest")
    op.drop_table("quarantine", schema="ingest")
    op.drop_index(op.f("ix_notifications_shop_id"), table_name="notifications", schema="app")
    op.drop_table("notifications", schema="app")
    op.drop_index(
        "uq_documents_bill_locale",
        table_name="documents",
        schema="app",
        postgresql_where=sa.text("kind = 'BILL'"),
    )
    op.drop_table("documents", schema="app")
    op.drop_table("bill_lines", schema="app")
    op.drop_index(op.f("ix_bill_events_bill_id"), table_name="bill_events", schema="app")
    op.drop_table("bill_events", schema="app")
    op.drop_index(op.f("ix_allocations_payment_id"), table_name="allocations", schema="app")
    op.drop_index(op.f("ix_allocations_bill_id"), table_name="allocations", schema="app")
    op.drop_table("allocations", schema="app")
    op.drop_table("batches", schema="ingest")
    op.drop_index(op.f("ix_contract_units_contract_id"), table_name="contract_units", schema="app")
    op.drop_table("contract_units", schema="app")
    op.drop_index(
        op.f("ix_contract_events_contract_id"), table_name="contract_events", schema="app"
    )
    op.drop_table("contract_events", schema="app")
    op.drop_index(
        op.f("ix_contract_clauses_contract_id"), table_name="contract_clauses", schema="app"
    )
    op.drop_table("contract_clauses", schema="app")
    op.drop_index(
        "uq_bills_contract_period",
        table_name="bills",
        schema="app",
        postgresql_where=sa.text("state <> 'VOID'"),
    )
    op.drop_index(op.f("ix_bills_shop_id"), table_name="bills", schema="app")
    op.drop_table("bills", schema="app")
    op.drop_table("user_shops", schema="app")
    op.drop_index(op.f("ix_service_requests_shop_id"), table_name="service_requests", schema="app")
    op.drop_table("service_requests", schema="app")
    op.drop_index(op.f("ix_payments_shop_id"), table_name="payments", schema="app")
    op.drop_table("payments", schema="app")
    op.drop_index(op.f("ix_device_keys_device_id"), table_name="device_keys", schema="app")
    op.drop_table("device_keys", schema="app")
    op.drop_index(
        op.f("ix_device_installations_shop_id"), table_name="device_installations", schema="app"
    )
    op.drop_index(
        op.f("ix_device_installations_device_id"), table_name="device_installations", schema="app"
    )
    op.drop_table("device_installations", schema="app")
    op.drop_index(op.f("ix_contracts_shop_id"), table_name="contracts", schema="app")
    op.drop_table("contracts", schema="app")
    op.drop_table("billing_gates", schema="app")
    op.drop_table("touched_dates", schema="ingest")
    op.drop_index("ix_files_sha256", table_name="files", schema="ingest")
    op.drop_table("files", schema="ingest")
    op.drop_table("user_roles", schema="app")
    op.drop_table("user_malls", schema="app")
    op.drop_table("units", schema="app")
    op.drop_table("tariffs", schema="app")
    op.drop_table("shops", schema="app")
    op.drop_table("report_files", schema="app")
    op.drop_table("devices", schema="app")
    op.drop_table("bill_runs", schema="app")
    op.drop_index(
        "ix_readings_interval_start",
        table_name="readings",
        schema="ingest",
        postgresql_using="brin",
    )
    op.drop_table("readings", schema="ingest")
    op.drop_index("ix_reading_revisions_key", table_name="reading_revisions", schema="ingest")
    op.drop_table("reading_revisions", schema="ingest")
    op.drop_index("ix_reading_hours_mall_date", table_name="reading_hours", schema="ingest")
    op.drop_table("reading_hours", schema="ingest")
    op.drop_table("users", schema="app")
    op.drop_table("roles", schema="app")
    op.drop_table("malls", schema="app")
    op.drop_table("backups", schema="app")
    op.execute("DROP FUNCTION ingest.ensure_readings_partition(date, date)")
    op.execute("DROP SCHEMA ingest")
    op.execute("DROP SCHEMA audit")
