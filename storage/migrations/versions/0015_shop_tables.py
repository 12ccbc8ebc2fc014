"""what a shop hands in itself: landed by the device door, read back by the shop"""

from alembic import op

from storage.roles import Group
from storage.row_security import allow, by_parent, by_shop

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# The device door may only append: what it says of a file is said by these, for its mall alone.
# A file is counted in the transaction that kept it.
KEEP_FILE = """
CREATE FUNCTION ingest.keep_uploaded_file(
    upload_id bigint, feed text, archive_key text, received_at timestamptz
) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept app.uploads;
    file_id bigint;
BEGIN
    SELECT * INTO STRICT kept FROM app.uploads u WHERE u.id = $1 AND u.deleted_at IS NULL;
    PERFORM app.require_mall(kept.mall_id);
    INSERT INTO ingest.files (mall_id, shop_id, upload_id, uploaded_by, feed, inbox_key,
                              archive_key, sha256, bytes, state, received_at)
    VALUES (kept.mall_id, kept.shop_id, kept.id, kept.uploaded_by, $2, kept.original_name,
            $3, kept.kept_sha256, kept.bytes, 'LANDED', $4)
    RETURNING id INTO file_id;
    RETURN file_id;
END
$$
"""
COUNT_FILE = """
CREATE FUNCTION ingest.count_uploaded_file(
    file_id bigint, total bigint, accepted bigint, revised bigint, duplicate bigint,
    late bigint, refused bigint
) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.require_mall(f.mall_id) FROM ingest.files f WHERE f.id = $1;
    UPDATE ingest.files f
    SET rows_total = $2, rows_accepted = $3, rows_revised = $4, rows_duplicate = $5,
        rows_late = $6, rows_refused = $7
    WHERE f.id = $1 AND f.upload_id IS NOT NULL AND f.rows_total = 0;
END
$$
"""
FUNCTIONS = {
    "ingest.keep_uploaded_file(bigint, text, text, timestamptz)": KEEP_FILE,
    "ingest.count_uploaded_file(bigint, bigint, bigint, bigint, bigint, bigint, bigint)": (
        COUNT_FILE
    ),
}
SHOWN = {
    "ingest.files": by_shop(),
    "ingest.quarantine": by_parent("ingest.files", "file_id"),
}


def upgrade() -> None:
    # One landing for each upload, whoever asks twice.
    op.create_index(
        op.f("uq_files_upload_id"), "files", ["upload_id"], unique=True, schema="ingest"
    )
    for name, body in FUNCTIONS.items():
        op.execute(body)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {Group.INGEST}")
    for table, condition in SHOWN.items():
        op.execute(f"CREATE POLICY shop ON {table} TO {Group.SHOP} USING ({condition})")
        for statement in allow(table, {Group.SHOP: "SELECT"}):
            op.execute(statement)


def downgrade() -> None:
    for table in SHOWN:
        op.execute(f"REVOKE ALL ON {table} FROM {Group.SHOP}")
        op.execute(f"DROP POLICY shop ON {table}")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    op.drop_index(op.f("uq_files_upload_id"), table_name="files", schema="ingest")
