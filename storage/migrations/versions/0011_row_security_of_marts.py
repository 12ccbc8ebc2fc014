"""row security of the marts, which dbt makes

The schemas belong to the pipelines. Whoever makes a mart calls `app.protect_mart` on it in the
same transaction: dbt after each model, for a table that it makes anew has no row security.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Once all is said, saying it again changes and locks nothing.
PROTECT_MART = """
CREATE FUNCTION app.protect_mart(mart regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    staff constant text :=
        'atrium_super_admin, atrium_management, atrium_operation, atrium_finance';
    is_of_shops constant boolean := EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = mart AND attname = 'shop_id' AND NOT attisdropped);
BEGIN
    IF (SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = mart)
        AND (SELECT count(*) FROM pg_policy WHERE polrelid = mart) = 3 + is_of_shops::int
    THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', mart);
    EXECUTE format('DROP POLICY IF EXISTS pipelines ON %s', mart);
    EXECUTE format('DROP POLICY IF EXISTS backup ON %s', mart);
    EXECUTE format('DROP POLICY IF EXISTS staff ON %s', mart);
    EXECUTE format('DROP POLICY IF EXISTS shop ON %s', mart);
    EXECUTE format('CREATE POLICY pipelines ON %s TO atrium_pipelines USING (true)', mart);
    EXECUTE format('CREATE POLICY backup ON %s FOR SELECT TO atrium_backup USING (true)', mart);
    EXECUTE format('CREATE POLICY staff ON %s FOR SELECT TO %s '
        'USING ((SELECT app.scope_is_everything()) '
        'OR mall_id = ANY ((SELECT app.scope_malls())::bigint[]))', mart, staff);
    EXECUTE format('GRANT SELECT ON %s TO %s, atrium_backup', mart, staff);
    IF is_of_shops THEN
        EXECUTE format('CREATE POLICY shop ON %s FOR SELECT TO atrium_shop '
            'USING (shop_id = ANY ((SELECT app.scope_shops())::bigint[]))', mart);
        EXECUTE format('GRANT SELECT ON %s TO atrium_shop', mart);
    END IF;
END
$$
"""
# Marts that an earlier release built.
PROTECT_KNOWN = """
SELECT app.protect_mart(c.oid) FROM pg_class c
WHERE c.relnamespace = 'marts'::regnamespace AND c.relkind = 'r'
  AND EXISTS (SELECT FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attname = 'mall_id' AND NOT a.attisdropped)
"""
# A view reads as who asks it, not as who made it.
ASK_AS_CALLER = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT oid::regclass AS view FROM pg_class
        WHERE relnamespace IN ('staging'::regnamespace, 'marts'::regnamespace) AND relkind = 'v'
    LOOP
        EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', found.view);
    END LOOP;
END
$$
"""
OPEN_KNOWN = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT polname, polrelid::regclass AS mart FROM pg_policy
        WHERE polrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'marts'::regnamespace)
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', found.polname, found.mart);
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', found.mart);
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', found.mart);
        EXECUTE format('REVOKE ALL ON %s FROM atrium_super_admin, atrium_management, '
            'atrium_operation, atrium_finance, atrium_shop, atrium_backup', found.mart);
    END LOOP;
END
$$
"""
READERS = (
    "atrium_super_admin, atrium_management, atrium_operation, atrium_finance, atrium_shop, "
    "atrium_backup"
)


def upgrade() -> None:
    for schema in ("staging", "marts"):
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION atrium_pipelines")
    op.execute(f"GRANT USAGE ON SCHEMA marts TO {READERS}")
    op.execute("GRANT USAGE ON SCHEMA staging TO atrium_backup")
    op.execute(PROTECT_MART)
    op.execute("REVOKE ALL ON FUNCTION app.protect_mart(regclass) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION app.protect_mart(regclass) TO atrium_pipelines")
    op.execute(PROTECT_KNOWN)
    op.execute(ASK_AS_CALLER)


def downgrade() -> None:
    op.execute(OPEN_KNOWN)
    op.execute("DROP FUNCTION app.protect_mart(regclass)")
    op.execute("REVOKE USAGE ON SCHEMA staging FROM atrium_backup")
    op.execute(f"REVOKE USAGE ON SCHEMA marts FROM {READERS}")
