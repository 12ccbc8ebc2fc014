"""what comes for a closed month waits; a till's transactions are settled

Writers hold a mall's months in share while they write; who closes or opens a month holds them
alone. So no value is written into a month after it was closed, and none is kept as late after it
was opened again. A value that is late is compared with the newest one known of its key; when a
newer value comes for a month that was opened again, what waited is settled before it.
"""

import re

from alembic import op

from storage.roles import Group

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Which of these months a writer must look at twice: those that are closed, and those opened again
# of which values still wait. Nearly always none. Late values of a mall are judged one writer
# after the other: twins must meet.
ENTER = """
CREATE FUNCTION ingest.enter_months(mall_id bigint, months date[])
RETURNS TABLE (month date, is_closed boolean) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM app.require_mall($1);
    PERFORM pg_advisory_xact_lock_shared(4207851, ($1 % 2147483647)::int);
    RETURN QUERY
    SELECT m, EXISTS (SELECT FROM app.closed_months c WHERE c.mall_id = $1 AND c.month = m)
    FROM unnest($2) AS m
    WHERE EXISTS (SELECT FROM app.closed_months c WHERE c.mall_id = $1 AND c.month = m)
       OR EXISTS (SELECT FROM ingest.late_readings l
                  WHERE l.mall_id = $1 AND l.month = m AND l.state = 'WAITING');
    IF FOUND THEN
        PERFORM pg_advisory_xact_lock(4207852, ($1 % 2147483647)::int);
    END IF;
END
$$
"""

# A value that waits or was dismissed after what stands was received is the newest known; else it
# is what stands.
KEEP_READINGS = """
CREATE FUNCTION ingest.keep_late_readings(
    mall_id bigint, months date[], device_ids bigint[], metrics text[], starts timestamptz[],
    ends timestamptz[], amounts numeric[], qualities text[],
    received timestamptz, of_file bigint, of_batch bigint
) RETURNS TABLE (place bigint, outcome text) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    came record;
    stands record;
    newest record;
BEGIN
    PERFORM app.require_mall($1);
    PERFORM app.require_devices(device_ids);
    FOR came IN
        SELECT * FROM unnest(months, device_ids, metrics, starts, ends, amounts, qualities)
            WITH ORDINALITY AS i (month, device_id, metric, start, until, value, quality, place)
        ORDER BY place
    LOOP
        SELECT r.received_at, r.value = came.value AND r.interval_end = came.until
               AND (r.quality = came.quality OR came.quality = 'UNCERTAIN') AS is_same
        INTO stands FROM ingest.readings r
        WHERE r.device_id = came.device_id AND r.metric = came.metric
          AND r.interval_start = came.start;
        SELECT l.state, l.value = came.value AND l.interval_end = came.until
               AND (l.quality = came.quality OR came.quality = 'UNCERTAIN') AS is_same
        INTO newest FROM ingest.late_readings l
        WHERE l.device_id = came.device_id AND l.metric = came.metric
          AND l.interval_start = came.start AND l.sale IS NULL AND l.state <> 'APPLIED'
          AND (stands.received_at IS NULL OR l.received_at >= stands.received_at)
        ORDER BY l.id DESC LIMIT 1;
        place := came.place - 1;
        IF newest.is_same
            OR (stands.is_same AND newest.state IS DISTINCT FROM 'WAITING')
        THEN
            outcome := 'duplicate';
        ELSE
            outcome := 'late';
            INSERT INTO ingest.late_readings
                (mall_id, month, device_id, metric, interval_start, interval_end, value, quality,
                 received_at, file_id, batch_id)
            VALUES ($1, came.month, came.device_id, came.metric, came.start, came.until,
                    came.value, came.quality, received, of_file, of_batch);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$
"""

SALES_OF = """
CREATE FUNCTION ingest.sales_of(came jsonb) RETURNS TABLE (
    place bigint, device_id bigint, business_date date, number text, has_stated_date boolean,
    occurred_at timestamptz, kind text, gross_sales numeric, refunds numeric, discounts numeric,
    tax numeric, original_number text, quality text
) LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM jsonb_to_recordset($1) AS (
        place bigint, device_id bigint, business_date date, number text, has_stated_date boolean,
        occurred_at timestamptz, kind text, gross_sales numeric, refunds numeric,
        discounts numeric, tax numeric, original_number text, quality text)
$$
"""
# Stands for `same_sale(one, other)` in what follows.
SAME_SALE = """(
    {one}.kind = {other}.kind AND {one}.occurred_at = {other}.occurred_at
    AND ({one}.gross_sales, {one}.refunds, {one}.discounts, {one}.tax)
        = ({other}.gross_sales, {other}.refunds, {other}.discounts, {other}.tax)
    AND {one}.original_number = {other}.original_number
    AND ({one}.quality = {other}.quality OR {other}.quality = 'UNCERTAIN')
)"""

