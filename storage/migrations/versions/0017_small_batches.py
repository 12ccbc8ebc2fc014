"""a small batch in one statement; calls that name themselves are answered once

A device that sends one reading a call pays for the call, not for the reading: key, scope, months,
body, reading and touched date are one statement here, behind the same walls. An Idempotency-Key
is kept with the call's answer in the call's own transaction; a twin waits for it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.roles import Group
from storage.row_security import protect_rows

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# As it stood in migration 0008, without the question which mall is in scope: for functions that
# have asked it.
TOUCH_INNER = """
CREATE FUNCTION ingest.touch_dates_in_scope(mall_id bigint, days date[], touched_at timestamptz)
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    day date;
BEGIN
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

# Null, and nothing written: the key is closed or other than it was, or a month needs a second
# look; then the long way tells which. `said` is the context, set before the function begins. The
# scope is the context's own, asked once: the mall is in it, every device is of the mall.
TAKE = """
CREATE FUNCTION ingest.take_batch(
    said text, of_public_id text, of_secret_sha256 bytea, of_mall bigint, body_sha256 bytea,
    body bytea, content_type text, days date[], device_ids bigint[], metrics text[],
    starts timestamptz[], ends timestamptz[], amounts numeric[], qualities text[],
    received timestamptz
) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    context jsonb := app.context();
    months date[] := ARRAY(SELECT DISTINCT date_trunc('month', d)::date FROM unnest(days) AS d);
    of_key bigint;
    of_device bigint;
    new_batch bigint;
    inserted bigint;
    outcomes jsonb := '{}';
    month timestamp;
BEGIN
    IF NOT context -> 'malls' @> to_jsonb(of_mall)
        OR EXISTS (SELECT FROM unnest(device_ids) AS given (id)
                   WHERE NOT EXISTS (SELECT FROM app.devices d
                                     WHERE d.id = given.id AND d.mall_id = of_mall))
    THEN
        RAISE EXCEPTION 'a device or mall % is out of scope', of_mall
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT k.id, k.device_id INTO of_key, of_device FROM app.device_keys k
    WHERE k.public_id = of_public_id AND k.secret_sha256 = of_secret_sha256
      AND k.mall_id = of_mall AND NOT k.requires_signature
      AND (k.revoked_at IS NULL OR k.revoked_at > received)
      AND (k.expires_at IS NULL OR k.expires_at > received);
    IF of_key IS NULL OR of_device <> ANY (device_ids) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(4207851, (of_mall % 2147483647)::int);
    IF EXISTS (SELECT FROM app.closed_months c WHERE c.mall_id = of_mall AND c.month = ANY (months))
        OR EXISTS (SELECT FROM ingest.late_readings l
                   WHERE l.mall_id = of_mall AND l.month = ANY (months) AND l.state = 'WAITING')
    THEN
        RETURN NULL;
    END IF;
    FOR month IN
        SELECT DISTINCT date_trunc('month', s AT TIME ZONE 'UTC') FROM unnest(starts) AS s
    LOOP
        PERFORM ingest.ensure_readings_partition(
            month::date, (month + interval '1 month')::date);
    END LOOP;
    INSERT INTO ingest.batches (mall_id, device_key_id, body_sha256, body, content_type,
                                rows_total, rows_refused, received_at)
    VALUES (of_mall, of_key, $5, $6, $7, cardinality(device_ids), 0, received)
    RETURNING id INTO new_batch;
    INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value, quality,
                                 received_at, batch_id)
    SELECT device_id, metric, interval_start, interval_end, value, quality, received, new_batch
    FROM unnest(device_ids, metrics, starts, ends, amounts, qualities)
        AS came (device_id, metric, interval_start, interval_end, value, quality)
    ORDER BY device_id, metric, interval_start
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    IF inserted < cardinality(device_ids) THEN
        SELECT jsonb_object_agg(s.place, s.outcome) INTO outcomes
        FROM ingest.settle_readings(device_ids, metrics, starts, ends, amounts, qualities,
                                    received, NULL, new_batch) s;
    END IF;
    IF inserted > 0 OR jsonb_path_exists(outcomes, '$.* ? (@ == "revised")') THEN
        PERFORM ingest.touch_dates_in_scope(of_mall, days, received);
    END IF;
    RETURN outcomes;
END
$$
"""

# Nothing: the key is new and held until the transaction ends. Else what was answered before.
CLAIM = """
CREATE FUNCTION ingest.claim_idempotency_key(
    of_key bigint, of_mall bigint, name text, sha256 bytea, at timestamptz
) RETURNS TABLE (body_sha256 bytea, status bigint, answer bytea) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM app.require_mall(of_mall);
    INSERT INTO ingest.idempotency_keys (device_key_id, key, body_sha256, received_at)
    SELECT k.id, $3, $4, $5 FROM app.device_keys k WHERE k.id = of_key AND k.mall_id = of_mall
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT i.body_sha256, i.status, i.answer FROM ingest.idempotency_keys i
    WHERE i.device_key_id = of_key AND i.key = $3;
END
$$
"""
KEEP = """
CREATE FUNCTION ingest.keep_idempotent_answer(
    of_key bigint, of_mall bigint, name text, status bigint, answer bytea
) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM app.require_mall(of_mall);
    UPDATE ingest.idempotency_keys i SET status = $4, answer = $5
    FROM app.device_keys k
    WHERE i.device_key_id = of_key AND i.key = $3 AND k.id = of_key AND k.mall_id = of_mall;
END
$$
"""
PRUNE = """
CREATE FUNCTION ingest.prune_idempotency_keys(before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM ingest.idempotency_keys i WHERE i.received_at < $1 RETURNING 1)
    SELECT count(*) FROM gone
$$
"""

TOUCH_INNER_NAME = "ingest.touch_dates_in_scope(bigint, date[], timestamptz)"
PRUNE_NAME = "ingest.prune_idempotency_keys(timestamptz)"
OUTER = (
    "ingest.take_batch(text, text, bytea, bigint, bytea, bytea, text, date[], bigint[], text[], "
    "timestamptz[], timestamptz[], numeric[], text[], timestamptz)",
    "ingest.claim_idempotency_key(bigint, bigint, text, bytea, timestamptz)",
    "ingest.keep_idempotent_answer(bigint, bigint, text, bigint, bytea)",
)


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("device_key_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_sha256", postgresql.BYTEA(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("answer", postgresql.BYTEA(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_key_id"],
            ["app.device_keys.id"],
            name=op.f("fk_idempotency_keys_device_key_id"),
        ),
        sa.PrimaryKeyConstraint("device_key_id", "key", name=op.f("pk_idempotency_keys")),
        schema="ingest",
    )
    op.create_index(
        op.f("ix_idempotency_keys_received_at"),
        "idempotency_keys",
        ["received_at"],
        schema="ingest",
    )
    for statement in protect_rows("ingest.idempotency_keys"):
        op.execute(statement)
    for body in (TOUCH_INNER, TAKE, CLAIM, KEEP, PRUNE):
        op.execute(body)
    for function in (TOUCH_INNER_NAME, PRUNE_NAME, *OUTER):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for function in OUTER:
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {Group.INGEST}")
    op.execute(f"GRANT EXECUTE ON FUNCTION {PRUNE_NAME} TO {Group.PIPELINES}")


def downgrade() -> None:
    for function in (*OUTER, PRUNE_NAME, TOUCH_INNER_NAME):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("idempotency_keys", schema="ingest")
