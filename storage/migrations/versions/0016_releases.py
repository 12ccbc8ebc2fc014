"""refused rows are released: older values keep behind newer ones, the desk says who and why"""

from alembic import op

from storage.roles import Group
from storage.row_security import allow

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# What was refused and is taken later counts as received when it came: it never replaces what was
# received after it, and stands among the revisions as though it had been in time. The rows that
# it meets are held, in the order of their keys, so that what was seen holds until it is written.
EARLIER_READINGS = """
CREATE FUNCTION ingest.keep_earlier_readings(
    device_ids bigint[], metrics text[], starts timestamptz[], amounts numeric[],
    qualities text[], received timestamptz, of_file bigint, of_batch bigint
) RETURNS SETOF bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    earliest timestamptz := (SELECT min(start) FROM unnest(starts) AS start);
    latest timestamptz := (SELECT max(start) FROM unnest(starts) AS start);
BEGIN
    PERFORM app.require_devices(device_ids);
    PERFORM FROM ingest.readings r
    JOIN (SELECT DISTINCT * FROM unnest(device_ids, metrics, starts)
          AS i (device_id, metric, interval_start)) i
        USING (device_id, metric, interval_start)
    WHERE r.interval_start BETWEEN earliest AND latest
    ORDER BY device_id, metric, interval_start
    FOR UPDATE OF r;
    RETURN QUERY
    WITH met AS (
        SELECT c.*, r.value AS standing
        FROM unnest(device_ids, metrics, starts, amounts, qualities) WITH ORDINALITY
            AS c (device_id, metric, interval_start, value, quality, place)
        JOIN ingest.readings r USING (device_id, metric, interval_start)
        WHERE r.interval_start BETWEEN earliest AND latest AND r.received_at > received
    ), kept AS (
        INSERT INTO ingest.reading_revisions
            (device_id, metric, interval_start, value, quality, received_at, file_id, batch_id)
        SELECT device_id, metric, interval_start, value, quality, received, of_file, of_batch
        FROM met
        WHERE value <> standing AND NOT EXISTS (
            SELECT FROM ingest.reading_revisions v
            WHERE (v.device_id, v.metric, v.interval_start, v.value, v.received_at)
                = (met.device_id, met.metric, met.interval_start, met.value, received))
        ORDER BY place
    )
    SELECT place - 1 FROM met ORDER BY place;
END
$$
"""
EARLIER_SALES = """
CREATE FUNCTION ingest.keep_earlier_sales(
    rows jsonb, received timestamptz, of_file bigint, of_batch bigint
) RETURNS SETOF bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM app.require_devices(ARRAY(SELECT s.device_id FROM ingest.sales_of(rows) s));
    PERFORM FROM ingest.till_transactions t
    JOIN (SELECT DISTINCT device_id, business_date, number FROM ingest.sales_of(rows)) i
        USING (device_id, business_date, number)
    ORDER BY device_id, business_date, number
    FOR UPDATE OF t;
    RETURN QUERY
    WITH met AS (
        SELECT c.*, t.net_sales AS standing, t.kind AS standing_kind
        FROM ingest.sales_of(rows) c
        JOIN ingest.till_transactions t USING (device_id, business_date, number)
        WHERE t.received_at > received
    ), kept AS (
        INSERT INTO ingest.till_transaction_revisions
            (device_id, business_date, number, kind, occurred_at, gross_sales, refunds, discounts,
             tax, net_sales, original_number, received_at, file_id, batch_id)
        SELECT device_id, business_date, number, kind, occurred_at, gross_sales, refunds,
               discounts, tax, gross_sales - refunds - discounts, original_number, received,
               of_file, of_batch
        FROM met
        WHERE (gross_sales - refunds - discounts <> standing OR kind <> standing_kind)
          AND NOT EXISTS (
            SELECT FROM ingest.till_transaction_revisions v
            WHERE (v.device_id, v.business_date, v.number, v.received_at)
                = (met.device_id, met.business_date, met.number, received))
        ORDER BY place
    )
    SELECT place FROM met ORDER BY place;
END
$$
"""
FUNCTIONS = {
    "ingest.keep_earlier_readings(bigint[], text[], timestamptz[], numeric[], text[], "
    "timestamptz, bigint, bigint)": EARLIER_READINGS,
    "ingest.keep_earlier_sales(jsonb, timestamptz, bigint, bigint)": EARLIER_SALES,
}
RELEASE = "UPDATE (reason_code, reason, released_at, released_by, release_note)"


def upgrade() -> None:
    for name, body in FUNCTIONS.items():
        op.execute(body)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {Group.INGEST}, {Group.PIPELINES}")
    op.create_index("ix_quarantine_batch_id", "quarantine", ["batch_id"], schema="ingest")
    desk = {Group.SUPER_ADMIN: RELEASE, Group.OPERATION: RELEASE}
    for statement in allow("ingest.quarantine", desk):
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"REVOKE {RELEASE} ON ingest.quarantine FROM {Group.SUPER_ADMIN}, {Group.OPERATION}")
    op.drop_index("ix_quarantine_batch_id", "quarantine", schema="ingest")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
