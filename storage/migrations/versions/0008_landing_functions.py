"""what devices' data may change, as functions

The device API's role may only add rows. What a newer reading replaces, which dates wait for
cleaning and the months' partitions are changed by these functions alone, for the mall in scope.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Who works for the whole installation needs no scope; a login that became nobody is judged by
# what it is a member of.
IS_UNSCOPED = """
CREATE FUNCTION app.is_unscoped() RETURNS boolean LANGUAGE sql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE current_setting('role')
        WHEN 'none' THEN pg_has_role(session_user, 'atrium_owner', 'MEMBER')
        ELSE current_setting('role') IN ('atrium_owner', 'atrium_pipelines')
    END
$$
"""

REQUIRE_MALL = """
CREATE FUNCTION app.require_mall(mall_id bigint) RETURNS void LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF app.is_unscoped() OR app.scope_is_everything() OR $1 = ANY (app.scope_malls()) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'mall % is out of scope', $1 USING ERRCODE = 'insufficient_privilege';
END
$$
"""

REQUIRE_DEVICES = """
CREATE FUNCTION app.require_devices(device_ids bigint[]) RETURNS void LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    malls bigint[];
BEGIN
    IF app.is_unscoped() OR app.scope_is_everything() THEN
        RETURN;
    END IF;
    malls := app.scope_malls();
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT unnest($1) AS id) given
        WHERE NOT EXISTS (
            SELECT FROM app.devices d WHERE d.id = given.id AND d.mall_id = ANY (malls))
    ) THEN
        RAISE EXCEPTION 'a device is out of scope' USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$
"""

# Rows are held in the order of their keys first, so that two writers cannot wait for each other.
# Then what a row meets: the row before it under its key in this write, or what was stored. A
# stored row that this write inserted is the first row itself.
SETTLE = """
CREATE FUNCTION ingest.settle_readings(
    device_ids bigint[], metrics text[], starts timestamptz[], ends timestamptz[],
    amounts numeric[], qualities text[],
    received timestamptz, of_file bigint, of_batch bigint
) RETURNS TABLE (place bigint, outcome text) LANGUAGE plpgsql
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
    WITH came AS (
        SELECT i.*,
               row_number() OVER line AS nth,
               lag(i.value) OVER line AS before_value,
               lag(i.interval_end) OVER line AS before_end,
               lag(i.quality) OVER line AS before_quality
        FROM unnest(device_ids, metrics, starts, ends, amounts, qualities) WITH ORDINALITY
            AS i (device_id, metric, interval_start, interval_end, value, quality, place)
        WINDOW line AS (PARTITION BY i.device_id, i.metric, i.interval_start ORDER BY i.place)
    ), met AS (
        SELECT c.place, c.device_id, c.metric, c.interval_start, c.interval_end, c.value, c.quality,
               c.nth = 1 AND (r.file_id IS NOT DISTINCT FROM of_file
                              AND r.batch_id IS NOT DISTINCT FROM of_batch) AS is_new,
               CASE WHEN c.nth = 1 THEN r.value ELSE c.before_value END AS old_value,
               CASE WHEN c.nth = 1 THEN r.interval_end ELSE c.before_end END AS old_end,
               CASE WHEN c.nth = 1 THEN r.quality ELSE c.before_quality END AS old_quality,
               CASE WHEN c.nth = 1 THEN r.received_at ELSE received END AS old_received_at,
               CASE WHEN c.nth = 1 THEN r.file_id ELSE of_file END AS old_file_id,
               CASE WHEN c.nth = 1 THEN r.batch_id ELSE of_batch END AS old_batch_id
        FROM came c
        JOIN ingest.readings r USING (device_id, metric, interval_start)
        WHERE r.interval_start BETWEEN earliest AND latest
    ), judged AS (
        SELECT *, CASE
            WHEN is_new THEN 'accepted'
            WHEN value = old_value AND interval_end = old_end
                 AND (quality = old_quality OR quality = 'UNCERTAIN') THEN 'duplicate'
            ELSE 'revised' END AS outcome
        FROM met
    ), remembered AS (
        INSERT INTO ingest.reading_revisions
            (device_id, metric, interval_start, value, quality, received_at, file_id, batch_id,
             replaced_at)
        SELECT device_id, metric, interval_start, old_value, old_quality, old_received_at,
               old_file_id, old_batch_id, received
        FROM judged WHERE outcome = 'revised' ORDER BY place
    ), newest AS (
        UPDATE ingest.readings r
        SET interval_end = j.interval_end, value = j.value, quality = j.quality,
            received_at = received, file_id = of_file, batch_id = of_batch
        FROM (SELECT DISTINCT ON (device_id, metric, interval_start) *
              FROM judged WHERE outcome = 'revised'
              ORDER BY device_id, metric, interval_start, place DESC) j
        WHERE r.device_id = j.device_id AND r.metric = j.metric
          AND r.interval_start = j.interval_start
          AND r.interval_start BETWEEN earliest AND latest
    )
    SELECT j.place - 1, j.outcome FROM judged j WHERE j.outcome <> 'accepted' ORDER BY j.place;