KEEP_SALES = """
CREATE FUNCTION ingest.keep_late_sales(
    mall_id bigint, rows jsonb, received timestamptz, of_file bigint, of_batch bigint
) RETURNS TABLE (place bigint, outcome text) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    came record;
    stands record;
    newest record;
BEGIN
    PERFORM app.require_mall($1);
    PERFORM app.require_devices(ARRAY(SELECT s.device_id FROM ingest.sales_of(rows) s));
    FOR came IN SELECT * FROM ingest.sales_of(rows) ORDER BY place LOOP
        SELECT t.received_at, same_sale(t, came) AS is_same
        INTO stands FROM ingest.till_transactions t
        WHERE (t.device_id, t.business_date, t.number)
              = (came.device_id, came.business_date, came.number);
        SELECT l.state, same_sale(s, came) AS is_same
        INTO newest FROM ingest.late_readings l,
             ingest.sales_of(jsonb_build_array(l.sale)) s
        WHERE l.device_id = came.device_id AND l.mall_id = $1
          AND l.month = date_trunc('month', came.business_date)::date
          AND l.sale IS NOT NULL AND l.state <> 'APPLIED'
          AND l.sale ->> 'number' = came.number
          AND (l.sale ->> 'business_date')::date = came.business_date
          AND (stands.received_at IS NULL OR l.received_at >= stands.received_at)
        ORDER BY l.id DESC LIMIT 1;
        place := came.place;
        IF newest.is_same
            OR (stands.is_same AND newest.state IS DISTINCT FROM 'WAITING')
        THEN
            outcome := 'duplicate';
        ELSE
            outcome := 'late';
            INSERT INTO ingest.late_readings
                (mall_id, month, device_id, metric, interval_start, interval_end, value, quality,
                 sale, received_at, file_id, batch_id)
            VALUES ($1, date_trunc('month', came.business_date)::date, came.device_id, 'sales',
                    came.occurred_at, came.occurred_at,
                    came.gross_sales - came.refunds - came.discounts, came.quality,
                    to_jsonb(came) - 'place', received, of_file, of_batch);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$
"""

