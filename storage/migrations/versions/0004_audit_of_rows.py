"""audit of rows"""

from alembic import op

from storage.audit_capture import capture_rows, release_rows

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Columns whose values are never written down. A test reads the names of all captured columns.
IS_SECRET = """
CREATE FUNCTION audit.is_secret(name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN name ~ '(password|secret|token|uniquifier|totp|recovery_codes|private|salt|sealed)'
"""

# Columns that change by themselves: alone they are no event.
IS_NOISE = """
CREATE FUNCTION audit.is_noise(name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN name IN (
    'current_login_at', 'current_login_ip', 'last_login_at', 'last_login_ip', 'last_seen_at',
    'last_used_at', 'login_count', 'updated_at')
"""

# What of a row is told: the named columns without noise, secrets as a word.
TOLD = """
CREATE FUNCTION audit.told(row_values jsonb, compared jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_object_agg(key, CASE WHEN value <> 'null' AND audit.is_secret(key)
                                      THEN '"[redacted]"' ELSE value END)
    FROM jsonb_each(row_values)
    WHERE NOT audit.is_noise(key)
      AND CASE WHEN compared IS NULL THEN value <> 'null'
               ELSE value IS DISTINCT FROM compared -> key END
$$
"""

# The mall of a row: its own column, or that of what it belongs to.
MALL = """
CREATE FUNCTION audit.mall_of(table_name text, row_values jsonb) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        CASE WHEN table_name = 'malls' THEN (row_values ->> 'id')::bigint END,
        (row_values ->> 'mall_id')::bigint,
        (SELECT mall_id FROM app.contracts WHERE id = (row_values ->> 'contract_id')::bigint),
        (SELECT mall_id FROM app.devices WHERE id = (row_values ->> 'device_id')::bigint),
        (SELECT mall_id FROM app.shops WHERE id = (row_values ->> 'shop_id')::bigint))
$$
"""

CAPTURE = """
CREATE FUNCTION audit.capture() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old_values jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_values jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    row_values jsonb := coalesce(new_values, old_values);
    thing text := row_values ->> TG_ARGV[1];
    before jsonb := audit.told(old_values, new_values);
    after jsonb := audit.told(new_values, old_values);
BEGIN
    IF before IS NULL AND after IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM audit.enqueue(
        now(),
        CASE TG_OP WHEN 'INSERT' THEN 'ROW_INSERTED' WHEN 'UPDATE' THEN 'ROW_UPDATED'
                   ELSE 'ROW_DELETED' END,
        audit.mall_of(TG_TABLE_NAME, row_values),
        CASE WHEN thing IS NULL THEN TG_TABLE_NAME ELSE TG_ARGV[0] END,
        coalesce(thing, row_values ->> 'id'),
        CASE WHEN thing IS NULL OR TG_ARGV[2] = '' THEN ''
             ELSE TG_TABLE_NAME || ':' || (row_values ->> TG_ARGV[2]) END,
        before, after, '', NULL);
    RETURN NULL;
END
$$
"""

WHOLE = (
    "malls", "units", "shops", "users", "roles", "contracts", "tariffs", "payments",
    "service_requests", "backups",
)  # fmt: skip
# (table, the thing it is part of, the column that names the thing, what tells the parts apart)
PARTS = (
    ("user_roles", "users", "user_id", "role_id"),
    ("user_malls", "users", "user_id", "mall_id"),
    ("user_shops", "users", "user_id", "shop_id"),
    ("contract_clauses", "contracts", "contract_id", "id"),
    ("contract_units", "contracts", "contract_id", "id"),
    ("device_installations", "devices", "device_id", "id"),
    ("device_keys", "devices", "device_id", "id"),
)
# Traffic turns a device on and off; only a person's word for it is worth keeping.
DEVICE_CHANGED = """
    OLD.status = 'MAINTENANCE' AND NEW.status <> 'MAINTENANCE'
    OR NEW.status = 'MAINTENANCE' AND OLD.status <> 'MAINTENANCE'
    OR to_jsonb(OLD) - '{status,last_seen_at}'::text[]
       IS DISTINCT FROM to_jsonb(NEW) - '{status,last_seen_at}'::text[]
"""
TABLES = (
    *WHOLE, *(part[0] for part in PARTS), "devices", "bills", "billing_gates",
)  # fmt: skip
FUNCTIONS = (
    "audit.capture()",
    "audit.mall_of(text, jsonb)",
    "audit.told(jsonb, jsonb)",
    "audit.is_noise(text)",
    "audit.is_secret(text)",
)


def upgrade() -> None:
    for function in (IS_SECRET, IS_NOISE, TOLD, MALL, CAPTURE):
        op.execute(function)
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    statements = [statement for table in WHOLE for statement in capture_rows(table)]
    for table, subject, column, part in PARTS:
        statements += capture_rows(table, subject=subject, subject_column=column, part_column=part)
    statements += capture_rows("devices", update_when=DEVICE_CHANGED)
    # A run writes thousands of bills and tells of them in bill_events.
    statements += capture_rows("bills", events=("UPDATE",))
    # Checks write gates by the thousand; people override them.
    statements += capture_rows(
        "billing_gates",
        events=("UPDATE",),
        update_when="OLD.overridden_by IS DISTINCT FROM NEW.overridden_by",
    )
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        for statement in release_rows(table):
            op.execute(statement)
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