END
$$
"""

# A pending date is held in share, so that writers do not wait for each other; who cleans takes
# it FOR UPDATE first, waits for the writers, and only then reads the readings. Dates are taken
# in order, as the cleaner takes them: two that wait for each other would be a deadlock.
TOUCH = """
CREATE FUNCTION ingest.touch_dates(mall_id bigint, days date[], touched_at timestamptz)
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    day date;
BEGIN
    PERFORM app.require_mall(mall_id);
    FOR day IN SELECT DISTINCT unnest(days) ORDER BY 1 LOOP
        PERFORM FROM ingest.touched_dates t
        WHERE t.mall_id = $1 AND t.business_date = day AND t.cleaned_at IS NULL
        FOR SHARE;
        IF NOT FOUND THEN
            INSERT INTO ingest.touched_dates AS t (mall_id, business_date, touched_at)
            VALUES ($1, day, $3)
            ON CONFLICT ON CONSTRAINT pk_touched_dates
            DO UPDATE SET touched_at = EXCLUDED.touched_at, cleaned_at = NULL;
        END IF;
    END LOOP;
END
$$
"""

# One partition a month, in UTC. Two writers may ask at once: the lock makes the second wait.
PARTITION = """
CREATE OR REPLACE FUNCTION ingest.ensure_readings_partition(month date, following date)
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition text := 'readings_y' || to_char(month, 'YYYY') || 'm' || to_char(month, 'MM');
BEGIN
    IF to_regclass('ingest.' || partition) IS NOT NULL THEN
        RETURN;
    END IF;
    IF month <> date_trunc('month', month) OR following <> month + interval '1 month' THEN
        RAISE EXCEPTION '% to % is no month', month, following
            USING ERRCODE = 'invalid_parameter_value';
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
EARLIER_PARTITION = """
CREATE OR REPLACE FUNCTION ingest.ensure_readings_partition(month date, following date)
RETURNS void LANGUAGE plpgsql AS $$
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

INNER = (
    "app.require_devices(bigint[])",
    "app.require_mall(bigint)",
    "app.is_unscoped()",
)
SETTLE_NAME = (
    "ingest.settle_readings(bigint[], text[], timestamptz[], timestamptz[], numeric[], text[], "
    "timestamptz, bigint, bigint)"
)
OUTER = (SETTLE_NAME, "ingest.touch_dates(bigint, date[], timestamptz)")
PARTITION_NAME = "ingest.ensure_readings_partition(date, date)"


def upgrade() -> None:
    for body in (IS_UNSCOPED, REQUIRE_MALL, REQUIRE_DEVICES, SETTLE, TOUCH, PARTITION):
        op.execute(body)
    for function in (*INNER, *OUTER, PARTITION_NAME):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for function in (*OUTER, PARTITION_NAME):
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO atrium_ingest, atrium_pipelines")


def downgrade() -> None:
    for function in (*OUTER, *INNER):
        op.execute(f"DROP FUNCTION {function}")
    op.execute(EARLIER_PARTITION)
    op.execute(f"REVOKE ALL ON FUNCTION {PARTITION_NAME} FROM atrium_ingest, atrium_pipelines")
    op.execute(f"GRANT EXECUTE ON FUNCTION {PARTITION_NAME} TO PUBLIC")