# As readings are settled (migration 0008), but that a till's role may add no row itself. Which
# keys are new is remembered from the insert.
SETTLE_SALES = """
CREATE FUNCTION ingest.settle_sales(
    rows jsonb, received timestamptz, of_file bigint, of_batch bigint
) RETURNS TABLE (place bigint, outcome text) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new_devices bigint[];
    new_dates date[];
    new_numbers text[];
BEGIN
    PERFORM app.require_devices(ARRAY(SELECT s.device_id FROM ingest.sales_of(rows) s));
    WITH inserted AS (
        INSERT INTO ingest.till_transactions
            (device_id, business_date, number, has_stated_date, occurred_at, kind, gross_sales,
             refunds, discounts, tax, net_sales, original_number, quality, received_at, file_id,
             batch_id)
        SELECT DISTINCT ON (device_id, business_date, number)
               device_id, business_date, number, has_stated_date, occurred_at, kind, gross_sales,
               refunds, discounts, tax, gross_sales - refunds - discounts, original_number,
               quality, received, of_file, of_batch
        FROM ingest.sales_of(rows)
        ORDER BY device_id, business_date, number, place
        ON CONFLICT DO NOTHING
        RETURNING device_id, business_date, number
    )
    SELECT array_agg(device_id), array_agg(business_date), array_agg(number)
    INTO new_devices, new_dates, new_numbers FROM inserted;
    IF cardinality(new_devices) = jsonb_array_length(rows) THEN
        RETURN;
    END IF;
    PERFORM FROM ingest.till_transactions t
    JOIN (SELECT DISTINCT device_id, business_date, number FROM ingest.sales_of(rows)) i
        USING (device_id, business_date, number)
    ORDER BY device_id, business_date, number
    FOR UPDATE OF t;
    RETURN QUERY
    WITH came AS (
        SELECT *, row_number() OVER line AS nth, lag(place) OVER line AS before
        FROM ingest.sales_of(rows)
        WINDOW line AS (PARTITION BY device_id, business_date, number ORDER BY place)
    ), met AS (
        SELECT t.device_id, t.business_date, t.number, t.kind, t.occurred_at, t.gross_sales,
               t.refunds, t.discounts, t.tax, t.original_number, t.quality, t.received_at,
               t.file_id, t.batch_id, c.place AS of_place,
               n.device_id IS NOT NULL AS is_new
        FROM came c
        JOIN ingest.till_transactions t USING (device_id, business_date, number)
        LEFT JOIN unnest(new_devices, new_dates, new_numbers)
            AS n (device_id, business_date, number) USING (device_id, business_date, number)
        WHERE c.nth = 1
        UNION ALL
        SELECT b.device_id, b.business_date, b.number, b.kind, b.occurred_at, b.gross_sales,
               b.refunds, b.discounts, b.tax, b.original_number, b.quality, received,
               of_file, of_batch, c.place, false
        FROM came c JOIN came b ON b.place = c.before
    ), judged AS (
        SELECT m.*, CASE WHEN m.is_new THEN 'accepted'
                         WHEN same_sale(m, c) THEN 'duplicate'
                         ELSE 'revised' END AS outcome
        FROM met m JOIN came c ON c.place = m.of_place
    ), remembered AS (
        INSERT INTO ingest.till_transaction_revisions
            (device_id, business_date, number, kind, occurred_at, gross_sales, refunds, discounts,
             tax, net_sales, original_number, received_at, file_id, batch_id, replaced_at)
        SELECT device_id, business_date, number, kind, occurred_at, gross_sales, refunds,
               discounts, tax, gross_sales - refunds - discounts, original_number, received_at,
               file_id, batch_id, received
        FROM judged WHERE outcome = 'revised' ORDER BY of_place
    ), newest AS (
        UPDATE ingest.till_transactions t
        SET has_stated_date = c.has_stated_date, occurred_at = c.occurred_at, kind = c.kind,
            gross_sales = c.gross_sales, refunds = c.refunds, discounts = c.discounts,
            tax = c.tax, net_sales = c.gross_sales - c.refunds - c.discounts,
            original_number = c.original_number, quality = c.quality, received_at = received,
            file_id = of_file, batch_id = of_batch
        FROM (SELECT DISTINCT ON (device_id, business_date, number) device_id, of_place
              FROM judged WHERE outcome = 'revised'
              ORDER BY device_id, business_date, number, of_place DESC) j
        JOIN came c ON c.place = j.of_place
        WHERE (t.device_id, t.business_date, t.number)
              = (c.device_id, c.business_date, c.number)
    )
    SELECT j.of_place, j.outcome FROM judged j WHERE j.outcome <> 'accepted' ORDER BY j.of_place;
END
$$
"""

