"""Device keys: rotation, expiry, last use, signatures

Functions here are the ingest door's only way to keys and devices: it may run them, but read and
change neither table.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FIND_DEVICE_KEY = """
CREATE FUNCTION app.find_device_key(public_id text, at timestamptz)
RETURNS TABLE (key_id bigint, mall_id bigint, device_id bigint, secret_sha256 bytea,
               requires_signature boolean, signing_key_sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.mall_id, k.device_id, k.secret_sha256, k.requires_signature,
           k.signing_key_sealed
    FROM app.device_keys k
    WHERE k.public_id = $1
      AND (k.revoked_at IS NULL OR k.revoked_at > $2)
      AND (k.expires_at IS NULL OR k.expires_at > $2)
$$
"""
NOTE_DEVICE_KEY_USED = """
CREATE FUNCTION app.note_device_key_used(key_id bigint, at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE app.device_keys k SET last_used_at = $2
    FROM (SELECT id FROM app.device_keys
          WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2 - interval '1 minute')
          FOR NO KEY UPDATE SKIP LOCKED) used
    WHERE k.id = used.id
$$
"""
NOTE_TRAFFIC = """
CREATE FUNCTION app.note_traffic(device_ids bigint[], at timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
# A second call waits here for the transaction of the first: what it then sees is settled.
NOTE_SIGNED_CALL = """
CREATE FUNCTION ingest.note_signed_call(key_id bigint, signed_at timestamptz, sequence bigint,
                                        body_sha256 bytea, received_at timestamptz)
RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ingest.signed_calls (device_key_id, signed_at, sequence, body_sha256, received_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT c.body_sha256 FROM ingest.signed_calls c
            WHERE c.device_key_id = $1 AND c.signed_at = $2 AND c.sequence = $3);
END
$$
"""
PRUNE_SIGNED_CALLS = """
CREATE FUNCTION ingest.prune_signed_calls(before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (DELETE FROM ingest.signed_calls c WHERE c.signed_at < $1 RETURNING 1)
    SELECT count(*) FROM gone
$$
"""
FUNCTIONS = {
    "app.find_device_key(text, timestamptz)": FIND_DEVICE_KEY,
    "app.note_device_key_used(bigint, timestamptz)": NOTE_DEVICE_KEY_USED,
    "app.note_traffic(bigint[], timestamptz)": NOTE_TRAFFIC,
    "ingest.note_signed_call(bigint, timestamptz, bigint, bytea, timestamptz)": NOTE_SIGNED_CALL,
    "ingest.prune_signed_calls(timestamptz)": PRUNE_SIGNED_CALLS,
}


def upgrade() -> None:
    op.add_column(
        "devices",
        sa.Column("maintenance_reason", sa.Text(), server_default="", nullable=False),
        schema="app",
    )
    for column in (
        sa.Column("requires_signature", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("signing_key_sealed", postgresql.BYTEA(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaces_id", sa.BigInteger(), nullable=True),
    ):
        op.add_column("device_keys", column, schema="app")
    op.create_foreign_key(
        op.f("fk_device_keys_replaces_id"),
        "device_keys",
        "device_keys",
        ["replaces_id"],
        ["id"],
        source_schema="app",
        referent_schema="app",
    )
    op.create_index(
        op.f("ix_device_keys_replaces_id"), "device_keys", ["replaces_id"], schema="app"
    )
    op.create_check_constraint(
        "signable",
        "device_keys",
        "NOT requires_signature OR signing_key_sealed IS NOT NULL",
        schema="app",
    )
    op.create_table(
        "signed_calls",
        sa.Column("device_key_id", sa.BigInteger(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body_sha256", postgresql.BYTEA(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_key_id"], ["app.device_keys.id"], name=op.f("fk_signed_calls_device_key_id")
        ),
        sa.PrimaryKeyConstraint(
            "device_key_id", "signed_at", "sequence", name=op.f("pk_signed_calls")
        ),
        schema="ingest",
    )
    op.create_index(
        op.f("ix_signed_calls_signed_at"), "signed_calls", ["signed_at"], schema="ingest"
    )
    for name, body in FUNCTIONS.items():
        op.execute(body)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")


def downgrade() -> None:
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    op.drop_table("signed_calls", schema="ingest")
    op.drop_constraint(op.f("ck_device_keys_signable"), "device_keys", schema="app")
    op.drop_index(op.f("ix_device_keys_replaces_id"), table_name="device_keys", schema="app")
    for name in (
        "replaces_id",
        "last_used_at",
        "expires_at",
        "signing_key_sealed",
        "requires_signature",
    ):
        op.drop_column("device_keys", name, schema="app")
    op.drop_column("devices", "maintenance_reason", schema="app")