# A value that waited takes its place: what stands and is older becomes a revision; else the value
# itself is one. Who calls has the mall's months in hand.
SETTLE_LATE = """
CREATE FUNCTION ingest.settle_late(late ingest.late_readings, at timestamptz, by text, why text)
RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    sale record;
    stands record;
    days date[];
    outcome text := 'revised';
BEGIN
    IF late.sale IS NULL THEN
        PERFORM ingest.ensure_readings_partition(
            m::date, (m + interval '1 month')::date)
        FROM date_trunc('month', late.interval_start AT TIME ZONE 'UTC') AS m;
        INSERT INTO ingest.readings
            (device_id, metric, interval_start, interval_end, value, quality, received_at, file_id,
             batch_id)
        VALUES (late.device_id, late.metric, late.interval_start, late.interval_end, late.value,
                late.quality, late.received_at, late.file_id, late.batch_id)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            outcome := 'accepted';
        ELSE
            SELECT r.*, r.value = late.value AND r.interval_end = late.interval_end
                   AND (r.quality = late.quality OR late.quality = 'UNCERTAIN') AS is_same
            INTO stands FROM ingest.readings r
            WHERE (r.device_id, r.metric, r.interval_start)
                  = (late.device_id, late.metric, late.interval_start)
            FOR UPDATE;
            IF stands.is_same THEN
                outcome := 'duplicate';
            ELSIF stands.received_at > late.received_at THEN
                outcome := 'superseded';
                INSERT INTO ingest.reading_revisions
                    (device_id, metric, interval_start, value, quality, received_at, file_id,
                     batch_id, replaced_at)
                VALUES (late.device_id, late.metric, late.interval_start, late.value, late.quality,
                        late.received_at, late.file_id, late.batch_id, at);
            ELSE
                INSERT INTO ingest.reading_revisions
                    (device_id, metric, interval_start, value, quality, received_at, file_id,
                     batch_id, replaced_at)
                VALUES (stands.device_id, stands.metric, stands.interval_start, stands.value,
                        stands.quality, stands.received_at, stands.file_id, stands.batch_id, at);
                UPDATE ingest.readings r
                SET interval_end = late.interval_end, value = late.value, quality = late.quality,
                    received_at = late.received_at, file_id = late.file_id,
                    batch_id = late.batch_id
                WHERE (r.device_id, r.metric, r.interval_start)
                      = (late.device_id, late.metric, late.interval_start);
            END IF;
        END IF;
        -- A register read at the very start of a day also closes the day before.
        SELECT ARRAY[
            (late.interval_start AT TIME ZONE m.time_zone
             - make_interval(hours => m.business_day_cutoff_hour::int))::date,
            ((late.interval_start
              - CASE WHEN late.metric LIKE '%_register' THEN interval '1 microsecond'
                     ELSE interval '0' END) AT TIME ZONE m.time_zone
             - make_interval(hours => m.business_day_cutoff_hour::int))::date]
        INTO days FROM app.malls m WHERE m.id = late.mall_id;
    ELSE
        SELECT * INTO sale FROM ingest.sales_of(jsonb_build_array(late.sale));
        days := ARRAY[sale.business_date];
        INSERT INTO ingest.till_transactions
            (device_id, business_date, number, has_stated_date, occurred_at, kind, gross_sales,
             refunds, discounts, tax, net_sales, original_number, quality, received_at, file_id,
             batch_id)
        VALUES (sale.device_id, sale.business_date, sale.number, sale.has_stated_date,
                sale.occurred_at, sale.kind, sale.gross_sales, sale.refunds, sale.discounts,
                sale.tax, late.value, sale.original_number, sale.quality, late.received_at,
                late.file_id, late.batch_id)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            outcome := 'accepted';
        ELSE
            SELECT t.*, same_sale(t, sale) AS is_same
            INTO stands FROM ingest.till_transactions t
            WHERE (t.device_id, t.business_date, t.number)
                  = (sale.device_id, sale.business_date, sale.number)
            FOR UPDATE;
            IF stands.is_same THEN
                outcome := 'duplicate';
            ELSIF stands.received_at > late.received_at THEN
                outcome := 'superseded';
                INSERT INTO ingest.till_transaction_revisions
                    (device_id, business_date, number, kind, occurred_at, gross_sales, refunds,
                     discounts, tax, net_sales, original_number, received_at, file_id, batch_id,
                     replaced_at)
                VALUES (sale.device_id, sale.business_date, sale.number, sale.kind,
                        sale.occurred_at, sale.gross_sales, sale.refunds, sale.discounts, sale.tax,
                        late.value, sale.original_number, late.received_at, late.file_id,
                        late.batch_id, at);
            ELSE
                INSERT INTO ingest.till_transaction_revisions
                    (device_id, business_date, number, kind, occurred_at, gross_sales, refunds,
                     discounts, tax, net_sales, original_number, received_at, file_id, batch_id,
                     replaced_at)
                VALUES (stands.device_id, stands.business_date, stands.number, stands.kind,
                        stands.occurred_at, stands.gross_sales, stands.refunds, stands.discounts,
                        stands.tax, stands.net_sales, stands.original_number, stands.received_at,
                        stands.file_id, stands.batch_id, at);
                UPDATE ingest.till_transactions t
                SET has_stated_date = sale.has_stated_date, occurred_at = sale.occurred_at,
                    kind = sale.kind, gross_sales = sale.gross_sales, refunds = sale.refunds,
                    discounts = sale.discounts, tax = sale.tax, net_sales = late.value,
                    original_number = sale.original_number, quality = sale.quality,
                    received_at = late.received_at, file_id = late.file_id,
                    batch_id = late.batch_id
                WHERE (t.device_id, t.business_date, t.number)
                      = (sale.device_id, sale.business_date, sale.number);
            END IF;
        END IF;
    END IF;
    IF outcome IN ('accepted', 'revised') THEN
        PERFORM ingest.touch_dates(late.mall_id, days, at);
    END IF;
    UPDATE ingest.late_readings l
    SET state = 'APPLIED', decided_at = at, decided_by = by, note = why
    WHERE l.id = late.id;
    RETURN outcome;
END
$$
"""

# Null when nothing of that number waits any more.
APPLY = """
CREATE FUNCTION ingest.apply_late(late_id bigint, at timestamptz, by text, why text)
RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    late ingest.late_readings;
BEGIN
    SELECT * INTO late FROM ingest.late_readings l WHERE l.id = late_id;
    IF late.id IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM app.require_mall(late.mall_id);
    PERFORM pg_advisory_xact_lock_shared(4207851, (late.mall_id % 2147483647)::int);
    IF EXISTS (SELECT FROM app.closed_months c
               WHERE c.mall_id = late.mall_id AND c.month = late.month) THEN
        RAISE EXCEPTION 'the month % of mall % is closed', late.month, late.mall_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT * INTO late FROM ingest.late_readings l
    WHERE l.id = late_id AND l.state = 'WAITING' FOR UPDATE;
    IF late.id IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN ingest.settle_late(late, at, by, why);
END
$$
"""

# A newer value comes for a month that was opened again: what waits under its key goes first.
SETTLE_WAITING = """
CREATE FUNCTION ingest.settle_waiting(
    mall_id bigint, months date[], device_ids bigint[], metrics text[], starts timestamptz[],
    sales jsonb, at timestamptz
) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    late ingest.late_readings;
    settled bigint := 0;
BEGIN
    PERFORM app.require_mall($1);
    FOR late IN
        SELECT l.* FROM ingest.late_readings l
        WHERE l.mall_id = $1 AND l.month = ANY ($2) AND l.state = 'WAITING'
          AND NOT EXISTS (SELECT FROM app.closed_months c
                          WHERE c.mall_id = l.mall_id AND c.month = l.month)
          AND ((l.sale IS NULL AND (l.device_id, l.metric, l.interval_start) IN (
                    SELECT * FROM unnest(device_ids, metrics, starts)))
            OR (l.sale IS NOT NULL
                AND (l.device_id, (l.sale ->> 'business_date')::date, l.sale ->> 'number') IN (
                    SELECT s.device_id, s.business_date, s.number
                    FROM ingest.sales_of(sales) s)))
        ORDER BY l.received_at, l.id FOR UPDATE
    LOOP
        PERFORM ingest.settle_late(late, at, '', 'a newer value came');
        settled := settled + 1;
    END LOOP;
    RETURN settled;
END
$$
"""

INNER = (
    "ingest.sales_of(jsonb)",
    "ingest.settle_late(ingest.late_readings, timestamptz, text, text)",
)
WRITERS = (
    "ingest.enter_months(bigint, date[])",
    "ingest.keep_late_readings(bigint, date[], bigint[], text[], timestamptz[], timestamptz[], "
    "numeric[], text[], timestamptz, bigint, bigint)",
    "ingest.keep_late_sales(bigint, jsonb, timestamptz, bigint, bigint)",
    "ingest.settle_sales(jsonb, timestamptz, bigint, bigint)",
    "ingest.settle_waiting(bigint, date[], bigint[], text[], timestamptz[], jsonb, timestamptz)",
)
APPLY_NAME = "ingest.apply_late(bigint, timestamptz, text, text)"


def _same_sale(found: re.Match[str]) -> str:
    return SAME_SALE.format(one=found[1], other=found[2])


def upgrade() -> None:
    op.create_index(
        "ix_late_readings_key",
        "late_readings",
        ["device_id", "metric", "interval_start"],
        schema="ingest",
    )
    for body in (
        ENTER,
        KEEP_READINGS,
        SALES_OF,
        KEEP_SALES,
        SETTLE_SALES,
        SETTLE_LATE,
        APPLY,
        SETTLE_WAITING,
    ):
        op.execute(re.sub(r"same_sale\((\w+), (\w+)\)", _same_sale, body))
    for function in (*INNER, *WRITERS, APPLY_NAME):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for function in WRITERS:
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {Group.INGEST}, {Group.PIPELINES}")
    op.execute(f"GRANT EXECUTE ON FUNCTION {APPLY_NAME} TO {Group.SUPER_ADMIN}, {Group.FINANCE}")


def downgrade() -> None:
    for function in (APPLY_NAME, *reversed(WRITERS), *reversed(INNER)):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_index("ix_late_readings_key", table_name="late_readings", schema="ingest")
